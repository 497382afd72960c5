"""Pictures between Blender and the library."""

import array
import json
import os

import bpy

PREVIEW = "Würstchen preview"


def shown(tensor, name):
    """A picture `u8 (height, width, 3)` as an image datablock: the one of that name, when it has the size."""
    height, width, _ = tensor.shape
    image = bpy.data.images.get(name)
    if image is None or tuple(image.size) != (width, height):
        if image is not None:
            bpy.data.images.remove(image)
        image = bpy.data.images.new(name, width, height, alpha=True)
    _fill(image, tensor)
    return image


def kept(tensor, name, made_by):
    """A new image datablock that is packed, and keeps how it was made as custom properties."""
    height, width, _ = tensor.shape
    image = bpy.data.images.new(name, width, height, alpha=True)
    _fill(image, tensor)
    for key, value in made_by.items():
        image[key] = value if isinstance(value, (str, float)) else json.dumps(value)
    image.pack()
    return image


def _fill(image, tensor):
    height, width, _ = tensor.shape
    # Blender's rows go bottom-up, and its pixels are floats whatever the image holds.
    pixels = array.array("f", bytes(width * height * 16))
    tensor.copy_to(pixels, layout="rgba32f", bottom_up=True)
    image.pixels.foreach_set(pixels)
    image.update()


def pixels(image, tensor_type):
    """An image datablock as a picture `u8 (height, width, 3)`; alpha is left out."""
    width, height = image.size
    if not width or not height:
        raise ValueError(f"the image {image.name} has no pixels: is its file missing?")
    count = image.channels
    values = array.array("f", bytes(width * height * count * 4))
    image.pixels.foreach_get(values)
    grey = [0, 0, 0] if count < 3 else [0, 1, 2]
    data = bytearray(width * height * 3)
    for channel, source in enumerate(grey):
        data[channel::3] = bytes(min(max(int(value * 255 + 0.5), 0), 255) for value in values[source::count])
    row = width * 3
    rows = [data[at * row : (at + 1) * row] for at in range(height)]
    return tensor_type("u8", (height, width, 3), b"".join(reversed(rows)))


def in_file(image, tensor_type):
    """The path of an image datablock's file; of one that was made or changed inside Blender, its pixels."""
    path = bpy.path.abspath(image.filepath_raw)
    if path and os.path.isfile(path) and not image.is_dirty and not image.packed_file:
        return path
    return pixels(image, tensor_type)
