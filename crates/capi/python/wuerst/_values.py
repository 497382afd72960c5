"""Values of graphs as Python objects."""

from __future__ import annotations

import ctypes as c
import operator
import os
from typing import Any, Iterable, Union

from ._abi import INTERNAL, Error, call, filled, load, made
from ._structs import Digest, ImageView, Str, TensorView, View

Buffer = Union[bytes, bytearray, memoryview]
# What a graph takes: numbers, texts, paths, tensors and buffers, as NumPy arrays.
Value = Any
TYPES = {1: "bool", 2: "int", 3: "float", 4: "text", 5: "model", 6: "tensor", 7: "file"}
# Number of each element type; then memoryview's and NumPy's name for it, with its size in bytes.
_DTYPES = {"i64": 0x4000, "u8": 0x0801, "f16": 0x1002, "f32": 0x2002}
_FORMATS = {
    0x4000: ("q", "int64", 8),
    0x0801: ("B", "uint8", 1),
    0x1002: ("e", "float16", 2),
    0x2002: ("f", "float32", 4),
}


# Layouts of pictures in memory: number in the header, and bytes to a pixel.
_LAYOUTS = {"rgb8": (1, 3), "rgba8": (2, 4), "bgra8": (3, 4), "rgb32f": (4, 12), "rgba32f": (5, 16), "rgba16f": (6, 8)}


class Tensor:
    """Numbers in row-major order: `dtype` is i64, u8, f16 or f32. A picture is u8 (height, width, 3), RGB."""

    def __init__(self, dtype: str, shape: Iterable[int], data: Buffer) -> None:
        self.dtype: str = dtype
        self.shape: tuple[int, ...] = tuple(shape)
        self._data = bytes(data)
        if dtype not in _DTYPES:
            raise ValueError(f"dtype {dtype!r} is none of {', '.join(_DTYPES)}")
        size = _FORMATS[_DTYPES[dtype]][2]
        for length in self.shape:
            size *= length
        if size != len(self._data):
            raise ValueError(f"{dtype}{list(self.shape)} takes {size} bytes, not {len(self._data)}")

    @classmethod
    def copied(cls, view: TensorView) -> Tensor:
        """A copy of a view of the library."""
        names = {number: name for name, number in _DTYPES.items()}
        shape = [view.shape[i] for i in range(view.rank)]
        size = _FORMATS[view.dtype][2]
        for length in shape:
            size *= length
        return cls(names[view.dtype], shape, c.string_at(view.data, size) if size else b"")

    def __bytes__(self) -> bytes:
        return self._data

    def __repr__(self) -> str:
        return f"Tensor({self.dtype}{list(self.shape)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tensor):
            return False
        return (self.dtype, self.shape, self._data) == (other.dtype, other.shape, other._data)

    def memoryview(self) -> memoryview:
        """A memoryview with the tensor's shape."""
        letter: Any = _FORMATS[_DTYPES[self.dtype]][0]
        return memoryview(self._data).cast(letter, self.shape) if self._data and self.shape else memoryview(self._data)

    def copy_to(
        self, buffer: Any, layout: str = "rgba32f", bottom_up: bool = False, linear: bool = False, index: int = 0
    ) -> None:
        """Writes a picture into a writable buffer of exactly its size. `layout` is rgb8, rgba8, bgra8, rgb32f, rgba32f
        or rgba16f. `bottom_up` puts the last row first, as Blender and OpenFX do; `linear` converts sRGB to linear
        light, for floats. `index` picks one of several pictures."""
        number, pixel = _LAYOUTS[layout]
        if len(self.shape) not in (3, 4):
            raise ValueError(f"{self!r} is not a picture")
        height, width = self.shape[-3:-1]
        target = (c.c_char * (height * width * pixel)).from_buffer(buffer)
        if memoryview(buffer).nbytes != height * width * pixel:
            size = memoryview(buffer).nbytes
            raise ValueError(f"the buffer has {size} bytes, and {height * width * pixel} are needed")
        row = width * pixel
        first = c.addressof(target) + ((height - 1) * row if bottom_up and height else 0)
        row = -row if bottom_up else row
        image = ImageView(c.sizeof(ImageView), first, row, width, height, number, int(linear), index)
        handle = to_handle(self)
        try:
            call("wst_value_copy", handle, image)
        finally:
            load().wst_value_free(handle)

    @classmethod
    def from_picture(
        cls,
        buffer: Buffer,
        width: int,
        height: int,
        layout: str = "rgba32f",
        bottom_up: bool = False,
        linear: bool = False,
    ) -> Tensor:
        """A picture from a buffer of pixels without gaps, as `copy_to` writes them: u8, or f32 for a layout with
        floats. Alpha is ignored."""
        number, pixel = _LAYOUTS[layout]
        data = bytes(buffer)
        if len(data) != height * width * pixel:
            raise ValueError(f"the buffer has {len(data)} bytes, and {height * width * pixel} are needed")
        owned, row = c.create_string_buffer(data, len(data)), width * pixel
        first = c.addressof(owned) + ((height - 1) * row if bottom_up and height else 0)
        image = ImageView(c.sizeof(ImageView), first, -row if bottom_up else row, width, height, number, int(linear))
        handle = made("wst_value_image", image)
        try:
            return from_handle(handle)
        finally:
            load().wst_value_free(handle)

    def as_type(self, dtype: str) -> Tensor:
        """A copy with another element type: f16 as f32."""
        size = _FORMATS[_DTYPES[dtype]][2]
        for length in self.shape:
            size *= length
        out, handle = c.create_string_buffer(size), to_handle(self)
        try:
            call("wst_value_read", handle, _DTYPES[dtype], out, size)
        finally:
            load().wst_value_free(handle)
        return Tensor(dtype, self.shape, out.raw[:size])

    def digest(self) -> str:
        """The digest of its content, in hexadecimal; equal in every process and on every machine."""
        handle = to_handle(self)
        try:
            return bytes(filled(Digest, "wst_value_digest", handle).bytes).hex()
        finally:
            load().wst_value_free(handle)

    def numpy(self) -> Any:
        """A NumPy array over the same bytes, read-only. Needs NumPy."""
        import numpy  # type: ignore[import-not-found, unused-ignore]

        return numpy.frombuffer(self._data, _FORMATS[_DTYPES[self.dtype]][1]).reshape(self.shape)


