"""Types of the library as sockets of ComfyUI."""

from comfy_api.latest import io

Embedding = io.Custom("WUERST_EMBEDDING")
Latents = io.Custom("WUERST_LATENTS")
States = io.Custom("WUERST_STATES")
Tokens = io.Custom("WUERST_TOKENS")
Random = io.Custom("WUERST_RNG")
Tensor = io.Custom("WUERST_TENSOR")

_ROLES = {"embedding": Embedding, "latents": Latents, "mask": io.Mask, "picture": io.Image, "text": States}


def _dimensions(type_text):
    dtype, _, rest = type_text.rstrip("?").partition("[")
    return dtype, [part.strip() for part in rest.rstrip("]").split(",")]


def of_tensor(port):
    """The socket of a tensor.

    Pictures and masks have ComfyUI's own types. Other tensors have ours, by their role, so that an embedding is not wired in
    for latents by mistake. Transparent pictures, of four channels, are none of ComfyUI's.
    """
    dtype, lengths = _dimensions(port.type_text)
    if port.role in _ROLES and not (port.role == "picture" and lengths[-1] != "3"):
        return _ROLES[port.role]
    if dtype == "f32" and len(lengths) == 3:
        return States
    if dtype == "i64":
        return Tokens
    return Random if dtype == "u8" and len(lengths) == 1 else Tensor


def accepted(socket):
    """The sockets that an input takes: nodes of tensors take embeddings and latents, and give either back."""
    if socket is Tensor:
        return [Tensor, Embedding, Latents]
    return [socket, Tensor] if socket in (Embedding, Latents) else [socket]


def of_output(port):
    """The socket of an output."""
    plain = {"bool": io.Boolean, "int": io.Int, "float": io.Float}
    return of_tensor(port) if port.type == "tensor" else plain.get(port.type, io.String)
