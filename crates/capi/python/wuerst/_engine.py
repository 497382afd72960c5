"""Engine, graph and job."""

import ctypes as c
import threading

from ._abi import CANCELLED, LOG, PREVIEW, PROGRESS, WARNING, Error, Options, Str, Watch, call, load, made
from ._values import Tensor, from_handle, to_handle


class _Handle:
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


class Engine(_Handle):
    """Node kinds, loaded models and remembered results.

    `models` is the folder that graphs name models in, `runtime` the path of ONNX Runtime's library, `devices` a list
    as "cuda:0,cpu"; `model_bytes`, `cache_bytes` and `threads` as in wst_options, 0 for the library's choice.
    `log(level, message)` may be called from any thread.
    """

    _free = "wst_engine_free"

    def __init__(self, models="", runtime="", devices="", model_bytes=0, cache_bytes=0, threads=0, log=None):
        self._log = LOG(lambda _, level, message: log(level, message.text())) if log else LOG()
        options = Options(c.sizeof(Options), *map(Str.of, (runtime, models, devices)), model_bytes, cache_bytes)
        options.threads, options.log = threads, self._log
        super().__init__(made("wst_engine_new", options))

    def load_plugin(self, path):
        """Loads a library of nodes; graphs checked from now on can use them."""
        call("wst_engine_load", self.pointer, Str.of(path))

    def graph(self, yaml):
        """A checked graph from YAML text."""
        return Graph(self, made("wst_graph_new", self.pointer, Str.of(yaml)))

    def open(self, path):
        """A checked graph from a file."""
        return Graph(self, made("wst_graph_open", self.pointer, Str.of(path)))


class Graph(_Handle):
    """A checked graph."""

    _free = "wst_graph_free"

    def __init__(self, engine, pointer):
        super().__init__(pointer)
        # Its callbacks must outlive the work of its graphs.
        self._engine = engine

    def job(self, **inputs):
        """A new job, with some inputs set."""
        job = Job(self, made("wst_job_new", self.pointer))
        for name, value in inputs.items():
            job[name] = value
        return job


class Job(_Handle):
    """One graph with its inputs. `job[name] = value` sets an input: bool, int, float, str, a Tensor, or anything with
    the buffer protocol, as a NumPy array."""

    _free = "wst_job_free"

    def __init__(self, graph, pointer):
        super().__init__(pointer)
        self._graph = graph

    def __setitem__(self, name, value):
        owned = to_handle(value)
        try:
            call("wst_job_set", self.pointer, Str.of(name), owned)
        finally:
            load().wst_value_free(owned)

    def set_text(self, name, text):
        """Sets an input from text, read as its type demands."""
        call("wst_job_set_text", self.pointer, Str.of(name), Str.of(text))

    def get(self, output, progress=None, preview=None, warning=None):
        """The value of an output; runs what is needed, in this thread.

        `progress(node, done, of)`, `preview(node, tensor)` and `warning(node, message)` are called in this thread. An
        exception in one of them cancels the run and is raised here.
        """
        raised = []

        def guarded(call):
            def run(_, *arguments):
                try:
                    if not raised:
                        call(*arguments)
                except BaseException as error:  # whatever it is, it must not pass through the library
                    raised.append(error)
                    self.cancel()

            return run

        watch = Watch(c.sizeof(Watch))
        if progress:
            watch.progress = PROGRESS(guarded(lambda node, done, of: progress(node.text(), done, of)))
        if preview:
            watch.preview = PREVIEW(guarded(lambda node, rgb: preview(node.text(), Tensor.copied(rgb.contents))))
        if warning:
            watch.warning = WARNING(guarded(lambda node, message: warning(node.text(), message.text())))
        try:
            value = made("wst_job_get", self.pointer, Str.of(output), watch)
        except Error as error:
            if raised and error.code == CANCELLED:
                raise raised[0] from None
            raise
        try:
            if raised:
                raise raised[0]
            return from_handle(value)
        finally:
            load().wst_value_free(value)

    def start(self, output, **callbacks):
        """Runs `get` in a thread of its own; see Running."""
        return Running(self, output, callbacks)

    def cancel(self):
        """Stops the run in progress, from any thread; its `get` raises an Error with the code CANCELLED."""
        load().wst_job_cancel(self.pointer)


class Running:
    """A run in a thread of its own, which a tool polls from its timer."""

    def __init__(self, job, output, callbacks):
        self.job, self._result, self._error = job, None, None
        self._thread = threading.Thread(target=self._run, args=(output, callbacks), daemon=True)
        self._thread.start()

    def _run(self, output, callbacks):
        try:
            self._result = self.job.get(output, **callbacks)
        except BaseException as error:  # raised again in `result`
            self._error = error

    def done(self):
        """Whether it has ended, one way or another."""
        return not self._thread.is_alive()

    def wait(self, seconds=None):
        """Waits until it has ended, or so long; says whether it has."""
        self._thread.join(seconds)
        return self.done()

    def cancel(self):
        """Asks the run to stop."""
        self.job.cancel()

    def result(self):
        """What `get` gave, or raises what it raised; waits for it."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result
