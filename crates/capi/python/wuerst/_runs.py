"""Runs: their callbacks, and waiting for them in a way that Ctrl-C can interrupt."""

from __future__ import annotations

import contextlib
import ctypes as c
import functools
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Iterator, NamedTuple

from ._abi import CANCELLED, INVALID, Error, call, filled, load, made
from ._handle import Handle
from ._structs import OVERALL, PART, PREVIEW, PROGRESS, WARNING, Observer, StatusView, Str, View
from ._values import Tensor, from_handle

if TYPE_CHECKING:
    from ._engine import Job

# Length of a wait inside the library in milliseconds; Python handles signals between waits.
SLICE = 50
_here = threading.local()


def is_inside() -> bool:
    """Whether this thread is inside a callback or node, where nothing may wait for a run."""
    return getattr(_here, "depth", 0) > 0


def inside_callback(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks its thread as inside a callback while a function runs."""

    @functools.wraps(function)
    def marked(*arguments: Any) -> Any:
        _here.depth = getattr(_here, "depth", 0) + 1
        try:
            return function(*arguments)
        finally:
            _here.depth -= 1

    return marked


def refusal(what: str) -> Error:
    """The library's error for a wait inside a callback."""
    return Error(INVALID, f"{what}: cannot run or be waited for inside a callback or node: use start")


def _names(outputs: tuple[str, ...]) -> c.Array[Str]:
    return (Str * max(len(outputs), 1))(*map(Str.of, outputs))


class _Watching:
    """Callbacks for C, and the exceptions that they raised."""

    def __init__(
        self,
        cancel: Callable[[], None],
        progress: Callable[[str, int, int], Any] | None = None,
        preview: Callable[[str, Tensor], Any] | None = None,
        warning: Callable[[str, str], Any] | None = None,
        overall: Callable[[str, float], Any] | None = None,
        part: Callable[[str, int, int, Any], Any] | None = None,
        preview_every: int = 0,
    ) -> None:
        self._cancel = cancel
        self._raised: list[BaseException] = []
        self.raw = Observer(c.sizeof(Observer))
        self.raw.preview_every = preview_every
        if progress:
            self.raw.progress = PROGRESS(self._guarded(lambda node, done, of: progress(node.text(), done, of)))
        if preview:
            shown_rgb = lambda node, rgb: preview(node.text(), Tensor.copied(rgb.contents))
            self.raw.preview = PREVIEW(self._guarded(shown_rgb))
        if warning:
            self.raw.warning = WARNING(self._guarded(lambda node, message: warning(node.text(), message.text())))
        if overall:
            self.raw.overall = OVERALL(self._guarded(lambda node, fraction: overall(node.text(), fraction)))
        if part:
            shown = lambda output, index, of, value: part(output.text(), index, of, from_handle(value))
            self.raw.part = PART(self._guarded(shown))

    def _guarded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @inside_callback
        def run(_: Any, *arguments: Any) -> None:
            try:
                if not self._raised:
                    call(*arguments)
            except BaseException as error:  # whatever it is, it must not pass through the library
                self._raised.append(error)
                self._cancel()

        return run

    @contextlib.contextmanager
    def raised_first(self) -> Iterator[None]:
        """Raises a callback's exception in place of the cancellation that it caused."""
        try:
            yield
        except Error as error:
            if self._raised and error.code == CANCELLED:
                raise self._raised[0] from None
            raise

    def values(self, handles: Any) -> list[Any]:
        """The values of new handles; frees the handles."""
        try:
            if self._raised:
                raise self._raised[0]
            return [from_handle(handle) for handle in handles]
        finally:
            for handle in handles:
                load().wst_value_free(handle)


class Status(NamedTuple):
    """How far a run has come: `state` is "running", "done", "stopped" or "failed"; `fraction` counts the whole run."""

    state: str
    fraction: float
    node: str
    done: int
    of: int
    previews: int
    warnings: int



class Running(Handle):
    """A run in the background, which a tool polls from its timer. Closing it cancels it and waits for its thread."""

    _free = "wst_run_free"

    def __init__(self, job: Job, outputs: tuple[str, ...], callbacks: dict[str, Any]) -> None:
        self._watching, self._outputs = _Watching(job.cancel, **callbacks), outputs
        started = made("wst_job_start", job.pointer, _names(outputs), len(outputs), self._watching.raw)
        super().__init__(started)
        # Its engine's callbacks must outlive it.
        self.job = job

    def poll(self) -> Status:
        """The progress as a Status, without waiting."""
        view = filled(StatusView, "wst_run_poll", self.pointer)
        state = ("running", "done", "stopped", "failed")[view.state]
        return Status(state, view.fraction, view.node.text(), view.done, view.of, view.previews, view.warnings)

    def preview(self) -> Tensor | None:
        """The newest preview not returned before, a Tensor, or None. Previews are made from the first call on."""
        handle = made("wst_run_preview", self.pointer)
        if not handle:
            return None
        try:
            return from_handle(handle)
        finally:
            load().wst_value_free(handle)

    def warnings(self) -> list[tuple[str, str]]:
        """Warnings for the user: pairs of node and message."""
        found: list[tuple[str, str]] = []
        node, message = View(), View()
        while load().wst_run_warning(self.pointer, len(found), node, message):
            found.append((node.text(), message.text()))
        return found

    def done(self) -> bool:
        """Whether it has ended, with success or not."""
        return bool(load().wst_run_wait(self.pointer, 0))

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until it has ended, at most for `seconds`; returns whether it has."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self.done():
            left = SLICE if until is None else min(SLICE, int((until - time.monotonic()) * 1000))
            if left <= 0 or is_inside():
                return self.done()
            # In slices, between which Python handles signals.
            load().wst_run_wait(self.pointer, left)
        return True

    def cancel(self) -> None:
        """Cancels this run, and no other of the job."""
        load().wst_run_cancel(self.pointer)

    def result(self) -> Any:
        """Waits for the run and returns its value, or the list of values for several outputs; raises its error. Can be
        called once."""
        values = self.results()
        return values[0] if len(values) == 1 else values

    def results(self) -> list[Any]:
        """Like `result`, always a list."""
        if not self.wait():
            raise refusal("run")
        handles = (c.c_void_p * len(self._outputs))()
        with self._watching.raised_first():
            call("wst_run_take", self.pointer, handles, len(handles))
        return self._watching.values(handles)


class _Caller:
    """Passes callbacks of a run to the thread that waits for it, and waits there until they return."""

    def __init__(self, callbacks: dict[str, Any]) -> None:
        self._calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._open = True
        self.callbacks = {name: self._passed(value) if callable(value) else value for name, value in callbacks.items()}

    def _passed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def passed(*arguments: Any) -> None:
            done = threading.Event()
            self._calls.put((function, arguments, done))
            while self._open and not done.wait(SLICE / 1000):
                pass

        return passed

    def serve(self, running: Running) -> None:
        """Runs callbacks until the run has ended."""
        while not running.done():
            with contextlib.suppress(queue.Empty):
                function, arguments, done = self._calls.get(timeout=0.01)
                inside_callback(function)(*arguments)
                done.set()

    def close(self) -> None:
        """Lets the run continue without callbacks."""
        self._open = False


def waited(job: Job, outputs: tuple[str, ...], callbacks: dict[str, Any]) -> list[Any]:
    """The values of outputs. Waits for a run in the background, so that Ctrl-C can cancel it."""
    if is_inside():
        raise refusal("job")
    caller = _Caller(callbacks)
    running: Running | None = None
    try:
        running = Running(job, outputs, caller.callbacks)
        if callbacks:
            caller.serve(running)
        return running.results()
    except KeyboardInterrupt:
        # Ctrl-C may come before `running` is assigned.
        if running is None:
            job.cancel()
        raise
    finally:
        caller.close()
        if running is not None:
            running.close()
