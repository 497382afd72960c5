"""Handles of the library, freed with their objects."""

from __future__ import annotations

from typing import TypeVar

from ._abi import load

Self = TypeVar("Self", bound="Handle")


class Handle:
    """Owns one handle; `close` frees it early, a `with` block at its end."""

    _free = ""

    def __init__(self, pointer: int | None) -> None:
        self._pointer = pointer

    @property
    def pointer(self) -> int:
        if not self._pointer:
            raise ValueError(f"this {type(self).__name__} is closed")
        return self._pointer

    def close(self) -> None:
        """Frees the handle; what is called afterwards raises ValueError."""
        pointer, self._pointer = getattr(self, "_pointer", None), None
        if pointer:
            getattr(load(), self._free)(pointer)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
