"""ONNX Runtime's plug-in for WebGPU under the engine, on a software driver of Vulkan: numbers, placement, cancel, memory.

    python3 tests/gpu/webgpu.py DEVICE MODELS OTHERS       `ep:WebGPU{library=…}`; models of `wuerst convert --for webgpu`,
                                                         and of `--for cuda`

Each stage runs on the device in turn, the others on the CPU, and its result is compared with the CPU's.
"""

import array
import math
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "heavy"))
from common import Count, resident, wuerst  # noqa: E402

DEVICE, FOLDER, OTHERS = sys.argv[1:4]
# The greatest difference from the CPU, against the greatest value.
NEAR = 1e-4

GRAPH = """
wuerstchen: 1
inputs: { prompt: text, steps: int = 1, seed: int = 0 }
nodes:
  tokens:  { use: wuerst.tokenize, with: { text: $prompt, model: text-encoder } }
  text:    { use: wuerst.text_encode, with: { ids: $tokens.ids, mask: $tokens.mask, model: text-encoder } }
  prior:
    use: wuerst.prior
    with: { text: $text.states, negative: $text.states, model: prior, guidance: 3.0, steps: $steps, seed: $seed }
  decoder: { use: wuerst.decoder, with: { embedding: $prior.embedding, text: $text.states, model: decoder, steps: 1 } }
  vqgan:   { use: wuerst.vqgan_decode, with: { latents: $decoder.latents, model: vqgan-decoder } }
  back:    { use: wuerst.vqgan_encode, with: { image: $vqgan.image, model: vqgan-encoder } }
  small:   { use: wuerst.compress, with: { image: $vqgan.image, model: compressor } }
outputs:
  text: $text.states
  embedding: $prior.embedding
  latents: $decoder.latents
  pixels: $vqgan.pixels
  again: $back.latents
  compressed: $small.embedding
"""
PRIOR = """
wuerstchen: 1
inputs: { text: 'f32[1,24,384]', seed: int = 0 }
nodes:
  prior:
    use: wuerst.prior
    with: { text: $text, negative: $text, model: prior, guidance: 3.0, steps: 1, seed: $seed }
outputs: { embedding: $prior.embedding }
"""
# Each stage with its output, and the operators that it leaves to the CPU: shapes and integers. Fewer is better: lower the
# number then.
STAGES = {
    "text-encoder": ("text", 2),
    "prior": ("embedding", 2),
    "decoder": ("latents", 37),
    "vqgan-decoder": ("pixels", 4),
    "vqgan-encoder": ("again", 7),
    "compressor": ("compressed", 0),
}

count = Count("webgpu")


def numbers(tensor):
    return array.array("f", bytes(tensor))


def engine(stage):
    return wuerst.Engine(models=FOLDER, devices="cpu", stage_devices=f"{stage}={DEVICE}" if stage else "", strict=1)


def job(engine, **inputs):
    return engine.graph(GRAPH).job(prompt="a red apple", **inputs)


def parity():
    own = engine("")
    run = job(own)
    want = {output: numbers(run.get(output)) for output, _ in STAGES.values()}
    own.close()
    for stage, (output, on_cpu) in STAGES.items():
        own = engine(stage)
        begun = time.monotonic()
        got = numbers(job(own).get(output))
        took = time.monotonic() - begun
        count.must(len(got) == len(want[output]) and all(map(math.isfinite, got)), f"{stage}: {len(got)} numbers")
        scale = max(map(abs, want[output]))
        error = max(abs(a - b) for a, b in zip(got, want[output])) / scale
        models = {pathlib.Path(model["model"]).stem: model for model in own.report()["models"]}
        left = models[stage]["operators"].get("cpu", {})
        said = f"{error:.1e} from the CPU, {took:.1f} s with its shaders, on the CPU {left or 'nothing'}"
        print(f"webgpu: {stage}: {said}", flush=True)
        count.must(models[stage]["device"].startswith("ep:WebGPU"), f"{stage} is on {models[stage]['device']}")
        count.must(error <= NEAR, f"{stage}: {error} from the CPU")
        count.must(sum(left.values()) == on_cpu, f"{stage}: {sum(left.values())} operators on the CPU, not {on_cpu}")
        own.close()
        count.add("stages")


def cancel():
    own = engine("prior")
    job(own, seed=1).get("embedding")
    running = job(own, seed=2, steps=500).start("embedding")
    while running.poll().fraction < 0.01 and running.poll().state == "running":
        time.sleep(0.01)
    begun = time.monotonic()
    running.cancel()
    count.must(running.wait(60), "a cancelled run goes on")
    print(f"webgpu: {running.poll().state} {(time.monotonic() - begun) * 1e3:.0f} ms after it was cancelled")
    count.must(running.poll().state == "stopped", f"a cancelled run is {running.poll().state}")
    again = numbers(job(own, seed=1, steps=1).get("embedding"))
    count.must(all(map(math.isfinite, again)), "the run after it")
    own.close()
    count.add("cancellations")


def memory():
    """Loads of the prior alone leave nothing behind; the device's memory is the process's own here."""
    own = wuerst.Engine(models=FOLDER, devices=DEVICE, strict=1, cache_bytes=1)
    graph = own.graph(PRIOR)
    text = wuerst.Tensor("f32", (1, 24, 384), array.array("f", [0.01 * (i % 7) for i in range(24 * 384)]).tobytes())
    sizes = []
    for seed in range(24):
        own.release()
        graph.job(text=text, seed=seed).get("embedding")
        sizes.append(resident())
    (weights,) = (model["bytes"] for model in own.report()["models"])
    # A reading goes up and down by the weights; what each load would leave of them adds up to many times as much.
    second, last = sorted(sizes[6:12])[3], sorted(sizes[18:])[3]
    grown = (last - second) * 1024
    print(f"webgpu: {grown / 1e6:.1f} MB more after twelve loads of {weights / 1e6:.1f} MB")
    count.must(grown < weights, f"{grown} bytes more after twelve loads: {sizes} KiB")
    own.close()
    count.add("series of loads")


def refused():
    """Models with operators of ONNX Runtime's own, which WebGPU computes wrongly."""
    own = wuerst.Engine(models=OTHERS, devices=DEVICE, strict=1)
    try:
        job(own).get("text")
        count.must(False, "operators that WebGPU computes wrongly are taken")
    except wuerst.Error as error:
        count.must(error.code == wuerst.MODEL and "--for webgpu" in str(error), str(error))
    own.close()
    count.add("refusals")


if __name__ == "__main__":
    for each in (parity, cancel, memory, refused):
        each()
    sys.exit(0 if count.end() else 1)
