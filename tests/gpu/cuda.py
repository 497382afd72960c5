"""ONNX Runtime's CUDA provider under the engine, on null CUDA: everything but numbers and the GPU's speed.

    python3 tests/gpu/cuda.py F32_MODELS F16_MODELS          models of `wuerst convert --for cuda`

Counts are those of the pinned ONNX Runtime and the models that ship; times are printed and not judged.
"""

import itertools
import pathlib
import sys
import threading
import time

import null_cuda

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "heavy"))
from common import GRAPH, Count, wuerst  # noqa: E402

F32, F16 = sys.argv[1:3]
MIB = 1 << 20
OUTPUTS = {"text-encoder": "text", "prior": "embedding", "decoder": "latents", "vqgan-decoder": "image"}
STAGES = GRAPH.replace("outputs:", "outputs:\n  text: $text.states\n  latents: $decoder.latents", 1)

WORDS = "apple pear tree house car boat dog cat".split()

# Of one evaluation, 64 pixels, with guidance: kernels, products, convolutions, uploads; and operators on the CPU. A change
# that lowers a number lowers it here.
EXPECTED = {
    ("f32", "text-encoder"): (72, 48, 0, 2, 0),
    ("f32", "prior"): (284, 114, 10, 91, 2),
    ("f32", "decoder"): (442, 137, 16, 166, 46),
    ("f32", "vqgan-decoder"): (41, 18, 12, 1, 2),
    ("f16", "text-encoder"): (79, 48, 0, 2, 0),
    ("f16", "prior"): (272, 98, 10, 91, 2),
    ("f16", "decoder"): (472, 121, 16, 166, 46),
    ("f16", "vqgan-decoder"): (65, 18, 12, 1, 2),
    ("f32 fixed", "text-encoder"): (53, 72, 0, 2, 0),
    ("f32 fixed", "prior"): (218, 187, 10, 91, 0),
    ("f32 fixed", "decoder"): (278, 217, 16, 158, 0),
    ("f32 fixed", "vqgan-decoder"): (39, 29, 12, 1, 0),
    ("f16 fixed", "text-encoder"): (60, 72, 0, 2, 0),
    ("f16 fixed", "prior"): (206, 171, 10, 91, 0),
    ("f16 fixed", "decoder"): (308, 201, 16, 158, 0),
    ("f16 fixed", "vqgan-decoder"): (63, 29, 12, 1, 0),
}

count = Count("null CUDA")
numbers = itertools.count()


def engine(devices="cuda:0", models=F32, **more):
    return wuerst.Engine(models=models, devices=devices, strict=1, **more)


