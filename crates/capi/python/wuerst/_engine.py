"""Engine, graph and job."""

from __future__ import annotations

import ctypes as c
import json
import os
from typing import Any, Callable, Iterable, Mapping, Union

from . import _installed
from ._abi import LOG, Change, Digest, Options, Str, call, filled, load, made
from ._handle import Handle
from ._node import NodeKind
from ._runs import Running, inside_callback, waited
from ._shown import Kind, Node, Port, kinds, nodes, ports
from ._values import from_handle, to_handle


Path = Union[str, "os.PathLike[str]"]


class Engine(Handle):
    """Node kinds, loaded models and remembered results.

    `models` is the folder that graphs name models in; without it, WUERST_MODELS or an installed package of models counts.
    `runtime` is the path of ONNX Runtime's library, `devices` a list
    as "cuda:0,cpu"; `files` and `outputs` are the folders that nodes may read and write; `cache_folder` keeps costly
    results between processes; `settings` is the path of a settings file, before which the others count. The others are
    as in wst_options too, 0 or "" for the library's choice. `log(level, message)` may be called from any thread.
    """

    _free = "wst_engine_free"

    def __init__(
        self,
        models: Path = "",
        runtime: Path = "",
        devices: str = "",
        model_bytes: int = 0,
        cache_bytes: int = 0,
        threads: int = 0,
        log: Callable[[int, str], Any] | None = None,
        **more: Any,
    ) -> None:
        # A settings file may name models too.
        models = models or ("" if more.get("settings") else _installed.models())
        runtime = runtime or _installed.runtime() or ""
        self._log = LOG(inside_callback(lambda _, level, message: log(level, message.text()))) if log else LOG()
        options = Options(c.sizeof(Options), *map(Str.of, (runtime, models, devices)), model_bytes, cache_bytes)
        options.threads, options.log = threads, self._log
        names = [field[0] for field in Options._fields_]
        known = names[names.index("cache_folder") :]
        for name, value in more.items():
            if name not in known or name.startswith("reserved"):
                raise TypeError(f"an engine has no option {name!r}")
            setattr(options, name, value if isinstance(value, int) else Str.of(value))
        self._nodes: list[NodeKind] = []
        super().__init__(made("wst_engine_new", options))

    def load_plugin(self, path: Path) -> None:
        """Loads a library of nodes; graphs checked from now on can use them."""
        call("wst_engine_load", self.pointer, Str.of(path))

    def add(self, kind: str, signature: str, run: Callable[..., Any], **more: Any) -> None:
        """Adds a node kind that runs a function of Python: `run(call, *arguments)` gives the value of the output, or a list
        where there are several. `more` are about, ports, version, is_volatile, expected_ms, check, state and batch: see NodeKind."""
        node = NodeKind(kind, signature, run, **more)
        call("wst_engine_add", self.pointer, node.raw)
        self._nodes.append(node)

    def add_graph(self, kind: str, yaml: str) -> None:
        """Adds a graph, the text of a graph file, as a node kind."""
        call("wst_engine_add_graph", self.pointer, Str.of(kind), Str.of(yaml))

    def open_graph(self, kind: str, path: Path) -> None:
        """Adds a graph file as a node kind; names in it lead into its folder."""
        call("wst_engine_open_graph", self.pointer, Str.of(kind), Str.of(path))

    def kinds(self) -> list[Kind]:
        """The node kinds that graphs can use: a list of Kind."""
        return kinds(self.pointer)

    def graph(self, yaml: str, changes: Mapping[str, Any] | None = None) -> Graph:
        """A checked graph from YAML text. `changes` maps "prior.steps" to a wire, a text or a value, and "prior" to
        another kind, as wst_graph_new_with says."""
        changes = changes or {}
        owned: list[int | None] = []
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

    def open(self, path: Path) -> Graph:
        """A checked graph from a file."""
        return Graph(self, made("wst_graph_open", self.pointer, Str.of(path)))

    def report(self) -> dict[str, Any]:
        """What it holds, and where its models run: a dict as wst_engine_report has it."""
        return _json(made("wst_engine_report", self.pointer))

    def release(self) -> None:
        """Unloads models and forgets results that nothing uses at the moment."""
        load().wst_engine_release(self.pointer)


