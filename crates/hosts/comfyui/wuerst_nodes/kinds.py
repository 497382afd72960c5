"""A node for each node kind, so that stages are wired in ComfyUI itself."""

from comfy_api.latest import io

from . import engines, pictures, runs, sockets, widgets

_OUT = "out_"


def _yaml(kind):
    """A graph of this node alone."""
    inputs = "".join(f"  {port.name}: '{_quoted(port.declaration)}'\n" for port in kind.inputs)
    wires = ", ".join(f"{port.name}: ${port.name}" for port in kind.inputs)
    outputs = ", ".join(f"{port.name}: $node.{port.name}" for port in kind.outputs)
    node = f"nodes:\n  node: {{ use: {kind.kind}, with: {{ {wires} }} }}\n"
    return f"wuerstchen: 1\ninputs:\n{inputs}{node}outputs: {{ {outputs} }}\n"


def _quoted(text):
    return text.replace("'", "''")


def _schema(node_id, kind):
    models = list(engines.model_files())
    outputs = [
        sockets.of_output(port).Output(f"{_OUT}{port.name}", display_name=port.name)
        for port in kind.outputs
    ]
    return io.Schema(
        node_id=node_id,
        display_name=kind.kind,
        category=f"Würstchen/{kind.kind.split('.', 1)[0]}",
        description=kind.about,
        inputs=[widgets.widget(port, port.name, models) for port in kind.inputs],
        outputs=outputs,
    )


def _model_set(kind, values):
    named = [values.get(port.name) for port in kind.inputs if port.type == "model"]
    return named[0].split("/", 1)[0] if named and named[0] else ""


def _converter(port):
    if port.type == "model":
        return lambda value: engines.model_files().get(value, value)
    return lambda value: pictures.to_engine(value, port.type_text)


def _node(node_id, kind):
    class Kind(io.ComfyNode):
        """A node kind as a node."""

        @classmethod
        def define_schema(cls):
            return _schema(node_id, kind)

        @classmethod
        def fingerprint_inputs(cls, **values):
            return engines.stamp_of_set(_model_set(kind, values))

        @classmethod
        def execute(cls, **values):
            graph = engines.engine(_model_set(kind, values)).graph(_yaml(kind))
            ports = [(port, _converter(port)) for port in kind.inputs]
            return io.NodeOutput(*runs.batch(graph, ports, [port.name for port in kind.outputs], values))

    Kind.__name__ = Kind.__qualname__ = node_id
    return Kind


def all_nodes():
    """The nodes of all kinds but those that read or write files, for which ComfyUI has its own."""
    kinds = engines.engine().kinds()
    wanted = [kind for kind in kinds if not kind.is_volatile and not any(port.type == "file" for port in kind.inputs)]
    return [_node("wuerst_" + kind.kind.replace(".", "_"), kind) for kind in wanted]
