"""Operations on files fail: an error each time, nothing half-written, and the next run is right.

    python3 tests/heavy/files.py FAILING WUERST [only every so many] [CASES...]

FAILING is failing.c, compiled, and WUERST the command. Opens, reads, writes, maps, renames, flushes, new folders and
removals fail below a folder of the test's own, which holds models, graphs, cache and outputs, in: a first run, one
that finds models in its cache, one that saves by a node, and an import. Each fails alone; then, for some of them, all
that follow fail too, as on a full disk. Where signals interrupt, or reads and writes are short, and where the cache
is read-only or vanishes, the result is right. A cache is not needed, so a run whose cache fails gives the right
picture, or an error; so does one that reads a model again.
"""

import collections
import filecmp
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAILING, WUERST = sys.argv[1:3]
EVERY = int(sys.argv[3]) if len(sys.argv) > 3 else 1
# Of the operations that fail alone, so many more are passed over where all that follow fail, and where the cache
# vanishes.
FEWER = {"always": 10, "gone": 40}
OLD = "a picture of an earlier run\n"
SAVE = """
wuerstchen: 1
inputs: { picture: file }
nodes:
  load: { use: image.load, with: { file: $picture } }
  save: { use: image.save, with: { image: $load.image, name: a.png } }
outputs: { saved: $save.saved }
"""


