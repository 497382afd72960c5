"""Cancels at random moments: before the start, during loading, in each stage, after the end; from another thread.

    python3 tests/heavy/cancel.py [cancels]        1000 without

After each, the next run is bit-identical to an undisturbed one; memory ends where it began.
"""

import collections
import random
import sys
import threading
import time

from common import GRAPH, MODELS, Count, resident, wuerst


def main():
    cancels = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    engine = wuerst.Engine(models=MODELS, threads=1, cache_bytes=1)
    graph = engine.graph(GRAPH)
    fixed = dict(prompt="a red apple", steps=2, decoder_steps=2)
    begun = time.monotonic()
    want = graph.job(**fixed).get("image")
    cold = time.monotonic() - begun
    begun = time.monotonic()
    longest = {}

    def observer(node, done, of):
        longest.setdefault(node, []).append(time.monotonic())

    graph.job(**fixed).get("image", progress=observer)
    warm = time.monotonic() - begun
    count, dice, late = Count("cancels"), random.Random(5), []
    nodes, sizes = collections.Counter(), []
    for number in range(cancels):
        if number % 20 == 0:
            # Models are loaded anew, so that a cancellation can fall into that.
            engine.release()
        length = cold if number % 20 == 0 else warm
        job, pause = graph.job(**fixed), dice.uniform(-0.05, 1.1) * length
        thrown = []

        def throw():
            time.sleep(max(0, pause))
            thrown.append(time.monotonic())
            running.cancel() if number % 2 else job.cancel()

        running = job.start("image")
        thread = threading.Thread(target=throw)
        thread.start()
        running.wait()
        ended = time.monotonic()
        thread.join()
        status = running.poll()
        count.add(status.state)
        count.must(status.state in ("done", "stopped"), f"{number}: {status}")
        if status.state == "stopped":
            nodes[status.node or "before the first node"] += 1
            late.append(ended - thrown[0])
            try:
                running.result()
                count.must(False, f"{number}: a stopped run has a result")
            except wuerst.Error as error:
                count.must(error.code == wuerst.CANCELLED, f"{number}: {error}")
        else:
            count.must(running.result() == want, f"{number}: another picture")
        running.close()
        if number % 10 == 9:
            count.must(job.get("image") == want, f"{number}: another picture after a cancellation")
        job.close()
        if number % 20 == 19:
            engine.release()
            sizes.append(resident())
    late.sort()
    print(f"stopped in: {', '.join(f'{name} {number}' for name, number in nodes.most_common())}")
    print(
        f"from the cancellation to the end: median {late[len(late) // 2] * 1e3:.1f} ms, longest {late[-1] * 1e3:.1f} ms"
    )
    print(f"a run: {cold * 1e3:.0f} ms cold, {warm * 1e3:.0f} ms warm")
    quarters = [sizes[at * len(sizes) // 4 : (at + 1) * len(sizes) // 4] for at in range(4)]
    if all(quarters):
        medians = [sorted(quarter)[len(quarter) // 2] for quarter in quarters]
        print(
            f"memory with no model loaded, KiB, medians of the quarters: {medians}; "
            f"smallest {min(sizes)}, largest {max(sizes)}"
        )
        grown = medians[3] - medians[1]
        count.must(grown <= medians[1] // 20, f"memory grew by {grown} KiB from the second quarter to the last")
    return 0 if count.end() else 1


if __name__ == "__main__":
    sys.exit(main())
