"""Descriptions of graphs and node kinds, for tools that make controls from them."""

from __future__ import annotations

import ctypes as c
from typing import Any, NamedTuple

from ._abi import filled, load, made
from ._structs import KindView, NodeView, PortView
from ._values import TYPES, from_handle


class Port(NamedTuple):
    """An input or output. `type` is "bool", "int", "float", "text", "model", "tensor" or "file"; `initial` is the value
    used when none is given, or None; `minimum` and `maximum` are infinite without limits; `choices` are the allowed
    texts. `role` is what a tensor or file stands for: "embedding", "latents", "mask", "picture", "text" or ""; `title` is
    the name as people read it."""

    name: str
    type: str
    type_text: str
    declaration: str
    optional: bool
    initial: Any
    minimum: float
    maximum: float
    choices: list[str]
    about: str
    role: str = ""
    title: str = ""


_ROLES = ("", "embedding", "latents", "mask", "picture", "text")


class Kind(NamedTuple):
    """A node kind. `is_volatile` tells that it runs every time and its results are not remembered."""

    kind: str
    signature: str
    about: str
    version: int
    is_volatile: bool
    inputs: list[Port]
    outputs: list[Port]


class Node(NamedTuple):
    """A node of a graph. `arguments` maps the names of its inputs to a wire, such as "$prompt", or a value."""

    name: str
    kind: str
    devices: str
    arguments: dict[str, Any]


def _port(view: PortView) -> Port:
    initial = from_handle(view.initial) if view.initial else None
    choices = [view.choices[at].text() for at in range(view.choice_count)]
    texts = (view.name.text(), TYPES[view.type], view.type_text.text(), view.declaration.text())
    # A later library may know more roles.
    role = _ROLES[view.role] if view.role < len(_ROLES) else ""
    limits = (view.minimum, view.maximum)
    return Port(*texts, bool(view.flags & 1), initial, *limits, choices, view.about.text(), role, view.title.text())


def ports(count: int, function: str, *handle: Any) -> list[Port]:
    """All ports that a function of the library returns."""
    return [_port(filled(PortView, function, *handle, index)) for index in range(count)]


def _node(view: NodeView) -> Node:
    arguments: dict[str, Any] = {}
    for at in range(view.argument_count):
        argument = view.arguments[at]
        value = from_handle(argument.value) if argument.value else argument.text.text()
        arguments[argument.name.text().split(".", 1)[1]] = value
    return Node(view.name.text(), view.kind.text(), view.devices.text(), arguments)


def nodes(graph: int) -> list[Node]:
    """The nodes of a graph, each after those that it uses."""
    count = load().wst_graph_node_count(graph)
    return [_node(filled(NodeView, "wst_graph_node", graph, index)) for index in range(count)]


def kinds(engine: int) -> list[Kind]:
    """The node kinds of an engine."""
    handle = c.c_void_p(made("wst_engine_kinds", engine))
    try:
        shown = []
        for index in range(load().wst_kinds_count(handle)):
            view = filled(KindView, "wst_kinds_at", handle, index)
            inputs = ports(view.input_count, "wst_kinds_input", handle, index)
            outputs = ports(view.output_count, "wst_kinds_output", handle, index)
            texts = (view.kind.text(), view.signature.text(), view.about.text())
            shown.append(Kind(*texts, view.version, bool(view.flags & 1), inputs, outputs))
        return shown
    finally:
        load().wst_kinds_free(handle)