def job(engine, steps=2, **inputs):
    """A run of which nothing is remembered, except the negative prompt: its words are new, and so is its seed."""
    number = next(numbers)
    words = " ".join(WORDS[number // len(WORDS) ** place % len(WORDS)] for place in range(3))
    return engine.graph(STAGES).job(prompt=words, seed=number, steps=steps, decoder_steps=steps, **inputs)


def work(job):
    """What each stage launches."""
    taken = {}
    for stage, output in OUTPUTS.items():
        earlier = null_cuda.counts()
        job.get(output)
        taken[stage] = null_cuda.counts() - earlier
    return taken


def on_cpu(engine):
    """Operators of each stage on the CPU."""
    models = engine.report()["models"]
    return {pathlib.Path(model["model"]).stem: model["operators"].get("cpu", {}) for model in models}


def placement_and_launches():
    for name, models, device in (
        ("f32", F32, "cuda:0"),
        ("f16", F16, "cuda:0"),
        ("f32 fixed", F32, "cuda:0{sizes=fixed}"),
        ("f16 fixed", F16, "cuda:0{sizes=fixed}"),
    ):
        own = engine(device, models)
        work(job(own))
        few, many = work(job(own, 2)), work(job(own, 3))
        for stage, cpu in on_cpu(own).items():
            # What a step more of a denoiser takes is one evaluation.
            one = many[stage] - few[stage] if stage in ("prior", "decoder") else many[stage]
            got = (one.kernels, one.products, one.convolutions, one.uploads, sum(cpu.values()))
            print(f"{name} {stage}: {one}, on the CPU {cpu or 'nothing'}")
            count.must(got == EXPECTED.get((name, stage)), f"{name} {stage}: {got}, not {EXPECTED.get((name, stage))}")
            count.add("stages placed")
        own.close()


def memory():
    before = null_cuda.counts().in_use
    null_cuda.reset()
    own = engine()
    job(own).get("image")
    loaded = null_cuda.counts()
    print(f"memory: {loaded.in_use / MIB:.0f} MiB with all models, {loaded.allocations} allocations")
    weights = sum(model["bytes"] for model in own.report()["models"])
    count.must(loaded.in_use < 1.5 * weights, f"{loaded.in_use} bytes for {weights} of weights")
    again = null_cuda.counts()
    job(own).get("image")
    count.must(null_cuda.counts().in_use == again.in_use, "a second run takes more memory")
    own.close()
    # With fixed sizes the weights are there once, whatever sizes there were before.
    own = engine("cuda:0{sizes=fixed}")
    sides = (64, 128, 192, 64)
    in_use = []
    for side in sides:
        job(own, width=side, height=side).get("image")
        in_use.append(null_cuda.counts().in_use)
    print(f"memory with fixed sizes, {sides} pixels: {[size // MIB for size in in_use]} MiB")
    count.must(max(in_use) < 1.5 * loaded.in_use, f"{in_use} bytes with fixed sizes, {loaded.in_use} with free ones")
    own.release()
    left = null_cuda.counts().in_use
    count.must(left == before, f"{left} bytes are in use after the models were unloaded, {before} before")
    count.add("releases")


def out_of_memory(what, want, devices="cuda:0", device_memory=null_cuda.DEVICE_MEMORY, **inputs):
    """A run in too little memory is an error that says so, and the same engine is well with enough."""
    own = engine(devices)
    null_cuda.memory(device_memory)
    try:
        job(own, **inputs).get("image")
        count.must(want is None, f"{what}: is not refused")
    except wuerst.Error as error:
        count.must(want is not None and error.code == wuerst.OUT_OF_MEMORY, f"{what}: {error.code} {error}")
        print(f"{what}: {error}")
    finally:
        null_cuda.memory(null_cuda.DEVICE_MEMORY)
    own.close()
    count.add("limits")


def limits():
    loading = "in the middle of loading"
    out_of_memory("a limit of 1 MiB", loading, "cuda:0{memory_limit=1MiB}")
    out_of_memory("a limit of 60 MiB", loading, "cuda:0{memory_limit=60MiB}")
    out_of_memory("a device of 60 MiB", loading, device_memory=null_cuda.counts().in_use + 60 * MIB)
    out_of_memory("a limit of 1 GiB", None, "cuda:0{memory_limit=1GiB}")
    # Enough for the weights and not for an evaluation at this size.
    own = engine("cuda:0{memory_limit=160MiB}")
    job(own).get("image")
    null_cuda.reset()
    try:
        job(own, width=1024, height=1024).get("image")
        count.must(False, "1024 pixels fit into 160 MiB")
    except wuerst.Error as error:
        count.must(error.code == wuerst.OUT_OF_MEMORY, f"1024 pixels: {error.code} {error}")
        print(f"1024 pixels within 160 MiB: {error}")
    job(own).get("image")
    own.close()
    count.add("limits")


def cancel():
    own = engine()
    run = job(own, 30)
    run.get("image")
    null_cuda.kernel_time(50e-6)
    null_cuda.reset()
    job(own, 30).get("image")
    whole = null_cuda.counts().launches()
    null_cuda.reset()
    stopped = job(own, 30)
    running = stopped.start("image")
    while null_cuda.counts().launches() < whole // 10:
        time.sleep(0.001)
    begun = time.monotonic()
    at = null_cuda.counts().launches()
    running.cancel()
    running.wait()
    after = null_cuda.counts().launches() - at
    print(f"cancel: {(time.monotonic() - begun) * 1e3:.0f} ms, {after} of {whole} launches after it")
    count.must(running.poll().state == "stopped", f"a cancelled run is {running.poll().state}")
    count.must(after < whole // 4, f"{after} of {whole} launches after the cancellation")
    null_cuda.kernel_time(0)
    job(own).get("image")
    own.close()
    count.add("cancellations")


def devices():
    own = engine("cuda:1", stage_devices="prior=cuda:0")
    null_cuda.reset()
    work(job(own))
    first, second = null_cuda.counts(0), null_cuda.counts(1)
    count.must(first.launches() and second.launches(), f"a device has no work: {first}; {second}")
    print(f"two devices: {first}; {second}")
    placed = {pathlib.Path(model["model"]).stem: model["device"] for model in own.report()["models"]}
    count.must(placed["prior"] == "cuda:0" and placed["decoder"] == "cuda:1", f"{placed}")
    own.close()
    # Two engines at once, a device each: what each device does is what one run takes.
    both = [engine("cuda:0"), engine("cuda:1")]
    for each in both:
        job(each).get("image")
    null_cuda.reset()
    jobs = [job(each) for each in both]
    threads = [threading.Thread(target=run.get, args=("image",)) for run in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = null_cuda.counts(0), null_cuda.counts(1)
    count.must(first.launches() == second.launches() > 0, f"other work on the second device: {first}; {second}")
    for each in both:
        each.close()
    try:
        job(engine("cuda:2")).get("image")
        count.must(False, "a third device is there")
    except wuerst.Error as error:
        count.must(error.code == wuerst.MODEL, f"a third device: {error}")
    count.add("pairs of devices")


def own_time():
    """How long the device waits for the host, where each kernel takes so long."""
    size = {"width": 256, "height": 256}
    for device, microseconds in (("cuda:0", 0), ("cuda:0", 20), ("cuda:0", 100), ("cuda:0{sizes=fixed}", 20)):
        own = engine(device)
        job(own, 8, **size).get("image")
        null_cuda.kernel_time(microseconds * 1e-6)
        null_cuda.reset()
        begun = time.monotonic()
        job(own, 8, **size).get("image")
        took = time.monotonic() - begun
        got = null_cuda.counts()
        print(
            f"{device}, kernels of {microseconds} us: {took * 1e3:.1f} ms, of which the device computes"
            f" {got.busy_ns / 1e6:.1f} ms and waits for the host {got.idle_ns / 1e6:.1f} ms; {got.launches()} launches,"
            f" {got.waits} waits for the device"
        )
        count.must(got.busy_ns == got.launches() * microseconds * 1000, f"{got.launches()} launches took {got.busy_ns} ns")
        count.must(took * 1e9 >= got.busy_ns, "the run is over before the device")
        count.add("times")
        null_cuda.kernel_time(0)
        own.close()


if __name__ == "__main__":
    for each in (placement_and_launches, memory, limits, cancel, devices, own_time):
        each()
    sys.exit(0 if count.end() else 1)
