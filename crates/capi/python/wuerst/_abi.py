"""libwuerst's functions in ctypes, its loading and its errors. The header documents them."""

from __future__ import annotations

import ctypes as c
import ctypes.util
import os
import sys
import threading
from typing import Any, Iterable, NamedTuple

from . import _installed
from ._structs import (
    Asset,
    Change,
    Digest,
    ImageView,
    KindView,
    NodeView,
    Observer,
    Options,
    PortView,
    RawKind,
    StatusView,
    Str,
    TensorView,
    View,
)

INVALID, GRAPH, NOT_FOUND, FILE, MODEL, RUNTIME, OUT_OF_MEMORY, NODE, CANCELLED, INTERNAL = range(1, 11)


class Place(NamedTuple):
    """Where a graph is wrong: line and column from 1, the path of keys, and the message."""

    line: int
    column: int
    path: str
    message: str



class Error(Exception):
    """An error of the library: `code` is one of INVALID to INTERNAL; `places` are a graph's problems."""

    def __init__(self, code: int, message: str, places: Iterable[Place] = ()) -> None:
        super().__init__(message)
        self.code: int = code
        self.message: str = message
        self.places: list[Place] = list(places)

_P, _OUT = c.c_void_p, c.POINTER(c.c_void_p)
# Results and arguments of the functions used. "error" marks functions whose error is raised.
_FUNCTIONS = {
    "wst_abi_version": (c.c_uint32, []),
    "wst_error_new": (_P, [c.c_uint32, Str]),
    "wst_error_code": (c.c_uint32, [_P]),
    "wst_error_message": (View, [_P]),
    "wst_error_place": (
        c.c_int,
        [_P, c.c_size_t, c.POINTER(c.c_uint32), c.POINTER(c.c_uint32), c.POINTER(View), c.POINTER(View)],
    ),
    "wst_error_free": (None, [_P]),
    "wst_value_bool": (_P, [c.c_int]),
    "wst_value_int": (_P, [c.c_int64]),
    "wst_value_uint": (_P, [c.c_uint64]),
    "wst_value_float": (_P, [c.c_double]),
    "wst_value_text": ("error", [Str, _OUT]),
    "wst_value_tensor": ("error", [c.POINTER(TensorView), _OUT]),
    "wst_value_type": (c.c_uint32, [_P]),
    "wst_value_as_bool": ("error", [_P, c.POINTER(c.c_int)]),
    "wst_value_as_int": ("error", [_P, c.POINTER(c.c_int64)]),
    "wst_value_as_uint": ("error", [_P, c.POINTER(c.c_uint64)]),
    "wst_value_as_path": ("error", [_P, c.POINTER(View)]),
    "wst_value_read": ("error", [_P, c.c_uint32, _P, c.c_size_t]),
    "wst_value_image": ("error", [c.POINTER(ImageView), _OUT]),
    "wst_value_as_float": ("error", [_P, c.POINTER(c.c_double)]),
    "wst_value_as_text": ("error", [_P, c.POINTER(View)]),
    "wst_value_as_tensor": ("error", [_P, c.POINTER(TensorView)]),
    "wst_value_free": (None, [_P]),
    "wst_value_digest": ("error", [_P, c.POINTER(Digest)]),
    "wst_value_copy": ("error", [_P, c.POINTER(ImageView)]),
    "wst_version": (View, []),
    "wst_engine_report": ("error", [_P, _OUT]),
    "wst_engine_release": (None, [_P]),
    "wst_engine_kinds": ("error", [_P, _OUT]),
    "wst_kinds_count": (c.c_size_t, [_P]),
    "wst_kinds_at": ("error", [_P, c.c_size_t, c.POINTER(KindView)]),
    "wst_kinds_input": ("error", [_P, c.c_size_t, c.c_size_t, c.POINTER(PortView)]),
    "wst_kinds_output": ("error", [_P, c.c_size_t, c.c_size_t, c.POINTER(PortView)]),
    "wst_kinds_free": (None, [_P]),
    "wst_engine_new": ("error", [c.POINTER(Options), _OUT]),
    "wst_engine_free": (None, [_P]),
    "wst_engine_load": ("error", [_P, Str]),
    "wst_engine_add": ("error", [_P, c.POINTER(RawKind)]),
    "wst_engine_add_file": ("error", [_P, Str, c.POINTER(Asset)]),
    "wst_engine_add_graph": ("error", [_P, Str, Str]),
    "wst_engine_open_graph": ("error", [_P, Str, Str]),
    "wst_call_argument": ("error", [_P, c.c_size_t, _OUT]),
    "wst_call_has": (c.c_int, [_P, c.c_size_t]),
    "wst_call_result": ("error", [_P, c.c_size_t, _P]),
    "wst_call_step": (c.c_int, [_P, c.c_uint32, c.c_uint32]),
    "wst_call_wants_preview": (c.c_int, [_P]),
    "wst_call_preview": ("error", [_P, c.POINTER(TensorView)]),
    "wst_call_warn": ("error", [_P, Str]),
    "wst_call_node": (View, [_P]),
    "wst_graph_open": ("error", [_P, Str, _OUT]),
    "wst_graph_open_without_models": ("error", [_P, Str, _OUT]),
    "wst_graph_missing_model": (c.c_int, [_P, c.c_size_t, c.POINTER(View), c.POINTER(View)]),
    "wst_graph_left_out": ("error", [_P, c.c_size_t, _OUT]),
    "wst_graph_digest": ("error", [_P, c.POINTER(Digest)]),
    "wst_graph_new_with": ("error", [_P, Str, c.POINTER(Change), c.c_size_t, _OUT]),
    "wst_graph_input_count": (c.c_size_t, [_P]),
    "wst_graph_input": ("error", [_P, c.c_size_t, c.POINTER(PortView)]),
    "wst_graph_output_count": (c.c_size_t, [_P]),
    "wst_graph_output": ("error", [_P, c.c_size_t, c.POINTER(PortView)]),
    "wst_graph_node_count": (c.c_size_t, [_P]),
    "wst_graph_node": ("error", [_P, c.c_size_t, c.POINTER(NodeView)]),
    "wst_graph_free": (None, [_P]),
    "wst_job_new": ("error", [_P, _OUT]),
    "wst_job_set": ("error", [_P, Str, _P]),
    "wst_job_set_text": ("error", [_P, Str, Str]),
    "wst_job_unset": ("error", [_P, Str]),
    "wst_job_digest": ("error", [_P, Str, c.POINTER(Digest)]),
    "wst_job_xmp": ("error", [_P, Str, _OUT]),
    "wst_job_report": ("error", [_P, _OUT]),
    "wst_job_save": ("error", [_P, Str, Str, c.POINTER(Observer), c.c_uint32]),
    "wst_job_start": ("error", [_P, c.POINTER(Str), c.c_size_t, c.POINTER(Observer), _OUT]),
    "wst_run_poll": ("error", [_P, c.POINTER(StatusView)]),
    "wst_run_preview": ("error", [_P, _OUT]),
    "wst_run_warning": (c.c_int, [_P, c.c_size_t, c.POINTER(View), c.POINTER(View)]),
    "wst_run_wait": (c.c_int, [_P, c.c_int64]),
    "wst_run_cancel": (None, [_P]),
    "wst_run_take": ("error", [_P, _OUT, c.c_size_t]),
    "wst_run_free": (None, [_P]),
    "wst_job_cancel": (None, [_P]),
    "wst_job_free": (None, [_P]),
}
_library: Any = None
_loading = threading.Lock()


