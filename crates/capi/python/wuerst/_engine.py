"""Engine, graph and job."""

from __future__ import annotations

import ctypes as c
import inspect
import json
import os
from typing import Any, Callable, Iterable, Mapping, TypeVar, Union

from . import _assets, _installed
from ._assets import Content
from ._abi import call, filled, load, made
from ._handle import Handle
from ._node import NodeKind
from ._runs import Running, inside_callback, waited
from ._shown import Kind, Node, Port, kinds, nodes, ports
from ._structs import LOG, Change, Digest, Options, Str, View
from ._values import from_handle, to_handle

Path = Union[str, "os.PathLike[str]"]
_Function = TypeVar("_Function", bound=Callable[..., Any])

# Options that are paths, next to `runtime` and `models`.
_PATHS = ("cache_folder", "files", "outputs", "settings")


class Engine(Handle):
    """Runs graphs; holds node kinds, loaded models and remembered results.

    `models` is the folder of models that graphs name; without it, the one in WUERST_MODELS or of an installed package
    of models. `runtime` is the path of ONNX Runtime's library, `devices` a list such as "cuda:0,cpu"; `files` and
    `outputs` are the folders that nodes may read and write. `cache_folder` keeps costly results between processes.
    `settings` is the path of a settings file, which the other options override. Each option is a field of wst_options;
    0 or "" is the library's choice. `log(level, message)` is called from any thread.
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
        options = Options(c.sizeof(Options), Str.of_path(runtime), Str.of_path(models), Str.of(devices))
        options.model_bytes, options.cache_bytes = model_bytes, cache_bytes
        options.threads, options.log = threads, self._log
        names = [field[0] for field in Options._fields_]
        known = names[names.index("cache_folder") :]
        for name, value in more.items():
            if name not in known or name.startswith("reserved"):
                raise TypeError(f"an engine has no option {name!r}")
            text = Str.of_path if name in _PATHS else Str.of
            setattr(options, name, value if isinstance(value, int) else text(value))
        self._nodes: list[NodeKind] = []
        super().__init__(made("wst_engine_new", options))

    def load_plugin(self, path: Path) -> None:
        """Loads a plug-in; graphs checked later can use its node kinds."""
        call("wst_engine_load", self.pointer, Str.of_path(path))

    def add(self, kind: str, signature: str, run: Callable[..., Any], **more: Any) -> None:
        """Adds a node kind that runs a Python function: `run(call, *arguments)` returns the value of the output, or a
        tuple for several. `more` are about, ports, version, is_volatile, expected_ms, check, state and batch: see
        NodeKind."""
        node = NodeKind(kind, signature, run, **more)
        call("wst_engine_add", self.pointer, node.raw)
        self._nodes.append(node)

    def node(self, kind: str, signature: str, **more: Any) -> Callable[[_Function], _Function]:
        """A decorator that adds a function as a node kind and returns it unchanged. The function takes the inputs in the
        order of the signature, after the call if its first parameter is named `call`; its docstring describes the node.

            @engine.node("my.darker", "image: u8[h,w,3], amount: float = 0.5 -> image: u8[h,w,3]")
            def darker(image, amount): ...

        `more` are the options of `add`.
        """

        def added(function: _Function) -> _Function:
            first = next(iter(inspect.signature(function).parameters), "")
            run = function if first == "call" else lambda _call, *arguments: function(*arguments)
            more.setdefault("about", (inspect.getdoc(function) or "").split("\n\n", 1)[0].replace("\n", " "))
            self.add(kind, signature, run, **more)
            return function

        return added

    def add_file(self, name: str, content: Content, size: int = 0) -> None:
        """Adds a file in memory for graphs checked later, in place of one in the models folder: a model, its external data,
        its tokenizer, or a file that a graph reads. `content` is bytes, or a function `read(offset, count)` that returns a
        part of `size` bytes, called when the file is needed, from any thread. Nothing is written to a disk."""
        _assets.add(self.pointer, name, content, size)

    def add_graph(self, kind: str, yaml: str) -> None:
        """Adds a graph, the text of a graph file, as a node kind."""
        call("wst_engine_add_graph", self.pointer, Str.of(kind), Str.of(yaml))

    def open_graph(self, kind: str, path: Path) -> None:
        """Adds a graph file as a node kind; names in it resolve in its folder."""
        call("wst_engine_open_graph", self.pointer, Str.of(kind), Str.of_path(path))

    def kinds(self) -> list[Kind]:
        """The node kinds that graphs can use: a list of Kind."""
        return kinds(self.pointer)

    def graph(self, yaml: str, changes: Mapping[str, Any] | None = None) -> Graph:
        """A checked graph from YAML text. `changes` maps "prior.steps" to a wire, a text or a value, and "prior" to
        another kind, as in wst_graph_new_with."""
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

    def open(self, path: Path, without_models: bool = False) -> Graph:
        """A checked graph from a file. `without_models` accepts missing models; see `Graph.missing_models`."""
        function = "wst_graph_open_without_models" if without_models else "wst_graph_open"
        return Graph(self, made(function, self.pointer, Str.of_path(path)))

    def report(self) -> dict[str, Any]:
        """ONNX Runtime, loaded models with their devices, and remembered results: a dict as in wst_engine_report."""
        return _json(made("wst_engine_report", self.pointer))

    def release(self) -> None:
        """Unloads models and forgets results that are not in use."""
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
        """Inputs that a job can set: a list of Port, with the limits and descriptions of the nodes that they feed."""
        return ports(load().wst_graph_input_count(self.pointer), "wst_graph_input", self.pointer)

    def outputs(self) -> list[Port]:
        """Outputs that a job can compute: a list of Port."""
        return ports(load().wst_graph_output_count(self.pointer), "wst_graph_output", self.pointer)

    def missing_models(self) -> list[tuple[str, str]]:
        """Missing models of a graph opened with `without_models`: arguments, such as "prior.model", and messages."""
        missing: list[tuple[str, str]] = []
        argument, message = View(), View()
        while load().wst_graph_missing_model(self.pointer, len(missing), argument, message):
            missing.append((argument.text(), message.text()))
        return missing

    def left_out(self, name: str) -> Any:
        """The value used for an input that a job does not set: its initial value, or a default of the models behind it,
        such as the number of steps. None if there is none, or if it is not known."""
        index = [port.name for port in self.inputs()].index(name)
        handle = made("wst_graph_left_out", self.pointer, index)
        try:
            return from_handle(handle)
        finally:
            load().wst_value_free(handle)

    def digest(self) -> str:
        """A digest, in hexadecimal, of the graph and its models alone, without the values that a job sets."""
        return bytes(filled(Digest, "wst_graph_digest", self.pointer).bytes).hex()

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
    """A graph with input values. `job[name] = value` sets an input: bool, int, float, str, a number with __index__ or
    __float__ such as NumPy's, a path, a Tensor, or an object with the buffer protocol such as a NumPy array. A seed is
    a number from 0 to 2**64 - 1 of which only the low 32 bits count, as in PyTorch."""

    _free = "wst_job_free"

    def __init__(self, graph: Graph, pointer: int) -> None:
        super().__init__(pointer)
        self._graph = graph

    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, os.PathLike):
            call("wst_job_set_text", self.pointer, Str.of(name), Str.of_path(value))
            return
        owned = to_handle(value)
        try:
            call("wst_job_set", self.pointer, Str.of(name), owned)
        finally:
            load().wst_value_free(owned)

    def set_text(self, name: str, text: str) -> None:
        """Sets an input from text, parsed according to its type."""
        call("wst_job_set_text", self.pointer, Str.of(name), Str.of(text))

    def unset(self, name: str) -> None:
        """Resets an input to the graph's own value."""
        call("wst_job_unset", self.pointer, Str.of(name))

    def get(self, output: str, **callbacks: Any) -> Any:
        """Computes an output and waits for it. Ctrl-C cancels the run and raises KeyboardInterrupt.

        `progress(node, done, of)`, `preview(node, tensor)`, `warning(node, message)`, `overall(node, fraction)` and
        `part(output, index, of, value)` (one item of a batched output is ready) are called in this thread;
        `preview_every` is the interval of previews in steps. An exception in one of them cancels the run and is raised
        here.
        """
        return self.get_all([output], **callbacks)[0]

    def get_all(self, outputs: Iterable[str], **callbacks: Any) -> list[Any]:
        """The values of several outputs, in one run."""
        return waited(self, tuple(outputs), callbacks)

    def save(self, output: str, path: Path, mark: bool = True, **callbacks: Any) -> None:
        """Computes an output, as `get` does, and writes it to a file. The extension of the path decides the format:
        .png for a picture or mask, .npy for a tensor, .txt for a text or a number. `mark` marks a picture that a
        model made."""
        # Python handles Ctrl-C while it waits here; the library then remembers the value.
        self.get(output, **callbacks)
        call("wst_job_save", self.pointer, Str.of(output), Str.of_path(path), None, 0 if mark else 1)

    def start(self, *outputs: str, **callbacks: Any) -> Running:
        """Begins a run in the background; see Running. Callbacks are those of `get`, called in the run's thread."""
        return Running(self, outputs, callbacks)

    def cancel(self) -> None:
        """Cancels the runs in progress, from any thread; they raise an Error with the code CANCELLED."""
        load().wst_job_cancel(self.pointer)

    def digest(self, output: str) -> str:
        """A digest, in hexadecimal, of everything that an output depends on. Runs nothing."""
        return bytes(filled(Digest, "wst_job_digest", self.pointer, Str.of(output)).bytes).hex()

    def xmp(self, output: str) -> str:
        """An XMP packet for a picture file, stating that a model made the picture; otherwise empty. Runs nothing."""
        handle = made("wst_job_xmp", self.pointer, Str.of(output))
        try:
            return from_handle(handle)
        finally:
            load().wst_value_free(handle)

    def report(self) -> dict[str, Any]:
        """A report on the last run: a dict as in wst_job_report."""
        return _json(made("wst_job_report", self.pointer))