def _json(handle: int) -> dict[str, Any]:
    try:
        return json.loads(from_handle(handle))
    finally:
        load().wst_value_free(handle)


class Graph(Handle):
    """A checked graph."""

    _free = "wst_graph_free"

    def __init__(self, engine: Engine, pointer: int) -> None:
        super().__init__(pointer)
        # Its callbacks must outlive the work of its graphs.
        self._engine = engine

    def inputs(self) -> list[Port]:
        """What a job may set: a list of Port, with the limits and meanings of the nodes behind them."""
        return ports(load().wst_graph_input_count(self.pointer), "wst_graph_input", self.pointer)

    def outputs(self) -> list[Port]:
        """What a job may ask for: a list of Port."""
        return ports(load().wst_graph_output_count(self.pointer), "wst_graph_output", self.pointer)

    def nodes(self) -> list[Node]:
        """Its nodes, each after those that it uses: a list of Node."""
        return nodes(self.pointer)

    def job(self, **inputs: Any) -> Job:
        """A new job, with some inputs set."""
        job = Job(self, made("wst_job_new", self.pointer))
        for name, value in inputs.items():
            job[name] = value
        return job


class Job(Handle):
    """One graph with its inputs. `job[name] = value` sets an input: bool, int, float, str, what has __index__ or __float__
    as NumPy's numbers, a Tensor, or anything with the buffer protocol, as a NumPy array. A seed is any number from 0 to
    2**64 - 1, of which the low 32 bits count, as in PyTorch."""

    _free = "wst_job_free"

    def __init__(self, graph: Graph, pointer: int) -> None:
        super().__init__(pointer)
        self._graph = graph

    def __setitem__(self, name: str, value: Any) -> None:
        owned = to_handle(value)
        try:
            call("wst_job_set", self.pointer, Str.of(name), owned)
        finally:
            load().wst_value_free(owned)

    def set_text(self, name: str, text: str) -> None:
        """Sets an input from text, read as its type demands."""
        call("wst_job_set_text", self.pointer, Str.of(name), Str.of(text))

    def unset(self, name: str) -> None:
        """Sets an input back to what the graph has."""
        call("wst_job_unset", self.pointer, Str.of(name))

    def get(self, output: str, **callbacks: Any) -> Any:
        """The value of an output; runs what is needed, and waits for it. Ctrl-C cancels the run and raises KeyboardInterrupt.

        `progress(node, done, of)`, `preview(node, tensor)`, `warning(node, message)`, `overall(node, fraction)` and
        `part(output, index, of, value)` (one of the results that an output joins is finished) are called in this thread;
        `preview_every` is how many steps lie between previews. An exception in one of them cancels the run and is raised
        here.
        """
        return self.get_all([output], **callbacks)[0]

    def get_all(self, outputs: Iterable[str], **callbacks: Any) -> list[Any]:
        """The values of several outputs, in one run."""
        return waited(self, tuple(outputs), callbacks)

    def start(self, *outputs: str, **callbacks: Any) -> Running:
        """Begins a run in the background; see Running. Callbacks, as of `get`, are called in its thread."""
        return Running(self, outputs, callbacks)

    def cancel(self) -> None:
        """Stops the runs in progress, from any thread; they raise an Error with the code CANCELLED."""
        load().wst_job_cancel(self.pointer)

    def digest(self, output: str) -> str:
        """What an output depends on, in hexadecimal: while it is the same, so is the output. Runs nothing."""
        return bytes(filled(Digest, "wst_job_digest", self.pointer, Str.of(output)).bytes).hex()

    def xmp(self, output: str) -> str:
        """An XMP packet for a file with the picture: it states that a model made it. Empty where none does. Runs nothing."""
        handle = made("wst_job_xmp", self.pointer, Str.of(output))
        try:
            return from_handle(handle)
        finally:
            load().wst_value_free(handle)

    def report(self) -> dict[str, Any]:
        """What the last run did: a dict as wst_job_report has it."""
        return _json(made("wst_job_report", self.pointer))
