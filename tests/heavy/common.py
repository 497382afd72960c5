"""What the heavy tests share: the library, the models, and how they count."""

import ctypes
import gc
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "crates/capi/python"))
os.environ.setdefault("WUERST_LIBRARY", str(ROOT / "target/debug/libwuerst.so"))
os.environ.setdefault("ORT_DYLIB_PATH", str(ROOT / ".vendor/onnxruntime/libonnxruntime.so"))

import wuerst  # noqa: E402  (it is found by the lines before)

MODELS = ROOT / "models/icons"
GRAPH_FILE = ROOT / "graphs/text-to-image.yaml"
GRAPH = GRAPH_FILE.read_text(encoding="utf-8")

# The smallest stage alone: latents to a picture.
VQGAN = """
wuerstchen: 1
inputs: { latents: 'f32[1,4,H,W]', model: model }
nodes: { vqgan: { use: wuerst.vqgan_decode, with: { latents: $latents, model: $model } } }
outputs: { image: $vqgan.image }
"""


def latents():
    """Numbers that look like latents, the same on every run."""
    import array

    state, numbers = 1, array.array("f")
    for _ in range(4 * 8 * 8):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        numbers.append((state >> 40) / 2**23 - 1)
    return wuerst.Tensor("f32", (1, 4, 8, 8), numbers.tobytes())


def resident():
    """Memory that is the process's own, in KiB, without what the C library's allocator only holds for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    for line in open("/proc/self/status", encoding="ascii"):
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    raise OSError("no RssAnon in /proc/self/status")


class Count:
    """Counts outcomes by name, and prints them at the end."""

    def __init__(self, title):
        self.title, self.counts, self.wrong = title, {}, []

    def add(self, outcome):
        self.counts[outcome] = self.counts.get(outcome, 0) + 1

    def must(self, holds, what):
        if not holds:
            self.wrong.append(what)

    def end(self):
        print(
            f"{self.title}: " + ", ".join(f"{number} {name}" for name, number in sorted(self.counts.items())),
            flush=True,
        )
        for what in self.wrong:
            print(f"{self.title}: WRONG: {what}", flush=True)
        return not self.wrong
