"""Types of the library as sockets of ComfyUI."""

from comfy_api.latest import io

Embedding = io.Custom("WUERST_EMBEDDING")
Latents = io.Custom("WUERST_LATENTS")
States = io.Custom("WUERST_STATES")
Tokens = io.Custom("WUERST_TOKENS")
Random = io.Custom("WUERST_RNG")
Tensor = io.Custom("WUERST_TENSOR")

_ROLES = {"embedding": Embedding, "latents": Latents}


def _dimensions(type_text):
    dtype, _, rest = type_text.rstrip("?").partition("[")
    return dtype, [part.strip() for part in rest.rstrip("]").split(",")]


def of_tensor(name, type_text, kind=""):
    """The socket of a tensor.

    Pictures and masks have ComfyUI's own types. Other tensors have ours, so that latents of another model are not wired
    in by mistake. `name` is the port's name; `kind` is the node kind, which distinguishes an embedding from latents.
    """
    dtype, lengths = _dimensions(type_text)
    if lengths[-1] == "3" and len(lengths) in (3, 4) and dtype in ("u8", "f32"):
        return io.Image
    if dtype == "f32" and len(lengths) == 2:
        return io.Mask
    if dtype == "f32" and len(lengths) == 3:
        return States
    if dtype == "i64":
        return Tokens
    if dtype == "u8" and len(lengths) == 1:
        return Random
    if name in _ROLES:
        return _ROLES[name]
    if name == "init" and kind in ("wuerst.prior", "wuerst.decoder"):
        return Embedding if kind == "wuerst.prior" else Latents
    return Tensor


def accepted(socket):
    """The sockets that an input takes: nodes of tensors take embeddings and latents, and give either back."""
    if socket is Tensor:
        return [Tensor, Embedding, Latents]
    return [socket, Tensor] if socket in (Embedding, Latents) else [socket]


def of_output(name, kind, type_text):
    """The socket of an output; `kind` is the type's name: bool, int, float, text, tensor."""
    plain = {"bool": io.Boolean, "int": io.Int, "float": io.Float}
    return of_tensor(name, type_text) if kind == "tensor" else plain.get(kind, io.String)
