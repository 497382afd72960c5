"""Values between ComfyUI and the library: torch on one side, `wuerst.Tensor` on the other."""

import hashlib
import os

import folder_paths
import numpy
import torch
import wuerst
from PIL import Image


def batch_of(value):
    """How many pictures or masks a value of ComfyUI holds."""
    if isinstance(value, torch.Tensor):
        return value.shape[0] if value.dim() in (3, 4) else 1
    return 1


def one_of(value, index):
    """Picture or mask `index` of a batch; the only one for every index."""
    if not isinstance(value, torch.Tensor) or value.dim() not in (3, 4):
        return value
    return value[index if value.shape[0] > 1 else 0]


def _array(value):
    return value.detach().to("cpu", torch.float32).numpy()


def bytes_of(value):
    """A picture as u8, rounded as ComfyUI's own nodes do; a mask becomes a grey picture."""
    pixels = numpy.clip(numpy.rint(_array(value) * 255.0), 0, 255).astype(numpy.uint8)
    return pixels if pixels.ndim == 3 else numpy.repeat(pixels[..., None], 3, axis=2)


def to_engine(value, type_text):
    """A value for an input of this type."""
    if not isinstance(value, torch.Tensor):
        return value
    if type_text.startswith("u8"):
        pixels = bytes_of(value)[..., :3]
    else:
        pixels = _array(value)
        pixels = pixels[..., :3] if pixels.ndim == 3 else pixels
    if type_text.count(",") == 3:
        pixels = pixels[None]
    return numpy.ascontiguousarray(pixels)


def from_engine(value):
    """A result for ComfyUI: pictures as f32 [b,h,w,3] and masks as f32 [b,h,w], both in 0..1; other values
    unchanged."""
    if not isinstance(value, wuerst.Tensor):
        return value
    shape = value.shape
    if shape and shape[-1] == 3 and len(shape) in (3, 4) and value.dtype in ("u8", "f32"):
        pixels = torch.from_numpy(value.numpy().astype(numpy.float32))
        pixels = pixels / 255.0 if value.dtype == "u8" else pixels
        return pixels if pixels.dim() == 4 else pixels[None]
    if len(shape) == 2 and value.dtype == "f32":
        return torch.from_numpy(value.numpy().copy())[None]
    return value


def joined(values):
    """Joins the results of several runs along the first dimension."""
    if len(values) == 1:
        return values[0]
    if all(isinstance(value, torch.Tensor) for value in values):
        shapes = {tuple(value.shape[1:]) for value in values}
        if len(shapes) > 1:
            raise RuntimeError(f"the pictures of the batch become pictures of different sizes: {sorted(shapes)}")
        return torch.cat(values)
    if all(isinstance(value, wuerst.Tensor) for value in values):
        first = values[0]
        if any((value.dtype, value.shape[1:]) != (first.dtype, first.shape[1:]) for value in values):
            raise RuntimeError("the batch gives tensors of different sizes")
        shape = (sum(value.shape[0] for value in values), *first.shape[1:])
        return wuerst.Tensor(first.dtype, shape, b"".join(bytes(value) for value in values))
    return values[0]


def in_file(value, reader):
    """The path of a temporary file that holds a value, named by its content, so that equal values have equal paths."""
    if isinstance(value, str) and reader == "text.load":
        content, end, write = value.encode(), "txt", lambda path: _write(path, value.encode())
    elif isinstance(value, wuerst.Tensor):
        content, end = bytes(value) + repr(value).encode(), "npy"
        write = lambda path: _write_array(path, value.numpy())
    else:
        return value
    folder = os.path.join(folder_paths.get_temp_directory(), "wuerst")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{hashlib.blake2b(content, digest_size=16).hexdigest()}.{end}")
    if not os.path.exists(path):
        # Whole or not at all: another run may look for it meanwhile.
        write(f"{path}.{os.getpid()}.part")
        os.replace(f"{path}.{os.getpid()}.part", path)
    return path


def _write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def _write_array(path, array):
    with open(path, "wb") as file:
        numpy.save(file, array)


def picture(preview):
    """A preview as a picture of Pillow."""
    return Image.fromarray(preview.numpy())
