"""Inputs of graphs and node kinds as widgets and sockets of ComfyUI."""

import math

from comfy_api.latest import io

from . import sockets

# The page rounds numbers beyond 53 bits; the schema accepts every seed of the engine.
_LARGEST = 2**64 - 1
_MOST = 2**31 - 1
# Texts with several lines.
_MULTILINE = ("prompt", "negative", "text", "from", "to", "lines", "prompts")


def _left_out(port):
    """The number that stands for no value: one below the range, since a widget cannot be empty. None for a required input."""
    if not port.optional or port.type not in ("int", "float"):
        return None
    if not math.isfinite(port.minimum):
        return -_MOST if port.type == "int" else -float(_MOST)
    return int(port.minimum) - 1 if port.type == "int" else port.minimum - 1.0


def _tooltip(port, of_model=None):
    lines = [port.about] if port.about else []
    left_out = _left_out(port)
    if left_out is not None and of_model is not None:
        lines.append(f"{left_out}: what the model is made for, {of_model} with the first set of models.")
    elif left_out is not None:
        lines.append(f"{left_out}: as the model says.")
    elif port.optional and port.type == "text":
        lines.append("Empty: left out.")
    elif port.optional:
        lines.append("May be left unconnected.")
    return " ".join(lines) or None


def _number(port, initial):
    low, high, left_out = port.minimum, port.maximum, _left_out(port)
    if port.type == "int":
        low = int(low) if math.isfinite(low) else -_MOST
        limit = _LARGEST if port.name == "seed" else _MOST
        high = min(int(high), limit) if math.isfinite(high) else limit
        if left_out is not None:
            low = min(low, left_out)
        return {"min": low, "max": high, "default": initial if left_out is None else left_out}
    low = low if math.isfinite(low) else -float(_MOST)
    if left_out is not None:
        low = min(low, left_out)
    high = high if math.isfinite(high) else float(_MOST)
    return {"min": low, "max": high, "step": 0.05, "round": False, "default": initial if left_out is None else left_out}


def widget(port, name, models=(), left_out=None):
    """An input of ComfyUI for a port. `name` is its id, `models` what a model may be, `left_out` what
    the port stands for when it is left out."""
    common = {"display_name": port.name, "tooltip": _tooltip(port, left_out)}
    if port.type == "tensor":
        accepted = sockets.accepted(sockets.of_tensor(port))
        return _socket(name, accepted, port.optional, common)
    if port.type == "model":
        return io.Combo.Input(name, options=list(models), **common)
    if port.type == "bool":
        return io.Boolean.Input(name, default=bool(port.initial), **common)
    if port.choices:
        choices = [*([""] if port.optional else []), *port.choices]
        return io.Combo.Input(name, options=choices, default=port.initial or choices[0], **common)
    if port.type in ("int", "float"):
        low = port.minimum if math.isfinite(port.minimum) else 0
        initial = port.initial if port.initial is not None else max(0, low)
        limits = _number(port, initial)
        if port.type == "int":
            return io.Int.Input(name, control_after_generate=port.name == "seed" or None, **limits, **common)
        return io.Float.Input(name, **limits, **common)
    return io.String.Input(name, default=port.initial or "", multiline=port.name in _MULTILINE, **common)


def of_file(port, name, reader):
    """An input for a file that a node of kind `reader` reads; ComfyUI passes the value in memory."""
    common = {"display_name": port.name, "tooltip": _tooltip(port)}
    if port.role in ("picture", "mask"):
        # A mask may come as either, and be read as a picture.
        accepted = [io.Image, io.Mask] if port.role == "mask" or "mask" in port.name else [io.Image]
        return _socket(name, accepted, port.optional, common)
    if reader == "tensor.load":
        return _socket(name, [sockets.Embedding, sockets.Latents, sockets.Tensor], port.optional, common)
    if reader == "text.load":
        return io.String.Input(name, default="", multiline=True, **common)
    return io.String.Input(name, default="", **common)


def _socket(name, accepted, optional, common):
    if len(accepted) == 1:
        return accepted[0].Input(name, optional=optional, **common)
    return io.MultiType.Input(name, types=accepted, optional=optional, **common)


def is_given(port, value):
    """Whether a widget has a value, and not the number that stands for none."""
    if value is None:
        return False
    if port.type in ("int", "float") and _left_out(port) is not None:
        return value != _left_out(port)
    return not (port.optional and port.type == "text" and value == "")