def load(path: str | os.PathLike[str] | None = None) -> Any:
    """Loads the library once per process; later calls return the loaded one.

    Raises OSError with every place that was tried if there is none.
    """
    global _library
    with _loading:
        if _library is None:
            _library = _bound(path)
        return _library


def _bound(path: Any) -> Any:
    name = {"win32": "wuerst.dll", "darwin": "libwuerst.dylib"}.get(sys.platform, "libwuerst.so")
    named = path or os.environ.get("WUERST_LIBRARY")
    tried = [named] if named else _installed.library_places(name)
    if not named:
        tried.append(ctypes.util.find_library("wuerst") or name)
    problems = []
    for candidate in tried:
        try:
            # The loader would wait for a pipe.
            if os.path.exists(candidate) and not os.path.isfile(candidate):
                raise OSError(f"{candidate} is not a regular file")
            library = c.CDLL(candidate)
        except OSError as error:
            problems.append(str(error))
            continue
        for function, (result, arguments) in _FUNCTIONS.items():
            bound = getattr(library, function, None)
            if bound is None:
                raise OSError(f"{candidate} has no {function}: it is older than this module")
            bound.argtypes = arguments
            bound.restype = c.c_void_p if result == "error" else result
        return library
    raise OSError("no libwuerst: set WUERST_LIBRARY to its path, or call wuerst.load(path); " + "; ".join(problems))


def call(name: str, *arguments: Any) -> None:
    """Calls a function, and raises the error that it returns."""
    library = load()
    error = getattr(library, name)(*arguments)
    if not error:
        return
    try:
        code, message = library.wst_error_code(error), library.wst_error_message(error).text()
        places, index = [], 0
        line, column, path, text = c.c_uint32(), c.c_uint32(), View(), View()
        while library.wst_error_place(error, index, line, column, path, text):
            places.append(Place(line.value, column.value, path.text(), text.text()))
            index += 1
    finally:
        library.wst_error_free(error)
    raise Error(code, message, places)


def filled(struct: Any, name: str, *arguments: Any) -> Any:
    """Calls a function whose last argument is a struct to fill; returns the struct."""
    out = struct()
    if hasattr(out, "struct_size"):
        out.struct_size = c.sizeof(struct)
    call(name, *arguments, c.byref(out))
    return out


def made(name: str, *arguments: Any) -> Any:
    """Calls a function whose last argument receives a new handle; returns the handle."""
    out = c.c_void_p()
    call(name, *arguments, c.byref(out))
    return out.value