def command(*arguments, watched=()):
    """Runs the command, watched or not. Gives how it ended, and what it wrote to stderr."""
    done = subprocess.run(
        [*watched, WUERST, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        timeout=600, env={**os.environ, "RUST_BACKTRACE": "0"},
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

    def __init__(self, base, name, arguments, cache=None, empty=False):
        self.base, self.work, self.name, self.cache, self.empty = base, f"{base}/work", name, cache, empty
        self.out = f"{self.work}/out"
        self.result = f"{self.out}/models" if empty else f"{self.out}/a.png"
        self.arguments, self.right, self.report = arguments, f"{base}/right", f"{base}/report"
        self.counts, self.wrong, self.number_of = collections.Counter(), [], {}

    def fresh(self):
        for folder in (self.out, f"{self.work}/cache", f"{self.work}/cache.gone"):
            shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(self.out)
        if not self.empty:
            pathlib.Path(self.result).write_text(OLD, encoding="ascii")
        if self.cache:
            shutil.copytree(self.cache, f"{self.work}/cache")

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

    def failing(self, how, number, folder=None):
        """Runs the command while operations fail. Gives how it ended, what it wrote to stderr, and the operations."""
        self.fresh()
        ended, says = command(*self.arguments, watched=[FAILING, folder or self.work, how, str(number), self.report])
        if ended == 125:
            raise OSError(f"{FAILING}: {says}")
        return ended, says, pathlib.Path(self.report).read_text(encoding="utf-8").splitlines()

    def next_is_right(self, at):
        if self.empty:
            shutil.rmtree(self.result, ignore_errors=True)
        ended, says = command(*self.arguments)
        self.must(ended == 0 and same(self.result, self.right), f"{at}the next run ends with {ended}: {says}")

    def all(self):
        ended, says, operations = self.failing("once", 0)
        self.must(ended == 0, f"no operation fails, and it ends with {ended}: {says}")
        shutil.move(self.result, self.right)
        for how in ("once", "always"):
            for number in range(1, len(operations) + 1, EVERY * FEWER.get(how, 1)):
                self.one(how, number)
        # What is not a failure, and what is one of the cache alone.
        for how in ("interrupted", "short"):
            self.unharmed(how, 0, self.work)
        if not self.empty and "--cache" in self.arguments:
            self.unharmed("read-only", 0, f"{self.work}/cache")
            for number in range(1, len(operations) + 1, EVERY * FEWER["gone"]):
                self.unharmed("gone", number, f"{self.work}/cache")
        print(f"{self.name}: {len(operations)} operations, every {EVERY}: " + self.summary(), flush=True)
        return not self.wrong

    def summary(self):
        return ", ".join(f"{many} {what}" for what, many in sorted(self.counts.items()))

    def one(self, how, number):
        ended, says, failed = self.failing(how, number)
        if len(failed) < number:
            self.counts[f"{how}: not reached"] += 1
            return
        kind, path = failed[-1].split(" ", 1)
        at = f"{how} from operation {number}, {kind} of {path}: "
        right = same(self.result, self.right)
        outcome = "error"
        if ended == 0:
            outcome = "right without the cache"
            if not (path.startswith("cache/") or "cannot be kept in the cache folder" in says):
                # A check looks at models, and at the heads of pictures, more than once. An unfinished file that
                # cannot be removed does no harm.
                again = path.startswith(("models/", "picture.png")) and kind in ("open", "read")
                outcome = "right, the file is read again" if again else "right"
                self.must(again or kind == "remove", f"{at}it ends as if nothing had failed: {says}")
        self.counts[f"{how}: {kind}: {outcome}"] += 1
        if ended == 0:
            self.must(right, f"{at}another result")
        else:
            self.must(ended in (1, 2) and says.strip() and "panicked" not in says, f"{at}it ends with {ended}: {says}")
            names = pathlib.Path(path).parts
            named = how == "always" or any(name in says for name in names[-2:])
            self.must(named, f"{at}the error does not name the file: {says}")
            self.must(right or self.is_old(), f"{at}the output is neither the old one nor the right one")
        # What cannot be removed stays.
        self.must(how == "always" or kind == "remove" or not self.left(), f"{at}left: {self.left()}")
        if how == "always" and not self.empty:
            self.must(right or self.is_old(), f"{at}the output is neither the old one nor the right one")
        self.next_is_right(at)

    def unharmed(self, how, number, folder):
        ended, says, _ = self.failing(how, number, folder)
        at = f"{how} {number}: "
        self.counts[f"{how}: right" if ended == 0 else f"{how}: error"] += 1
        self.must(ended == 0 and same(self.result, self.right), f"{at}it ends with {ended}: {says}")
        self.must(not self.left(), f"{at}left: {self.left()}")
        self.next_is_right(at)


class Files:
    """What the cases use, a folder for each."""

    def __init__(self, base):
        self.base = base
        work = self.place("cached")
        ended, says = command(*self.imports(work), f"{work}/models")
        if ended:
            raise OSError(says)
        shutil.copytree(f"{work}/models", f"{base}/models")
        run = self.run(work)
        ended, says = command(*run[:-1], f"bytes={base}/picture.png")
        if ended:
            raise OSError(says)
        # Results would leave nothing for models to do.
        shutil.move(f"{work}/cache/wuerst-models", f"{base}/cache/wuerst-models")
        shutil.rmtree(f"{base}/cached")

    def place(self, name):
        work = f"{self.base}/{name}/work"
        shutil.copytree(ROOT / "tests/reference", f"{work}/reference")
        return work

    def imports(self, work):
        return ["import", f"{work}/reference/wuerstchen-prior", f"{work}/reference/wuerstchen", "--out"]

    def run(self, work):
        run = [
            "run",
            f"{work}/models/graph.yaml",
            "--models",
            f"{work}/models",
            "--cache",
            f"{work}/cache",
            "--threads",
            "1",
        ]
        for value in ("prompt=a red apple", "steps=1", "decoder_steps=1", "width=128", "height=128"):
            run += ["--set", value]
        return [*run, "-o", f"bytes={work}/out/a.png"]

    def case(self, name):
        work = self.place(name)
        base = f"{self.base}/{name}"
        if name == "import":
            return Case(base, name, [*self.imports(work), f"{work}/out/models"], empty=True)
        if name == "save":
            pathlib.Path(f"{work}/save.yaml").write_text(SAVE, encoding="ascii")
            shutil.copy(f"{self.base}/picture.png", f"{work}/picture.png")
            save = ["run", f"{work}/save.yaml", "--set", f"picture={work}/picture.png", "--outputs", f"{work}/out"]
            return Case(base, name, [*save, "-o", f"saved={base}/saved.txt"])
        shutil.copytree(f"{self.base}/models", f"{work}/models")
        # Files that changed a moment ago are read again and again.
        time.sleep(3)
        return Case(base, name, self.run(work), cache=f"{self.base}/cache" if name == "cached" else None)

    def holds(self, name):
        """Goes through a case. Says whether all was right."""
        case = self.case(name)
        done = case.all()
        unchanged = name in ("import", "save") or same(f"{self.base}/models", f"{case.work}/models")
        case.must(unchanged, "the models have changed")
        return done and unchanged


def main():
    names = sys.argv[4:] or ["save", "import", "cached", "run"]
    base = os.path.realpath(tempfile.mkdtemp())
    done = {}
    try:
        os.mkdir(f"{base}/cache")
        files = Files(base)

        def work(name):
            done[name] = files.holds(name)

        threads = [threading.Thread(target=work, args=[name]) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return 0 if len(done) == len(names) and all(done.values()) else 1
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    sys.exit(main())
