"""Engine, graph and job."""

import collections
import contextlib
import ctypes as c
import json

from ._abi import CANCELLED, LOG, OVERALL, PART, PREVIEW, PROGRESS, WARNING, Change, Digest, Error, Options, StatusView, Str
from ._abi import View, Watch, call, filled, load, made
from ._shown import kinds, ports, steps
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
    as "cuda:0,cpu"; `files` and `outputs` are the folders that nodes may read and write; `cache_folder` keeps costly
    results between processes. The others are as in wst_options too, 0 or "" for the library's choice. `log(level,
    message)` may be called from any thread.
    """

    _free = "wst_engine_free"

    def __init__(self, models="", runtime="", devices="", model_bytes=0, cache_bytes=0, threads=0, log=None, **more):
        self._log = LOG(lambda _, level, message: log(level, message.text())) if log else LOG()
        options = Options(c.sizeof(Options), *map(Str.of, (runtime, models, devices)), model_bytes, cache_bytes)
        options.threads, options.log = threads, self._log
        known = [field for field, _ in Options._fields_[Options._fields_.index(("cache_folder", Str)) :]]
        for name, value in more.items():
            if name not in known or name == "ort_api_base" or name.startswith("reserved"):
                raise TypeError(f"an engine has no option {name!r}")
            setattr(options, name, value if isinstance(value, int) else Str.of(value))
        super().__init__(made("wst_engine_new", options))

    def load_plugin(self, path):
        """Loads a library of nodes; graphs checked from now on can use them."""
        call("wst_engine_load", self.pointer, Str.of(path))

    def kinds(self):
        """The node kinds that graphs can use: a list of Kind."""
        return kinds(self.pointer)

    def graph(self, yaml, changes=None):
        """A checked graph from YAML text. `changes` maps "prior.steps" to a wire, a text or a value, and "prior" to
        another kind, as wst_graph_new_with says."""
        changes, owned = changes or {}, []
        try:
            array = (Change * max(len(changes), 1))()
            for at, (name, value) in enumerate(changes.items()):
                text = value if isinstance(value, str) else ""
                handle = None if isinstance(value, str) else to_handle(value)
                owned.append(handle)
                array[at] = Change(Str.of(name), Str.of(text), handle)
            return Graph(self, made("wst_graph_new_with", self.pointer, Str.of(yaml), array, len(changes)))
        finally:
            for handle in owned:
                load().wst_value_free(handle)

    def open(self, path):
        """A checked graph from a file."""
        return Graph(self, made("wst_graph_open", self.pointer, Str.of(path)))

    def report(self):
        """What it holds, and where its models run: a dict as wst_engine_report has it."""
        return _json(made("wst_engine_report", self.pointer))

    def release(self):
        """Unloads models and forgets results that nothing uses at the moment."""
        load().wst_engine_release(self.pointer)


def _json(handle):
    try:
        return json.loads(from_handle(handle))
    finally:
        load().wst_value_free(handle)


class Graph(_Handle):
    """A checked graph."""

    _free = "wst_graph_free"

    def __init__(self, engine, pointer):
        super().__init__(pointer)
        # Its callbacks must outlive the work of its graphs.
        self._engine = engine

    def inputs(self):
        """What a job may set: a list of Port, with the limits and meanings of the nodes behind them."""
        return ports(load().wst_graph_input_count(self.pointer), "wst_graph_input", self.pointer)

    def outputs(self):
        """What a job may ask for: a list of Port."""
        return ports(load().wst_graph_output_count(self.pointer), "wst_graph_output", self.pointer)

    def steps(self):
        """Its nodes, each after those that it uses: a list of Step."""
        return steps(self.pointer)

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

    def unset(self, name):
        """Sets an input back to what the graph has."""
        call("wst_job_unset", self.pointer, Str.of(name))

    def get(self, output, **callbacks):
        """The value of an output; runs what is needed, in this thread.

        `progress(node, done, of)`, `preview(node, tensor)`, `warning(node, message)`, `overall(node, fraction)` and
        `part(output, index, of, value)` (one of the results that an output joins is finished) are called in this thread;
        `preview_every` is how many steps lie between previews. An exception in one of them cancels the run and is raised
        here.
        """
        return self.get_all([output], **callbacks)[0]

    def get_all(self, outputs, **callbacks):
        """The values of several outputs, in one run."""
        watching = _Watching(self.cancel, **callbacks)
        names, values = _names(outputs), (c.c_void_p * len(outputs))()
        with watching.raised_first():
            call("wst_job_get_all", self.pointer, names, len(outputs), watching.raw, values)
        return watching.values(values)

    def start(self, *outputs, **callbacks):
        """Begins a run in the background; see Running. Callbacks, as of `get`, are called in its thread."""
        return Running(self, outputs, callbacks)

    def cancel(self):
        """Stops the runs in progress, from any thread; they raise an Error with the code CANCELLED."""
        load().wst_job_cancel(self.pointer)

    def digest(self, output):
        """What an output depends on, in hexadecimal: while it is the same, so is the output. Runs nothing."""
        return bytes(filled(Digest, "wst_job_digest", self.pointer, Str.of(output)).bytes).hex()

    def report(self):
        """What the last run did: a dict as wst_job_report has it."""
        return _json(made("wst_job_report", self.pointer))


def _names(outputs):
    return (Str * max(len(outputs), 1))(*map(Str.of, outputs))


class _Watching:
    """Callbacks for C, and what they raised."""

    def __init__(self, cancel, progress=None, preview=None, warning=None, overall=None, part=None, preview_every=0):
        self._cancel, self._raised = cancel, []
        self.raw = Watch(c.sizeof(Watch))
        self.raw.preview_every = preview_every
        if progress:
            self.raw.progress = PROGRESS(self._guarded(lambda node, done, of: progress(node.text(), done, of)))
        if preview:
            self.raw.preview = PREVIEW(self._guarded(lambda node, rgb: preview(node.text(), Tensor.copied(rgb.contents))))
        if warning:
            self.raw.warning = WARNING(self._guarded(lambda node, message: warning(node.text(), message.text())))
        if overall:
            self.raw.overall = OVERALL(self._guarded(lambda node, fraction: overall(node.text(), fraction)))
        if part:
            shown = lambda output, index, of, value: part(output.text(), index, of, from_handle(value))
            self.raw.part = PART(self._guarded(shown))

    def _guarded(self, call):
        def run(_, *arguments):
            try:
                if not self._raised:
                    call(*arguments)
            except BaseException as error:  # whatever it is, it must not pass through the library
                self._raised.append(error)
                self._cancel()

        return run

    @contextlib.contextmanager
    def raised_first(self):
        """What a callback raised comes before the cancellation that it caused."""
        try:
            yield
        except Error as error:
            if self._raised and error.code == CANCELLED:
                raise self._raised[0] from None
            raise

    def values(self, handles):
        """The values of new handles, which are freed."""
        try:
            if self._raised:
                raise self._raised[0]
            return [from_handle(handle) for handle in handles]
        finally:
            for handle in handles:
                load().wst_value_free(handle)


Status = collections.namedtuple("Status", "state fraction node done of previews warnings")
Status.__doc__ = """How far a run has come: `state` is "running", "done", "stopped" or "failed"; `fraction` counts the whole run."""


class Running(_Handle):
    """A run in the background, which a tool polls from its timer. Closing it stops it, and waits for its thread."""

    _free = "wst_run_free"

    def __init__(self, job, outputs, callbacks):
        self._watching, self._outputs = _Watching(job.cancel, **callbacks), outputs
        started = made("wst_job_start", job.pointer, _names(outputs), len(outputs), self._watching.raw)
        super().__init__(started)
        # Its engine's callbacks must outlive it.
        self.job = job

    def poll(self):
        """How far it has come: a Status, at once."""
        view = filled(StatusView, "wst_run_poll", self.pointer)
        state = ("running", "done", "stopped", "failed")[view.state]
        return Status(state, view.fraction, view.node.text(), view.done, view.of, view.previews, view.warnings)

    def preview(self):
        """The newest preview that was not given yet, a Tensor, or None; they are made from the first call on."""
        handle = made("wst_run_preview", self.pointer)
        if not handle:
            return None
        try:
            return from_handle(handle)
        finally:
            load().wst_value_free(handle)

    def warnings(self):
        """What the user should know: pairs of node and message."""
        found, node, message = [], View(), View()
        while load().wst_run_warning(self.pointer, len(found), node, message):
            found.append((node.text(), message.text()))
        return found

    def done(self):
        """Whether it has ended, one way or another."""
        return bool(load().wst_run_wait(self.pointer, 0))

    def wait(self, seconds=None):
        """Waits until it has ended, or so long; says whether it has."""
        return bool(load().wst_run_wait(self.pointer, -1 if seconds is None else max(0, int(seconds * 1000))))

    def cancel(self):
        """Asks this run to stop, and no other of the job."""
        load().wst_run_cancel(self.pointer)

    def result(self):
        """The value, or the list of values when it was begun for several outputs; or raises what went wrong. Waits for it.
        Once."""
        handles = (c.c_void_p * len(self._outputs))()
        with self._watching.raised_first():
            call("wst_run_take", self.pointer, handles, len(handles))
        values = self._watching.values(handles)
        return values[0] if len(values) == 1 else values
