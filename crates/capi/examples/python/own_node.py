"""A node of your own, behind a graph that ships: it turns colours into their complements."""

import wuerst


def negative(_call, image):
    return wuerst.Tensor("u8", image.shape, bytes(255 - byte for byte in bytes(image)))


engine = wuerst.Engine(models="models/icons")
engine.add("example.negative", "image: u8[h,w,3] -> image: u8[h,w,3]", negative)
# The graph that ships is a node of this one.
engine.open_graph("example.text_to_image", "graphs/text-to-image.yaml")
graph = engine.graph("""
    wuerstchen: 1
    inputs: { prompt: text }
    nodes:
      picture: { use: example.text_to_image, with: { prompt: $prompt } }
      negative: { use: example.negative, with: { image: $picture.image } }
    outputs: { image: $picture.image, negative: $negative.image }
""")
job = graph.job(prompt="a red apple, twemoji style")
# One run gives both; the picture is computed once.
image, inverse = job.get_all(["image", "negative"])
height, width, _ = image.shape
print(f"picture {width}x{height} begins with {bytes(image)[0]}, its negative with {bytes(inverse)[0]}")
