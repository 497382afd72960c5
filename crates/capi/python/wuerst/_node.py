"""Node kinds written in Python."""

from __future__ import annotations

import ctypes as c
import hashlib
from typing import Any, Callable, Iterable

from ._abi import INVALID, NODE, Error, call, load, made
from ._runs import inside_callback
from ._structs import BATCH, NODE_FUNCTION, STATE, BatchView, Digest, RawKind, Str
from ._values import from_handle, raw_tensor, to_handle


class Call:
    """One run of one node. Valid inside the node's function, in its thread."""

    def __init__(self, pointer: Any) -> None:
        self._pointer = pointer

    def arguments(self) -> list[Any]:
        """The values of the inputs; None for an input left out or not known yet."""
        values: list[Any] = []
        while True:
            try:
                values.append(from_handle(made("wst_call_argument", self._pointer, len(values))))
            except Error as error:
                if error.code != INVALID:
                    raise
                return values

    def has(self, index: int) -> bool:
        """Whether an input has a value now, or will have one when the node runs."""
        return bool(load().wst_call_has(self._pointer, index))

    def step(self, done: int, of: int) -> bool:
        """Reports finished steps; returns whether to continue."""
        return bool(load().wst_call_step(self._pointer, done, of))

    def wants_preview(self) -> bool:
        """Whether the caller wants a preview of the current step."""
        return bool(load().wst_call_wants_preview(self._pointer))

    def preview(self, tensor: Any) -> None:
        """Shows a preview picture, u8 (height, width, 3)."""
        view, _owned = raw_tensor(tensor)
        call("wst_call_preview", self._pointer, view)

    def warn(self, message: str) -> None:
        """Warns the user; the run continues."""
        call("wst_call_warn", self._pointer, Str.of(message))

    def node(self) -> str:
        """The node's name in the graph."""
        return load().wst_call_node(self._pointer).text()

    def results(self, values: Iterable[Any]) -> None:
        """Sets the results."""
        for index, value in enumerate(values):
            handle = to_handle(value)
            try:
                call("wst_call_result", self._pointer, index, handle)
            finally:
                load().wst_value_free(handle)


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for C; an exception becomes an error of the node."""

    @inside_callback
    def guarded(_: Any, pointer: Any, *more: Any) -> Any:
        try:
            function(Call(pointer), *more)
        except Error as error:
            return load().wst_error_new(error.code, Str.of(error.message))
        except (ValueError, TypeError) as error:
            return load().wst_error_new(INVALID, Str.of(str(error)))
        except BaseException as error:  # whatever it is, it must not pass through the library
            return load().wst_error_new(NODE, Str.of(f"{type(error).__name__}: {error}"))

    return guarded


class NodeKind:
    """A node kind: `run(call, *arguments)` returns the value of its output, or a tuple for several outputs.

    `check(call, *known)` refuses arguments by a ValueError; a message that begins with an input's name and ": " blames
    that input. `state(call, *known)` returns bytes that identify external state that the results depend on, or None.
    `batch(call)` returns (over, each, counts) if the node makes several results: an input, a tuple of inputs, and an
    input or ""; otherwise None. `expected_ms` is the rough run time in milliseconds.
    """

    def __init__(
        self,
        kind: str,
        signature: str,
        run: Callable[..., Any],
        about: str = "",
        ports: str = "",
        version: int = 1,
        is_volatile: bool = False,
        expected_ms: float = 0.0,
        check: Callable[..., Any] | None = None,
        state: Callable[..., bytes | None] | None = None,
        batch: Callable[[Call], tuple[str, Iterable[str], str] | None] | None = None,
    ) -> None:
        def ran(shown: Call) -> None:
            values = run(shown, *shown.arguments())
            shown.results(values if isinstance(values, tuple) else (values,))

        def told(shown: Call, out: Any) -> None:
            assert state is not None
            content = state(shown, *shown.arguments())
            if content is not None:
                digest = hashlib.blake2b(content, digest_size=32).digest()
                c.memmove(out, digest, c.sizeof(Digest))

        @inside_callback
        def shared(_: Any, pointer: Any, out: Any) -> int:
            assert batch is not None
            try:
                described = batch(Call(pointer))
                if described is None:
                    return 0
                over, each, counts = described
                # Kept until the next call.
                self._batch = BatchView(c.sizeof(BatchView), Str.of(over), Str.of(",".join(each)), Str.of(counts))
                c.memmove(out, c.byref(self._batch), c.sizeof(BatchView))
                return 1
            except BaseException:  # it must not pass through the library; the node then makes one result
                return 0

        raw = RawKind(c.sizeof(RawKind), *map(Str.of, (kind, signature, about, ports)), version, int(is_volatile))
        raw.run, raw.expected_ms = NODE_FUNCTION(_guarded(ran)), expected_ms
        if check:
            raw.check = NODE_FUNCTION(_guarded(lambda shown: check(shown, *shown.arguments())))
        if state:
            raw.state = STATE(_guarded(told))
        if batch:
            raw.batch = BATCH(shared)
        self.raw = raw
