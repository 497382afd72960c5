"""Models and folders that fail: an error each time, the process lives, and the next good run works.

    python3 tests/heavy/faults.py [truncations] [flips]        100 and 1000 without
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from common import GRAPH, MODELS, VQGAN, Count, latents, wuerst

NAMES = {getattr(wuerst, name): name.lower() for name in wuerst.__all__ if name.isupper()}
GOOD = MODELS / "vqgan-decoder.onnx"


class Bench:
    """An engine that keeps one model, and what a good run gives."""

    def __init__(self, folder):
        self.folder = folder
        self.engine = wuerst.Engine(models=folder, threads=1, model_bytes=1, cache_bytes=1)
        self.graph, self.input = self.engine.graph(VQGAN), latents()
        self.image = self.run(str(GOOD))

    def run(self, model):
        return self.graph.job(latents=self.input, model=model).get("image")

    def outcome(self, model):
        try:
            self.run(model)
            return "runs"
        except wuerst.Error as error:
            return NAMES[error.code]

    def good(self, count, after):
        try:
            count.must(self.run(str(GOOD)) == self.image, f"another picture after {after}")
        except wuerst.Error as error:
            count.must(False, f"a good run fails after {after}: {error}")


def written(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def truncated(bench, points):
    count, data, dice = Count("truncated models"), GOOD.read_bytes(), random.Random(1)
    for at in [0, 1, len(data) - 1] + [dice.randrange(len(data)) for _ in range(points - 3)]:
        path = written(bench.folder, "cut.onnx", data[:at])
        outcome = bench.outcome(path)
        count.add(outcome)
        count.must(outcome == "model", f"cut at {at}: {outcome}")
    bench.good(count, "truncation")
    return count.end()


def flipped(bench, points):
    # A wrong weight is a model like any other; what must not happen is a crash, or an error of another sort.
    count, data, dice = Count("flipped bytes"), bytearray(GOOD.read_bytes()), random.Random(2)
    header = data.rfind(b"vqgan-decoder") + 4096
    for number in range(points):
        # Every other one where names, shapes and operations are, of which there are few.
        at = dice.randrange(len(data) if number % 2 else min(header, len(data)))
        bit = 1 << dice.randrange(8)
        data[at] ^= bit
        outcome = bench.outcome(written(bench.folder, "flipped.onnx", data))
        data[at] ^= bit
        count.add(outcome)
        count.must(outcome in ("runs", "model", "out_of_memory"), f"flipped at {at}: {outcome}")
        if number % 100 == 99:
            bench.good(count, f"flip {number}")
    return count.end()


def replaced(bench, times):
    """Deleted, emptied and replaced from another thread while it is loaded."""
    count, data, dice = Count("replaced while loading"), GOOD.read_bytes(), random.Random(3)
    for number in range(times):
        path = written(bench.folder, f"replaced-{number}.onnx", data)
        actions = (os.remove, lambda path: written(bench.folder, os.path.basename(path), b"no model"), os.truncate)
        action = actions[number % 3]
        pause = dice.random() * 0.03

        def act():
            time.sleep(pause)
            action(path, 1000) if action is os.truncate else action(path)

        thread = threading.Thread(target=act)
        thread.start()
        outcome = bench.outcome(path)
        thread.join()
        count.add(outcome)
        count.must(outcome in ("runs", "model", "not_found", "file"), f"{number}: {outcome}")
    bench.good(count, "replacement")
    return count.end()


def folders():
    """A cache folder that cannot be written, or is full: a run goes on without it."""
    count = Count("cache folders")
    job = dict(prompt="a red apple", steps=1, decoder_steps=1)
    want = wuerst.Engine(models=MODELS, threads=1).graph(GRAPH).job(**job).get("image")
    small = tempfile.mkdtemp()
    full = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", small], check=False).returncode == 0
    places = [("unwritable", "/proc/wuerst"), ("a file", os.path.realpath(__file__))] + [("full", small)] * full
    for name, place in places:
        try:
            engine = wuerst.Engine(models=MODELS, threads=1, cache_folder=place)
            for _ in range(2):
                got = engine.graph(GRAPH).job(**job).get("image")
                count.must(got == want, f"another picture with a cache folder that is {name}")
            count.add(name)
        except wuerst.Error as error:
            count.must(False, f"a cache folder that is {name}: {error}")
    if full:
        subprocess.run(["umount", small], check=True)
    os.rmdir(small)
    return count.end()


def outputs():
    """A folder for pictures that is full or cannot be written: an error, and nothing half-written."""
    count, small = Count("folders for pictures"), tempfile.mkdtemp()
    text = (
        "{wuerstchen: 1, inputs: {image: 'u8[h,w,3]'}, outputs: {saved: $save.saved}, "
        "nodes: {save: {use: image.save, with: {image: $image, name: a.png}}}}"
    )
    noise = wuerst.Tensor("u8", (128, 128, 3), random.Random(4).randbytes(128 * 128 * 3))
    full = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", small], check=False).returncode == 0
    for name, place in [("unwritable", "/proc/self")] + [("full", small)] * full:
        try:
            wuerst.Engine(outputs=place).graph(text).job(image=noise).get("saved")
            count.must(False, f"saved into a folder that is {name}")
        except wuerst.Error as error:
            count.add(f"{name}: {NAMES[error.code]}")
            count.must(error.code == wuerst.FILE, f"a folder that is {name}: {error}")
        count.must(place != small or not os.listdir(small), "a part of a picture is left")
    if full:
        subprocess.run(["umount", small], check=True)
    os.rmdir(small)
    return count.end()


def main():
    points = [int(argument) for argument in sys.argv[1:]] + [100, 1000][len(sys.argv) - 1 :]
    folder = tempfile.mkdtemp()
    try:
        bench = Bench(folder)
        done = [truncated(bench, points[0]), flipped(bench, points[1]), replaced(bench, 60)]
        done += [folders(), outputs()]
    finally:
        shutil.rmtree(folder)
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
