"""Less and less address space, each in a process of its own: an error each time, and the next run in that process is good.

    python3 tests/heavy/limits.py PROGRAM [limits]        PROGRAM is limits.c, built; 48 limits without

Half of them begin with an engine alone, so that the libraries do not fit either; half after a run, when they are there.
"""

import subprocess
import sys

from common import GRAPH_FILE, MODELS, Count


def outcome(program, kibibytes, started):
    """How it went, and what it said."""
    command = [program, str(MODELS), str(GRAPH_FILE), str(kibibytes)] + ["started"] * started
    child = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    lines = child.stdout.strip().split("\n")
    said = "; ".join(lines[:-1] + child.stderr.strip().split("\n")[-1:])
    if child.returncode < 0:
        return f"killed by signal {-child.returncode}", said
    return (lines[-1] if child.returncode == 0 else f"wrong ({lines[-1]})"), said


def enough(program, started):
    """What is just enough, in KiB, to a tenth of a per cent."""
    low, high = 0, 1 << 20
    while high - low > 1 + high // 1000:
        middle = (low + high) // 2
        if outcome(program, middle, started)[0] == "runs":
            high = middle
        else:
            low = middle
    return high


def main():
    program, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 48
    count, said = Count("address space too small"), {}
    for started in (False, True):
        most = enough(program, started)
        print(f"enough {'after a run' if started else 'with an engine alone'}: {most >> 10} MiB")
        for at in range(number // 2):
            # From nothing at all to a hundredth less than enough.
            kibibytes = int(most * 0.99 * at / max(1, number // 2 - 1))
            what, message = outcome(program, kibibytes, started)
            count.add(what)
            said.setdefault((what, message), []).append(kibibytes >> 10)
            count.must(what in ("out_of_memory", "model", "runtime", "not_found"), f"{kibibytes} KiB: {what}: {message}")
    for (what, message), sizes in said.items():
        print(f"  {what} at {sizes[0]} to {sizes[-1]} MiB, {len(sizes)} times: {message}")
    return 0 if count.end() else 1


if __name__ == "__main__":
    sys.exit(main())
