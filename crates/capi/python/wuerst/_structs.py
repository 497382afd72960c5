"""libwuerst's structs and callbacks in ctypes. The header documents them."""

from __future__ import annotations

import ctypes as c
import os
from typing import Any


class Str(c.Structure):
    """A text passed to the library."""

    _fields_ = [("data", c.c_char_p), ("len", c.c_size_t)]

    @classmethod
    def of(cls, text: Any) -> Str:
        data = os.fspath(text).encode("utf-8")
        return cls(data, len(data))

    @classmethod
    def of_path(cls, path: Any) -> Str:
        """A path as the system has it, which need not be UTF-8."""
        data = os.fsencode(path)
        return cls(data, len(data))

    def text(self) -> str:
        return c.string_at(self.data, self.len).decode("utf-8") if self.len else ""


class View(c.Structure):
    """A text owned by the library. Not always NUL-terminated, so its pointer must not become a `bytes`."""

    _fields_ = [("data", c.c_void_p), ("len", c.c_size_t)]

    def text(self) -> str:
        return c.string_at(self.data, self.len).decode("utf-8") if self.len else ""


class TensorView(c.Structure):
    """A tensor in memory of Python or the library, row-major."""

    _fields_ = [("dtype", c.c_uint32), ("rank", c.c_uint32), ("shape", c.POINTER(c.c_int64)), ("data", c.c_void_p)]


# Callbacks return an error as a number, since ctypes does not return pointers from callbacks.
NODE_FUNCTION = c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_void_p)
STATE = c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_void_p, c.c_void_p)
BATCH = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_void_p)
DROP = c.CFUNCTYPE(None, c.c_void_p)
READ = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_uint64, c.c_void_p, c.c_size_t)
LOG = c.CFUNCTYPE(None, c.c_void_p, c.c_int, View)
PROGRESS = c.CFUNCTYPE(None, c.c_void_p, View, c.c_uint32, c.c_uint32)
PREVIEW = c.CFUNCTYPE(None, c.c_void_p, View, c.POINTER(TensorView))
WARNING = c.CFUNCTYPE(None, c.c_void_p, View, View)
OVERALL = c.CFUNCTYPE(None, c.c_void_p, View, c.c_double)
PART = c.CFUNCTYPE(None, c.c_void_p, View, c.c_uint32, c.c_uint32, c.c_void_p)


class Options(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("runtime", Str),
        ("models", Str),
        ("devices", Str),
        ("model_bytes", c.c_uint64),
        ("cache_bytes", c.c_uint64),
        ("threads", c.c_uint32),
        ("reserved", c.c_uint32),
        ("log", LOG),
        ("user", c.c_void_p),
        ("cache_folder", Str),
        ("cache_folder_bytes", c.c_uint64),
        ("ort_api_base", c.c_void_p),
        ("files", Str),
        ("outputs", Str),
        ("stage_devices", Str),
        ("stage_threads", Str),
        ("strict", c.c_uint32),
        ("reserved2", c.c_uint32),
        ("outputs_bytes", c.c_uint64),
        ("outputs_files", c.c_uint32),
        ("reserved3", c.c_uint32),
        ("settings", Str),
        ("lora", Str),
    ]


class Asset(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("size", c.c_uint64),
        ("data", c.c_void_p),
        ("read", READ),
        ("drop", DROP),
        ("user", c.c_void_p),
    ]


class Observer(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("progress", PROGRESS),
        ("preview", PREVIEW),
        ("warning", WARNING),
        ("user", c.c_void_p),
        ("overall", OVERALL),
        ("preview_every", c.c_uint32),
        ("reserved", c.c_uint32),
        ("part", PART),
    ]


class Change(c.Structure):
    _fields_ = [("name", Str), ("text", Str), ("value", c.c_void_p)]


class ShownChange(c.Structure):
    """A change owned by the library."""

    _fields_ = [("name", View), ("text", View), ("value", c.c_void_p)]


class PortView(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("name", View),
        ("type", c.c_uint32),
        ("flags", c.c_uint32),
        ("type_text", View),
        ("declaration", View),
        ("initial", c.c_void_p),
        ("minimum", c.c_double),
        ("maximum", c.c_double),
        ("choices", c.POINTER(View)),
        ("choice_count", c.c_size_t),
        ("about", View),
        ("role", c.c_uint32),
        ("reserved", c.c_uint32),
        ("title", View),
    ]


class KindView(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("kind", View),
        ("signature", View),
        ("about", View),
        ("version", c.c_uint32),
        ("flags", c.c_uint32),
        ("input_count", c.c_size_t),
        ("output_count", c.c_size_t),
    ]


class NodeView(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("name", View),
        ("kind", View),
        ("devices", View),
        ("arguments", c.POINTER(ShownChange)),
        ("argument_count", c.c_size_t),
    ]


class StatusView(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("state", c.c_uint32),
        ("reserved", c.c_uint32),
        ("fraction", c.c_double),
        ("node", View),
        ("done", c.c_uint32),
        ("of", c.c_uint32),
        ("previews", c.c_uint64),
        ("warnings", c.c_uint64),
    ]


class ImageView(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("data", c.c_void_p),
        ("row_bytes", c.c_ssize_t),
        ("width", c.c_uint32),
        ("height", c.c_uint32),
        ("format", c.c_uint32),
        ("flags", c.c_uint32),
        ("index", c.c_uint32),
        ("reserved", c.c_uint32),
    ]


class Digest(c.Structure):
    _fields_ = [("bytes", c.c_uint8 * 32)]


class RawKind(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("kind", Str),
        ("signature", Str),
        ("about", Str),
        ("ports", Str),
        ("version", c.c_uint32),
        ("flags", c.c_uint32),
        ("run", NODE_FUNCTION),
        ("check", NODE_FUNCTION),
        ("drop", DROP),
        ("user", c.c_void_p),
        ("state", STATE),
        ("batch", BATCH),
        ("expected_ms", c.c_double),
    ]


class BatchView(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("over", Str), ("each", Str), ("counts", Str)]
