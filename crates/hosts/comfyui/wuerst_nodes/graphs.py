"""A node for each graph: of those that ship, and of the user's."""

import logging

import wuerst
from comfy_api.latest import io

from . import engines, pictures, runs, sockets, widgets

_log = logging.getLogger("wuerst")
# Ids of outputs must differ from those of inputs: graphs have an `image` on both sides.
_OUT = "out_"


def _reader(graph, port):
    """The kind of the node that reads the file of an input; "" when none does directly."""
    wire = f"${port.name}"
    for node in graph.nodes():
        if wire in node.arguments.values():
            return node.kind
    return ""


def _converter(graph, port):
    if port.type == "file":
        if port.role in ("picture", "mask"):
            # In memory.
            return lambda value: pictures.bytes_of(value)[..., :3] if hasattr(value, "detach") else value
        reader = _reader(graph, port)
        return lambda value: pictures.in_file(value, reader)
    return lambda value: pictures.to_engine(value, port.type_text)


def _about(path):
    """The comment that a graph file begins with."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return " ".join(lines).split(" wuerst run ", 1)[0].strip()


def _input(graph, port):
    if port.type == "file":
        return widgets.of_file(port, port.name, _reader(graph, port))
    left_out = graph.left_out(port.name) if port.optional else None
    return widgets.widget(port, port.name, models=engines.model_files(), left_out=left_out)


def _shown(path, sets):
    """The graph with the first set of models that fits; without models where none does, since a node that vanishes
    breaks saved workflows."""
    for name in sets:
        try:
            return engines.engine(name).open(path)
        except wuerst.Error:
            # The set is of another family, or incomplete.
            continue
    return engines.without_models().open(path, without_models=True)


def _schema(node_id, path, category):
    sets = list(engines.model_sets())
    graph = _shown(path, sets)
    tooltip = "Folders of stage models in models/wuerst, and installed packages."
    inputs = [io.Combo.Input("models", options=sets, tooltip=tooltip)]
    inputs += [_input(graph, port) for port in graph.inputs()]
    outputs = [
        sockets.of_output(port).Output(f"{_OUT}{port.name}", display_name=port.name)
        for port in graph.outputs()
    ]
    return io.Schema(
        node_id=node_id,
        display_name=f"Würstchen: {path.stem.replace('-', ' ')}",
        category=category,
        description=_about(path),
        inputs=inputs,
        outputs=outputs,
    )


def _node(node_id, path, category):
    class Graph(io.ComfyNode):
        """A graph as a node."""

        @classmethod
        def define_schema(cls):
            # ComfyUI calls this for each listing, so edited graphs and new models show up.
            return _schema(node_id, path, category)

        @classmethod
        def fingerprint_inputs(cls, models="", **_):
            return engines.stamp(path) + engines.stamp_of_set(models)

        @classmethod
        def execute(cls, models="", **values):
            graph = runs.opened(path, models)
            ports = [(port, _converter(graph, port)) for port in graph.inputs()]
            outputs = [port.name for port in graph.outputs()]
            return io.NodeOutput(*runs.batch(graph, ports, outputs, values))

    Graph.__name__ = Graph.__qualname__ = node_id
    return Graph


def all_nodes():
    """The nodes of all graphs that are right; the log names the others and the reason."""
    nodes = []
    for prefix, folder in engines.graph_folders():
        category = "Würstchen" if prefix == "wuerst_graph_" else "Würstchen/mine"
        for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else []:
            node = _node(prefix + path.stem.replace("-", "_"), path, category)
            try:
                node.define_schema()
            except (wuerst.Error, OSError, UnicodeDecodeError) as error:
                _log.warning("no node for %s: %s", path.name, error)
                continue
            nodes.append(node)
    return nodes
