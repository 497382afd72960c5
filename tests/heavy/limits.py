"""Less and less address space, each in a process of its own: an error each time, and the next run in that process is
good.

    python3 tests/heavy/limits.py PROGRAM [limits]        PROGRAM is limits.c, built; 64 limits without

In turn with an engine alone, so that the libraries do not fit either, and after a run, when they are there; each with
one thread for a model, and with four.
"""

import subprocess
import sys

from common import GRAPH_FILE, MODELS, Count


LONGEST = 120  # seconds; a run takes less than one


def outcome(program, kibibytes, threads, started):
    """How it went, and what it said."""
    command = [program, str(MODELS), str(GRAPH_FILE), str(kibibytes), str(threads)] + ["started"] * started
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return "hangs", ""
    lines = child.stdout.strip().split("\n")
    said = "; ".join(lines[:-1] + child.stderr.strip().split("\n")[-1:])
    if child.returncode < 0:
        return f"killed by signal {-child.returncode}", said
    return (lines[-1] if child.returncode == 0 else f"wrong ({lines[-1]})"), said


def enough(program, *how):
    """What was enough for one run, in KiB; for another it may be some per cent more or less."""
    low, high = 0, 4 << 20
    while high - low > 1 + high // 100:
        middle = (low + high) // 2
        if outcome(program, middle, *how)[0] == "runs":
            high = middle
        else:
            low = middle
    return high


def main():
    program, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 64
    count, said = Count("address space too small"), {}
    for threads, started in ((1, False), (1, True), (4, False), (4, True)):
        most = enough(program, threads, started)
        print(
            f"{threads} threads, {'after a run' if started else 'an engine alone'}: {most >> 10} MiB are enough",
            flush=True,
        )
        for at in range(number // 4):
            kibibytes = int(most * at / (number // 4))
            what, message = outcome(program, kibibytes, threads, started)
            count.add(what)
            said.setdefault((what, message), []).append(kibibytes >> 10)
            # A picture is right too, and looked at by the program; there are too few errors if there are many.
            right = what in ("out_of_memory", "model", "runtime", "not_found", "runs")
            count.must(right, f"{kibibytes} KiB, {threads} threads: {what}: {message}")
    for (what, message), sizes in said.items():
        print(f"  {what} at {min(sizes)} to {max(sizes)} MiB, {len(sizes)} times: {message}")
    ran = count.counts.get("runs", 0)
    count.must(ran <= number // 4, f"{ran} of {number} ran")
    return 0 if count.end() else 1


if __name__ == "__main__":
    sys.exit(main())
