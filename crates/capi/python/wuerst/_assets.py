"""Files in memory, or read by a function, in place of files in the models folder."""

from __future__ import annotations

import ctypes as c
import itertools
from typing import Any, Callable, Union

from ._abi import call
from ._runs import inside_callback
from ._structs import DROP, READ, Asset, Str

Content = Union[bytes, bytearray, memoryview, Callable[[int, int], bytes]]

# What the library uses, by number, until it says that it no longer does.
_in_use: dict[int, Any] = {}
_numbers = itertools.count(1)


def _dropped(number: Any) -> None:
    _in_use.pop(number, None)


_DROPPED = DROP(_dropped)


def add(engine: int, name: str, content: Content, size: int) -> None:
    """Adds the file to an engine."""
    number = next(_numbers)
    asset = Asset(c.sizeof(Asset), drop=_DROPPED, user=number)
    if callable(content):
        read = content

        @inside_callback
        def copied(_user: Any, offset: int, into: Any, count: int) -> int:
            try:
                part = read(offset, count)
                if len(part) != count:
                    return 0
                c.memmove(into, bytes(part), count)
                return 1
            except BaseException:  # it must not pass through the library, which names the file
                return 0

        callback = READ(copied)
        asset.size, asset.read = size, callback
        _in_use[number] = callback
    else:
        view = memoryview(content).cast("B")
        # A copy only of memory that can change.
        kept = content if isinstance(content, bytes) else bytes(view)
        asset.size, asset.data = len(view), c.cast(c.c_char_p(kept), c.c_void_p)
        _in_use[number] = kept
    try:
        call("wst_engine_add_file", engine, Str.of(name), asset)
    except BaseException:
        _in_use.pop(number, None)
        raise
