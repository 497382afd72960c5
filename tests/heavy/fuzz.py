"""Runs a fuzz target until it has had so many seconds of processor time, and prints what came of it.

fuzz.py BINARY SECONDS CORPUS SEEDS [OPTION...]        options are libFuzzer's
"""

import pathlib
import re
import resource
import subprocess
import sys
import time


def used():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


binary, seconds, corpus, seeds, *options = sys.argv[1:]
inputs, begun = 0, time.monotonic()
# A round is measured in real time, of which a busy machine gives only a part.
while used() < float(seconds):
    left = max(10, min(120, int(float(seconds) - used())))
    command = [binary, corpus, seeds, f"-max_total_time={left}", "-print_final_stats=1", *options]
    run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    said = run.stderr.decode(errors="replace")
    if run.returncode:
        print(said[-4000:])
        sys.exit(f"fuzz: {pathlib.Path(binary).name} ended with {run.returncode}")
    inputs += int(re.search(r"number_of_executed_units: (\d+)", said)[1])
kept = sum(1 for _ in pathlib.Path(corpus).iterdir())
print(
    f"fuzz: {pathlib.Path(binary).name}: {inputs:,} inputs, {used():.0f} s of processor time "
    f"in {time.monotonic() - begun:.0f} s, "
    f"{kept} inputs kept, nothing found"
)