def to_handle(value: Any) -> int:
    """A new handle for a Python value."""
    library = load()
    if isinstance(value, (str, os.PathLike)):
        return made("wst_value_text", Str.of(value))
    value = _number(value)
    if isinstance(value, bool):
        return library.wst_value_bool(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise OverflowError(f"{value} does not fit 64 bits")
        return library.wst_value_int(value) if value < 2**63 else library.wst_value_uint(value)
    if isinstance(value, float):
        return library.wst_value_float(value)
    view, _owned = raw_tensor(value)
    return made("wst_value_tensor", view)


def raw_tensor(value: Any) -> tuple[TensorView, object]:
    """A view of a Tensor or buffer for the library, and the objects that must live as long."""
    tensor = value if isinstance(value, Tensor) else _from_buffer(value)
    shape = (c.c_int64 * len(tensor.shape))(*tensor.shape)
    # ctypes keeps the bytes alive, and aligned as an allocation is.
    data = c.create_string_buffer(bytes(tensor), len(bytes(tensor)))
    return TensorView(_DTYPES[tensor.dtype], len(tensor.shape), shape, c.cast(data, c.c_void_p)), (shape, data)


def _number(value: Any) -> Any:
    """Converts an object with __index__ or __float__, such as NumPy's scalars, to a Python number."""
    if isinstance(value, (bool, int, float, Tensor)) or getattr(value, "shape", ()) != ():
        return value
    # NumPy's bool has neither method. A NumPy array without dimensions counts as a number.
    if type(value).__name__ in ("bool", "bool_") or str(getattr(value, "dtype", "")) == "bool":
        return bool(value)
    try:
        return operator.index(value)
    except TypeError:
        pass
    # A complex number would lose its imaginary part.
    if hasattr(type(value), "__float__") and not str(getattr(value, "dtype", "")).startswith("complex"):
        return float(value)
    return value


def _from_buffer(value: Any) -> Tensor:
    try:
        view = memoryview(value)
    except TypeError:
        raise TypeError(f"a {type(value).__name__} is not a value of a graph") from None
    letters = {"B": "u8", "e": "f16", "f": "f32", "q": "i64", "l": "i64" if view.itemsize == 8 else ""}
    dtype = letters.get(view.format.lstrip("<=@"))
    if not dtype:
        raise TypeError(f"elements of format {view.format!r}: u8, f16, f32 or i64 are expected")
    return Tensor(dtype, view.shape or (), view.tobytes())


def from_handle(value: Any) -> Any:
    """The value as a Python object; the handle stays the caller's."""
    kind = TYPES.get(load().wst_value_type(value))
    if kind == "tensor":
        view = TensorView()
        call("wst_value_as_tensor", value, view)
        return Tensor.copied(view)
    if kind in ("text", "model", "file"):
        text = View()
        call("wst_value_as_text", value, text)
        return text.text()
    kinds: dict[str, Any] = {"bool": (c.c_int, bool), "int": (c.c_int64, int), "float": (c.c_double, float)}
    if kind is None and not value:
        return None
    if kind not in kinds:
        raise Error(INTERNAL, "a value of an unknown type: use the Python module that came with the library")
    raw, plain = kinds[kind]
    out = raw()
    if kind == "int":
        # Numbers from 2**63 on, such as seeds, need the unsigned function.
        large = c.c_uint64()
        try:
            call("wst_value_as_uint", value, c.byref(large))
            return large.value
        except Error:
            pass
    call(f"wst_value_as_{kind}", value, c.byref(out))
    return plain(out.value)


def path_of(value: Any) -> str:
    """The absolute path of a model or file."""
    text = View()
    call("wst_value_as_path", value, text)
    return text.text()
