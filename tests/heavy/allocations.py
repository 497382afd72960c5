"""Each allocation of the library fails in turn: the right picture, or out of memory; and the next run is right.

    python3 tests/heavy/allocations.py PROGRAM MODELS GRAPH OUTPUT SIDE [FROM BYTES] [SMALL] [SEED] [EVERY]

PROGRAM is allocations.c, compiled. Blocks of 4 KiB and more fail in turn, and 2000 smaller ones that are drawn with the
seed, each once and, in a second pass, with all that follow. Ends of the process are only for blocks that the library's
reserve cannot serve, as wuerst.h says at Memory: with all that follow, and never for a block above 1 MiB.
"""

import collections
import os
import queue
import random
import subprocess
import sys
import threading
import time

OUT_OF_MEMORY = 7
LARGEST_SMALL = 1 << 20
# What may be left at the end beyond what the same two runs leave: the C library's own bookkeeping.
SLACK = 64 << 10
OURS = "/crates/"

program, models, graph, output, side = sys.argv[1:6]
FROM, SMALL, SEED, EVERY = [int(each) for each in sys.argv[6:]] + [4096, 2000, 1, 1][len(sys.argv) - 6 :]


class Trial:
    """What a line of the program says."""

    def __init__(self, line):
        numbers = line.split()
        self.signal, self.code, self.same, self.next = (int(number) for number in numbers[:4])
        self.large, self.small, self.size, self.last, self.left, self.files = (int(number) for number in numbers[4:10])
        self.stack = numbers[10:]


class Program:
    """The program, which forks for each trial."""

    def __init__(self):
        # With one pool of the C library's allocator and none for each thread, so that what is left can be compared.
        env = {
            **os.environ,
            "MALLOC_ARENA_MAX": "1",
            "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
            "RUST_BACKTRACE": "0",
        }
        self.process = subprocess.Popen(
            [program, models, graph, output, str(FROM), side], env=env, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.first, self.good = self.trial(0, 0, 0), self.trial(0, 0, 0)

    def trial(self, large, number, always):
        self.process.stdin.write(f"{large} {number} {always}\n")
        line = self.process.stdout.readline()
        if not line:
            raise OSError(f"{program} has ended")
        return Trial(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def place(stack, library):
    """The function and the line of the project that asked for a block."""
    lines = subprocess.run(
        ["addr2line", "-C", "-f", "-i", "-e", library, *stack], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for function, line in zip(lines[::2], lines[1::2]):
        if OURS in line and "/reserve.rs" not in line and ".cargo" not in line:
            return f"{function}, {line[line.index(OURS) + 1 :].split(' ')[0]}"
    return "a library's own thread"


class Pass:
    """Trials of one sort, and what came of them."""

    def __init__(self, title, large, always, numbers):
        self.title, self.large, self.always, self.numbers = title, large, always, numbers
        self.counts, self.wrong, self.ends = collections.Counter(), [], collections.Counter()

    def judge(self, number, trial, good):
        at = f"block {number} of {trial.size} bytes"

        def must(holds, what):
            if not holds:
                self.wrong.append(f"{at}: {what}")
                print(f"{self.title}: WRONG: {at}: {what}; {place(trial.stack, LIBRARY)}", flush=True)

        if not trial.stack:
            self.counts["not reached"] += 1
            return
        if trial.signal:
            self.counts["ends of the process"] += 1
            self.ends[tuple(trial.stack)] += 1
            must(trial.signal == 6, f"signal {trial.signal}")
            must(self.always and trial.last <= LARGEST_SMALL, f"the process ends for {trial.last} bytes")
            return
        right = trial.code == 0 and trial.same
        needless = "right without a block above 1 MiB" if trial.size > LARGEST_SMALL else "right"
        ended = "out of memory" if trial.code == OUT_OF_MEMORY else f"code {trial.code}"
        self.counts[needless if right else ended] += 1
        must(right or trial.code == OUT_OF_MEMORY, f"code {trial.code}, the right picture: {bool(trial.same)}")
        must(trial.next, "the next run is not right")
        must(trial.left <= good.left + SLACK, f"{trial.left - good.left} bytes more are left than after a good run")
        must(trial.files <= good.files, f"{trial.files - good.files} files are left open")

    def all(self, programs):
        todo, begun = queue.SimpleQueue(), time.time()
        for number in self.numbers:
            todo.put(number)

        def work(each):
            while True:
                try:
                    number = todo.get_nowait()
                except queue.Empty:
                    return
                self.judge(number, each.trial(self.large, number, self.always), each.good)

        threads = [threading.Thread(target=work, args=[each]) for each in programs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.time() - begun
        counts = ", ".join(f"{many} {what}" for what, many in sorted(self.counts.items()))
        print(f"{self.title}: {len(self.numbers)} trials in {took:.0f} s: {counts or 'none'}", flush=True)
        places = collections.Counter()
        for stack, many in self.ends.items():
            places[place(stack, LIBRARY)] += many
        for where, many in places.most_common():
            print(f"{self.title}: {many} ends at {where}", flush=True)
        return not self.wrong


LIBRARY = os.environ["WUERST_LIBRARY"]


def main():
    programs = [Program() for _ in range(len(os.sched_getaffinity(0)))]
    good = programs[0].good
    if not (good.code == 0 and good.same and good.next):
        print(f"WRONG: a run in which nothing fails gives code {good.code}")
        return 1
    print(f"a run asks for {good.large} blocks of {FROM} bytes and more, and for {good.small} smaller ones", flush=True)
    print(f"seed {SEED}", flush=True)
    every = range(1, good.large + 1, EVERY)
    drawn = random.Random(SEED).sample(range(1, good.small + 1), min(SMALL, good.small))
    passes = [
        Pass("large blocks, once", 1, 0, every),
        Pass("large blocks, from then on", 1, 1, every),
        Pass("small blocks, once", 0, 0, drawn),
        Pass("small blocks, from then on", 0, 1, drawn),
    ]
    done = [each.all(programs) for each in passes if each.numbers]
    for each in programs:
        each.end()
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
