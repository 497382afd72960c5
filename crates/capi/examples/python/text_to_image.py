"""A picture from a prompt.   python3 text_to_image.py [PROMPT [PICTURE.ppm]]

Runs from a folder with models/icons and graphs: the repository, or share/wuerst of an installed tree.
"""

import sys

import wuerst

prompt = sys.argv[1] if len(sys.argv) > 1 else "a red apple, twemoji style"
path = sys.argv[2] if len(sys.argv) > 2 else "apple.ppm"

engine = wuerst.Engine(models="models/icons")
job = engine.open("graphs/text-to-image.yaml").job(prompt=prompt, seed=7)
image = job.get("image")  # u8 (height, width, 3)
height, width, _ = image.shape
with open(path, "wb") as file:
    file.write(f"P6\n{width} {height}\n255\n".encode() + bytes(image))
print(f"{path}: {width}x{height}")
