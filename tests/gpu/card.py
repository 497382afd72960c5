"""The parts of a run on a card. Each writes FOLDER/PART.json, and none stops the others.

    python3 tests/gpu/card.py BUILT OUT [--null] [--models F32 F16] [--pixels N] [--runs N] [--published]

BUILT has `wuerst`, `libwuerst.so` and `random-published`. --null: the device computes nothing, so numbers are not judged.
--models: models of `--for cuda` in place of random ones of middle size. --published: the published sizes too.
"""

import argparse
import array
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAPH = "graphs/text-to-image.yaml"
# Decibels to the CPU's picture.
WANTED = {"f32": 50, "tf32": 30, "tf32 fixed": 30, "f16": 40, "f16 fixed": 40}
DEVICES = {
    "f32": ("f32", "cuda:0{precision=f32}"),
    "tf32": ("f32", "cuda:0"),
    "tf32 fixed": ("f32", "cuda:0{sizes=fixed}"),
    "f16": ("f16", "cuda:0"),
    "f16 fixed": ("f16", "cuda:0{sizes=fixed}"),
}


def numbers(path):
    """The elements of a .npy file of f32, whose header ends with a line."""
    data = path.read_bytes()
    return array.array("f", data[data.index(b"\n") + 1 :])


class Card:
    def __init__(self, options, work):
        self.options, self.work, self.failed = options, work, []
        self.models = dict(zip(("f32", "f16"), map(pathlib.Path, options.models or ())))

    def part(self, name, function, *arguments):
        begun = time.monotonic()
        try:
            result = function(*arguments)
        except (OSError, subprocess.SubprocessError, AssertionError, KeyError, ValueError) as error:
            result = {"failed": f"{type(error).__name__}: {error}"}
        result["seconds"] = round(time.monotonic() - begun, 3)
        self.options.out.mkdir(parents=True, exist_ok=True)
        (self.options.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        if "failed" in result:
            self.failed.append(name)
        print(f"gpu: {name}: {result.get('failed', 'done')}, {result['seconds']:.1f} s", flush=True)

    def tool(self, *command, seconds=120):
        """What a command of the built tree prints; an error has the last lines of what it said."""
        command = [str(self.options.built / command[0]), *map(str, command[1:])]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
        if ran.returncode != 0:
            raise ValueError(" ".join(ran.stderr.split()[-60:]) or f"{command[0]} ended with {ran.returncode}")
        return ran.stdout + ran.stderr

    def picture(self, name, models, device):
        path = self.work / f"{name.replace(' ', '-')}.npy"
        pixels = self.options.pixels
        said = self.tool(
            "wuerst", "run", models / "graph.yaml" if (models / "graph.yaml").exists() else GRAPH, "--models", models,
            "--devices", device, "--strict", "--explain", "--set", "prompt=a red apple", "--set", "seed=7",
            "--set", f"width={pixels}", "--set", f"height={pixels}", "-o", f"pixels={path}",
        )
        return numbers(path), [line for line in said.splitlines() if ".onnx: " in line]

    def machine(self):
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        smi = "" if self.options.null else subprocess.run(query, capture_output=True, text=True, check=True).stdout
        return {"gpu": smi.strip() or "null CUDA", "wuerst": self.tool("wuerst", "--version").strip()}

    def make_models(self, published):
        name = "published" if published else "middle"
        size = [] if published else ["--mid-size"]
        source = self.work / name
        self.tool("random-published", source, *size, seconds=400)
        for compute in ("f16",) if published else ("f32", "f16"):
            folder = self.work / f"{name}-{compute}"
            both = (source / "wuerstchen-prior", source / "wuerstchen")
            self.tool("wuerst", "import", *both, "--for", "cuda", "--compute", compute, "--out", folder, seconds=400)
            self.models[compute] = folder
        return {"models": {name: str(folder) for name, folder in self.models.items()}}

    def parity(self):
        want, _ = self.picture("cpu", self.models["f32"], "cpu")
        result = {}
        for name, (models, device) in DEVICES.items():
            got, placed = self.picture(name, self.models[models], device)
            assert len(got) == len(want) and all(map(math.isfinite, got)), f"{name}: {len(got)} numbers"
            error = sum((a - b) ** 2 for a, b in zip(got, want)) / len(want)
            decibels = 200.0 if error == 0 else -10 * math.log10(error)
            result[name] = {"decibels": round(decibels, 1), "placed": placed}
            if decibels < WANTED[name] and not self.options.null:
                result["failed"] = f"{name}: {decibels:.1f} dB, {WANTED[name]} are wanted"
            if "fixed" in name and any(" on cpu " in line for line in placed):
                result["failed"] = f"{name}: operators are on the CPU: {placed}"
        return result

    def limits(self):
        self.picture("limited", self.models["f32"], "cuda:0{memory_limit=8GiB}")
        try:
            self.picture("starved", self.models["f32"], "cuda:0{memory_limit=1MiB}")
        except ValueError as error:
            assert "out of memory" in str(error), f"too little memory: {error}"
            return {"refused": str(error)}
        return {"failed": "a limit of 1 MiB is not kept"}

    def cancel(self):
        script = (
            "import sys, time, json, wuerst\n"
            "engine = wuerst.Engine(models=sys.argv[1], devices='cuda:0', strict=1)\n"
            "job = engine.open(sys.argv[2]).job(prompt='a red apple', steps=1000)\n"
            "run = job.start('image')\n"
            "while run.poll().state == 'running' and run.poll().fraction < 0.02: time.sleep(0.001)\n"
            "begun = time.monotonic()\n"
            "run.cancel()\n"
            "assert run.wait(60), 'it goes on'\n"
            "print(json.dumps({'state': run.poll().state, 'milliseconds': round((time.monotonic() - begun) * 1e3, 1)}))\n"
        )
        graph = self.models["f32"] / "graph.yaml"
        command = [sys.executable, "-c", script, self.models["f32"], graph if graph.exists() else GRAPH]
        built = self.options.built.resolve()
        paths = {"WUERST_LIBRARY": str(built / "libwuerst.so"), "PYTHONPATH": str(ROOT / "crates/capi/python")}
        environment = {**os.environ, **paths}
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stderr[-500:]
        result = json.loads(ran.stdout)
        if result["state"] != "stopped":
            result["failed"] = f"a cancelled run is {result['state']}"
        return result

    def speed(self, pixels, names):
        result = {}
        for name in names:
            models, device = DEVICES[name]
            folder = self.models[models]
            graph = folder / "graph.yaml"
            said = self.tool(
                "wuerst", "bench", graph if graph.exists() else GRAPH, "--models", folder, "--devices", device, "--strict",
                "--json", "-n", self.options.runs, "--set", f"width={pixels}", "--set", f"height={pixels}", seconds=150,
            )
            result[name] = json.loads(said[said.index("{") : said.rindex("}") + 1])
        return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("built", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--null", action="store_true")
    parser.add_argument("--models", nargs=2)
    parser.add_argument("--pixels", type=int, default=512)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--published", action="store_true")
    options = parser.parse_args()
    options.built, options.out = options.built.resolve(), options.out.resolve()
    with tempfile.TemporaryDirectory() as work:
        card = Card(options, pathlib.Path(work))
        card.part("machine", card.machine)
        if not options.models:
            card.part("models", card.make_models, False)
        card.part("parity", card.parity)
        card.part("limits", card.limits)
        card.part("cancel", card.cancel)
        card.part("speed", card.speed, 2 * options.pixels, list(DEVICES))
        if options.published:
            card.part("published-models", card.make_models, True)
            card.part("published-speed", card.speed, 1024, ["f16", "f16 fixed"])
    print(f"gpu: {f'failed: {card.failed}' if card.failed else 'passed'}; {options.out}")
    return 1 if card.failed else 0


if __name__ == "__main__":
    sys.exit(main())
