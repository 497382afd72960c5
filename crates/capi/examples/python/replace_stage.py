"""A stage replaced by a node of your own: Stage A without a network, a map from latents to colours."""

import array
import pathlib

import wuerst

WEIGHTS = [[0.22, 0.09, -0.05, 0.13], [0.2, -0.06, 0.12, -0.04], [0.18, 0.03, -0.14, -0.1]]


def linear(_call, latents, _model):
    """Each colour is a weighted sum of the four channels of the latents; the picture is four times as large."""
    _, _, rows, columns = latents.shape
    channels = [latents.memoryview()[0, c, y, x] for c in range(4) for y in range(rows) for x in range(columns)]
    pixels = array.array("f")
    for y in range(4 * rows):
        for x in range(4 * columns):
            cell = y // 4 * columns + x // 4
            for weights in WEIGHTS:
                colour = 0.5 + sum(w * channels[c * rows * columns + cell] for c, w in enumerate(weights))
                pixels.append(min(max(colour, 0.0), 1.0))
    shape = (4 * rows, 4 * columns, 3)
    image = bytes(int(pixel * 255 + 0.5) for pixel in pixels)
    return wuerst.Tensor("u8", shape, image), wuerst.Tensor("f32", shape, pixels.tobytes())


engine = wuerst.Engine(models="models/icons")
# The ports of the built-in node.
engine.add("example.linear", "latents: f32[1,4,H,W], model: model? -> image: u8[h,w,3], pixels: f32[h,w,3]", linear)
yaml = pathlib.Path("graphs/text-to-image.yaml").read_text(encoding="utf-8")
job = engine.graph(yaml, {"vqgan": "example.linear"}).job(prompt="a red apple, twemoji style")
image = job.get("image")
print(f"picture without the VQGAN: {image.shape[1]}x{image.shape[0]}")
