"""make.py: writes pictures with colour profiles next to this file, and Little CMS's conversions to RGB (wanted.txt).

Needs Pillow.

The profiles are made here: Display P3 and a gamma of 1.8 for greys by formula, four inks by a table.
"""
import io
import itertools
import struct
from pathlib import Path

from PIL import Image, ImageCms

HERE = Path(__file__).parent


def fixed(*numbers):
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def profile(space, pcs, tags):
    """A profile of version 2 with these tags, each 4 letters and data."""
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags:
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content + b"\0" * (-len(content) % 4)
    size = start + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"prtr" if space == b"CMYK" else b"mntr", space, pcs)
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    head += fixed(0.9642, 1.0, 0.8249) + b"\0" * 48
    assert len(head) == 128, len(head)
    return head + struct.pack(">I", len(tags)) + table + data


def xyz(*numbers):
    return b"XYZ \0\0\0\0" + fixed(*numbers)


def text(words):
    return b"text\0\0\0\0" + words.encode() + b"\0"


def described(words):
    words = words.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(words)) + words + b"\0" * (8 + 3 + 67)


def gamma(exponent):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256)) + b"\0\0"


def common(name):
    return [(b"desc", described(name)), (b"cprt", text("none")), (b"wtpt", xyz(0.9642, 1.0, 0.8249))]


# Display P3's primaries, adapted to D50, with a plain gamma.
P3 = profile(b"RGB ", b"XYZ ", common("P3") + [
    (b"rXYZ", xyz(0.51512, 0.24120, -0.00105)), (b"gXYZ", xyz(0.29198, 0.69225, 0.04189)),
    (b"bXYZ", xyz(0.15710, 0.06657, 0.78407)), (b"rTRC", gamma(2.2)), (b"gTRC", gamma(2.2)), (b"bTRC", gamma(2.2))])
GREY = profile(b"GRAY", b"XYZ ", common("grey") + [(b"kTRC", gamma(1.8))])


def inks():
    """Four inks to Lab by a table of 8 bits with nine steps each: ink takes light, and black most of it."""
    table, steps = b"", [step / 8 for step in range(9)]
    for cyan, magenta, yellow, black in itertools.product(steps, repeat=4):
        light = (1 - 0.25 * cyan - 0.30 * magenta - 0.08 * yellow) * (1 - 0.6 * black)
        colour = 1 - 0.9 * black
        a = (-20 * cyan + 30 * magenta - 3 * yellow) * colour
        b = (-25 * cyan - 5 * magenta + 35 * yellow) * colour
        table += bytes([round(max(light, 0.05) * 255), round(a + 128), round(b + 128)])
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 9, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp * 4 + table + ramp * 3
    return profile(b"CMYK", b"Lab ", common("inks") + [(b"A2B0", lut)])


def main():
    srgb = ImageCms.createProfile("sRGB")
    steps = [0, 60, 128, 200, 255]
    colours = [(r, g, b) for r in steps for g in steps for b in steps]
    rgb = Image.new("RGB", (25, 5))
    rgb.putdata(colours)
    grey = Image.new("L", (16, 16))
    grey.putdata(list(range(256)))
    cmyk = Image.new("CMYK", (32, 32))
    few = [0, 64, 159, 255]
    blocks = [(c, m, y, k) for c in few for m in few for y in (0, 191) for k in (0, 128)][:64]
    for index, ink in enumerate(blocks):
        at = (index % 8 * 4, index // 8 * 4)
        cmyk.paste(ink, (*at, at[0] + 4, at[1] + 4))
    wanted = {}
    for name, picture, icc, options in [
        ("p3.png", rgb, P3, {}), ("p3.webp", rgb, P3, {"lossless": True}), ("grey.png", grey, GREY, {}),
        ("inks.jpg", cmyk, inks(), {"quality": 100, "subsampling": 0}),
        ("grey.jpg", grey, GREY, {"quality": 100}),
    ]:
        picture.save(HERE / name, icc_profile=icc, **options)
        stored = Image.open(HERE / name)
        opened = ImageCms.ImageCmsProfile(io.BytesIO(stored.info["icc_profile"]))
        # The perceptual intent of Little CMS would also stretch black, which no profile asks for.
        made = ImageCms.profileToProfile(stored, opened, srgb, ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB")
        wanted[name] = made.tobytes().hex()
    (HERE / "wanted.txt").write_text("".join(f"{name} {rgb}\n" for name, rgb in wanted.items()))


main()
