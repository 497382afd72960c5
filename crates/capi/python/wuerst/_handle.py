"""Handles of the library, freed with their objects."""

from ._abi import load


class Handle:
    """Owns one handle; `close` frees it early, a `with` block at its end."""

    _free = None

    def __init__(self, pointer):
        self._pointer = pointer

    @property
    def pointer(self):
        if not self._pointer:
            raise ValueError(f"this {type(self).__name__} is closed")
        return self._pointer

    def close(self):
        pointer, self._pointer = getattr(self, "_pointer", None), None
        if pointer:
            getattr(load(), self._free)(pointer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()
