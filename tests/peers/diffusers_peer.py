"""diffusers' pipelines as a process that waits for work: what `wuerst bench --against diffusers` measures beside ours.

    python diffusers_peer.py PRIOR DECODER THREADS f32|bf16 cpu|cuda [compile]

With `compile`, each network goes through torch.compile before the first run, which takes minutes.
Reads requests, a line of JSON each, and answers each with one: the milliseconds of every stage, and the file with the
result, f32. A request: {"prompt", "negative", "seed", "width", "height", "prior_steps", "prior_guidance",
"decoder_steps", "decoder_guidance", "output": "embedding"|"image", "file"}.
"""

import json
import sys
import time

import numpy as np
import torch
from diffusers import DDPMWuerstchenScheduler, WuerstchenDecoderPipeline, WuerstchenPriorPipeline
from diffusers.pipelines.deprecated.wuerstchen import PaellaVQModel, WuerstchenDiffNeXt, WuerstchenPrior
from transformers import CLIPTextModel, CLIPTokenizer


class Clock:
    """Adds up what a method of an object takes."""

    def __init__(self, device):
        self.device, self.spent = device, {}

    def watch(self, name, owner, method):
        inner = getattr(owner, method)

        def timed(*args, **kwargs):
            self.settle()
            begun = time.perf_counter()
            result = inner(*args, **kwargs)
            self.settle()
            self.spent[name] = self.spent.get(name, 0.0) + (time.perf_counter() - begun) * 1e3
            return result

        setattr(owner, method, timed)

    def settle(self):
        if self.device == "cuda":
            torch.cuda.synchronize()


def load(prior_folder, decoder_folder, device, compiled, clock):
    def part(kind, folder, name):
        return kind.from_pretrained(folder, subfolder=name, torch_dtype=torch.float32).to(device).eval()

    index = json.load(open(f"{prior_folder}/model_index.json"))
    sizes = {k: index[k] for k in ("latent_mean", "latent_std", "resolution_multiple") if k in index}
    prior = WuerstchenPriorPipeline(
        CLIPTokenizer.from_pretrained(prior_folder, subfolder="tokenizer"),
        part(CLIPTextModel, prior_folder, "text_encoder"),
        part(WuerstchenPrior, prior_folder, "prior"),
        DDPMWuerstchenScheduler.from_pretrained(prior_folder, subfolder="scheduler"),
        **sizes,
    )
    decoder = WuerstchenDecoderPipeline(
        CLIPTokenizer.from_pretrained(decoder_folder, subfolder="tokenizer"),
        part(CLIPTextModel, decoder_folder, "text_encoder"),
        part(WuerstchenDiffNeXt, decoder_folder, "decoder"),
        DDPMWuerstchenScheduler.from_pretrained(decoder_folder, subfolder="scheduler"),
        part(PaellaVQModel, decoder_folder, "vqgan"),
    )
    for pipe in (prior, decoder):
        pipe.set_progress_bar_config(disable=True)
    for name, owner, method in (
        ("text", prior.text_encoder, "forward"),
        ("text", decoder.text_encoder, "forward"),
        ("prior", prior.prior, "forward"),
        ("decoder", decoder.decoder, "forward"),
        ("vqgan", decoder.vqgan, "decode"),
    ):
        if compiled:
            # Before the clock is put around it, which so stays out of what is compiled.
            setattr(owner, method, torch.compile(getattr(owner, method)))
        clock.watch(name, owner, method)
    return prior, decoder


def run(prior, decoder, request):
    generator = torch.Generator().manual_seed(request["seed"])
    result = prior(
        request["prompt"], height=request["height"], width=request["width"], negative_prompt=request["negative"],
        num_inference_steps=request["prior_steps"], guidance_scale=request["prior_guidance"], generator=generator,
    ).image_embeddings
    if request["output"] == "image":
        result = decoder(
            result, request["prompt"], negative_prompt=request["negative"], generator=generator, output_type="np",
            num_inference_steps=request["decoder_steps"], guidance_scale=request["decoder_guidance"],
        ).images
    return np.asarray(result if isinstance(result, np.ndarray) else result.float().cpu(), dtype=np.float32)


def main():
    prior_folder, decoder_folder, threads, precision, device = sys.argv[1:6]
    compiled = sys.argv[6:] == ["compile"]
    torch.set_num_threads(int(threads))
    clock = Clock(device)
    prior, decoder = load(prior_folder, decoder_folder, device, compiled, clock)
    answer = lambda line: print(json.dumps(line), flush=True)
    how = "compiled" if compiled else "eager"
    answer({"ready": f"diffusers on PyTorch {torch.__version__}, {how}, {precision}, {threads} threads, {device}"})
    for line in sys.stdin:
        request = json.loads(line)
        clock.spent.clear()
        begun = time.perf_counter()
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            result = run(prior, decoder, request)
        whole = (time.perf_counter() - begun) * 1e3
        np.save(request["file"], result)
        answer({"run": whole, **clock.spent})


if __name__ == "__main__":
    main()
