"""Each operation on files fails in turn: an error each time, nothing half-written, and the next run is right.

    python3 tests/heavy/files.py FAILING WUERST [only every so many]

FAILING is failing.c, compiled, and WUERST the command. Opens, reads, writes, maps, renames and flushes fail below a folder
of the test's own, which holds models, graphs, cache and outputs, in: a first run, one that finds its cache, one that saves
by a node, and an import. A cache is not needed, so a run whose cache fails gives the right picture, or an error.
"""

import filecmp
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAILING, WUERST = sys.argv[1:3]
EVERY = int(sys.argv[3]) if len(sys.argv) > 3 else 1
OLD = "a picture of an earlier run\n"
SAVE = """
wuerstchen: 1
inputs: { picture: file }
nodes:
  load: { use: image.load, with: { file: $picture } }
  save: { use: image.save, with: { image: $load.image, name: a.png } }
outputs: { saved: $save.saved }
"""


def command(*arguments, failing=0, folder=None, report=None):
    """Runs the command, in which an operation fails. Gives how it ended, and what it wrote to stderr."""
    watched = [FAILING, folder, "once", str(failing), report] if folder else []
    done = subprocess.run(
        [*watched, WUERST, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        timeout=300, env={**os.environ, "RUST_BACKTRACE": "0"},
    )  # fmt: skip
    return done.returncode, done.stderr


def same(one, other):
    """Whether two files or folders have the same content."""
    if not os.path.isdir(one) or not os.path.isdir(other):
        return os.path.isfile(one) and os.path.isfile(other) and filecmp.cmp(one, other, shallow=False)
    names = sorted(os.listdir(one))
    return names == sorted(os.listdir(other)) and all(same(f"{one}/{name}", f"{other}/{name}") for name in names)


class Case:
    """One way to use files: the command, the files that it begins with, and its output."""

    def __init__(self, work, name, arguments, begin=lambda: None, empty=False):
        self.work, self.name, self.begin, self.empty = work, name, begin, empty
        self.out = f"{work}/out"
        self.result = f"{self.out}/models" if empty else f"{self.out}/a.png"
        self.arguments, self.right = arguments, f"{work}-right/{name}"
        self.counts, self.wrong = {}, []

    def fresh(self):
        for folder in ("out", "cache"):
            shutil.rmtree(f"{self.work}/{folder}", ignore_errors=True)
        os.mkdir(self.out)
        if not self.empty:
            pathlib.Path(self.result).write_text(OLD, encoding="ascii")
        self.begin()

    def must(self, holds, what):
        if not holds:
            self.wrong.append(what)
            print(f"{self.name}: WRONG: {what}", flush=True)

    def left(self):
        """What lies about: files that are not finished, and others than the output."""
        found = [name for name in os.listdir(self.out) if f"{self.out}/{name}" != self.result]
        for folder, folders, names in os.walk(f"{self.work}/cache"):
            found += [f"{folder}/{name}" for name in folders + names if name.endswith(".part") or name.startswith(".")]
        return found

    def is_old(self):
        if self.empty:
            return not os.path.exists(self.result) or not os.listdir(self.result)
        with open(self.result, encoding="latin-1") as file:
            return file.read() == OLD

    def all(self):
        report = f"{self.work}-report"
        self.fresh()
        ended, says = command(*self.arguments, folder=self.work, report=report)
        self.must(ended == 0, f"no operation fails, and it ends with {ended}: {says}")
        shutil.move(self.result, self.right)
        operations = pathlib.Path(report).read_text(encoding="utf-8").splitlines()
        for number in range(1, len(operations) + 1, EVERY):
            self.one(number, report)
        tried = f"{len(range(0, len(operations), EVERY))} of {len(operations)} operations fail"
        print(f"{self.name}: {tried}: " + ", ".join(f"{many} {what}" for what, many in sorted(self.counts.items())), flush=True)
        return not self.wrong

    def one(self, number, report):
        self.fresh()
        ended, says = command(*self.arguments, failing=number, folder=self.work, report=report)
        failed = pathlib.Path(report).read_text(encoding="utf-8").splitlines()
        if len(failed) < number:
            self.counts["not reached"] = self.counts.get("not reached", 0) + 1
            return
        kind, path = failed[-1].split(" ", 1)
        at = f"operation {number}, {kind} of {path}: "
        right = same(self.result, self.right)
        outcome = f"{kind}: " + ("right without the cache" if ended == 0 else "error")
        if ended == 139 and kind == "open" and path.startswith("cache/wuerst-models") and path.endswith(".onnx.data"):
            # ONNX Runtime makes a session without the weights that it could not open, and its evaluation ends the process.
            outcome = "open: ends in ONNX Runtime"
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        if outcome.endswith("Runtime"):
            pass
        elif ended == 0:
            said = path.startswith("cache/") or "cannot be kept in the cache folder" in says
            self.must(said, f"{at}it ends as if nothing had failed: {says}")
            self.must(right, f"{at}another result")
        else:
            self.must(ended in (1, 2) and says.strip() and "panicked" not in says, f"{at}it ends with {ended}: {says}")
            names = pathlib.Path(path).parts
            self.must(any(name in says for name in names[-2:]), f"{at}the error does not name the file: {says}")
            self.must(right or self.is_old(), f"{at}the output is neither the old one nor the right one")
        self.must(not self.left(), f"{at}left: {self.left()}")
        if self.empty:
            shutil.rmtree(self.result, ignore_errors=True)
        ended, says = command(*self.arguments)
        self.must(ended == 0 and same(self.result, self.right), f"{at}the next run ends with {ended}: {says}")


def main():
    base = os.path.realpath(tempfile.mkdtemp())
    work = f"{base}/work"
    os.makedirs(f"{work}-right")
    try:
        shutil.copytree(ROOT / "tests/reference", f"{work}/reference")
        imports = ["import", f"{work}/reference/wuerstchen-prior", f"{work}/reference/wuerstchen", "--out"]
        ended, says = command(*imports, f"{work}/models")
        if ended:
            raise OSError(says)
        shutil.copytree(f"{work}/models", f"{base}/models")
        run = ["run", f"{work}/models/graph.yaml", "--models", f"{work}/models", "--cache", f"{work}/cache", "--threads", "1"]
        for value in ("prompt=a red apple", "steps=1", "decoder_steps=1", "width=128", "height=128"):
            run += ["--set", value]
        run += ["-o", f"bytes={work}/out/a.png"]
        pathlib.Path(f"{work}/save.yaml").write_text(SAVE, encoding="ascii")
        picture = f"{work}/picture.png"
        ended, says = command(*run[:-1], f"bytes={picture}")
        if ended:
            raise OSError(says)
        save = ["run", f"{work}/save.yaml", "--set", f"picture={picture}", "--outputs", f"{work}/out"]
        save += ["-o", f"saved={base}/saved.txt"]
        shutil.move(f"{work}/cache", f"{base}/cache")
        cases = [
            Case(work, "save", save),
            Case(work, "run", run),
            Case(work, "cached", run, lambda: shutil.copytree(f"{base}/cache", f"{work}/cache")),
            Case(work, "import", [*imports, f"{work}/out/models"], empty=True),
        ]
        done = [case.all() for case in cases]
        if not same(f"{base}/models", f"{work}/models"):
            print("WRONG: the models have changed")
            return 1
        return 0 if all(done) else 1
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    sys.exit(main())
