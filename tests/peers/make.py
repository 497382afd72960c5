#!/usr/bin/env python3
"""Makes checkpoints of a middle size in the published layout, with random weights, to measure speed with.

    python make.py FOLDER [--published]    writes FOLDER/wuerstchen-prior and FOLDER/wuerstchen

Prior: c 768, depth 8. Decoder: c_hidden [160, 320, 640, 640], blocks [2, 2, 6, 2]. VQGAN: as published. What a network
costs does not depend on its weights, as long as its values stay finite and normal.
"""

import json
import pathlib
import sys

import torch
from diffusers import DDPMWuerstchenScheduler
from diffusers.pipelines.deprecated.wuerstchen import PaellaVQModel, WuerstchenDiffNeXt, WuerstchenPrior
from transformers import CLIPTextConfig, CLIPTextModel

PRIOR = {"c": 768, "c_cond": 768, "depth": 8, "nhead": 12}
DECODER = {
    "c_cond": 512,
    "c_hidden": [160, 320, 640, 640],
    "nhead": [-1, 5, 10, 10],
    "blocks": [2, 2, 6, 2],
    "clip_embd": 512,
}


def randomised(model, seed):
    """Zeros of the original get values too, so that no part of the arithmetic is trivial."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if name.endswith("running_var") or name.endswith("norm.weight") or "layer_norm" in name and tensor.dim() == 1:
            value = torch.ones(tensor.shape) if name.endswith(("weight", "var")) else torch.zeros(tensor.shape)
        elif tensor.dim() < 2 or "gamma" in name or "beta" in name:
            value = 0.02 * torch.randn(tensor.shape, generator=generator)
        else:
            value = torch.randn(tensor.shape, generator=generator) / tensor[0].numel() ** 0.5
        if name.startswith(("out.1", "clf.1")):
            value = 0.2 * value
        tensor.copy_(value)
    return model.eval()


def save_text(folder, hidden, layers, heads, seed):
    """A text encoder over single bytes: the smallest vocabulary that CLIP's tokenizer can have."""
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir(parents=True, exist_ok=True)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    vocab = letters + [letter + "</w>" for letter in letters] + ["<|startoftext|>", "<|endoftext|>"]
    (tokenizer / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocab)}, ensure_ascii=False))
    (tokenizer / "merges.txt").write_text("#version: 0.2\n")
    end = "<|endoftext|>"
    special = {"bos_token": "<|startoftext|>", "eos_token": end, "unk_token": end, "pad_token": end}
    config = {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer", **special}
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(config))
    config = CLIPTextConfig(
        vocab_size=len(vocab),
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        bos_token_id=len(vocab) - 2,
        eos_token_id=len(vocab) - 1,
        pad_token_id=len(vocab) - 1,
    )
    randomised(CLIPTextModel(config), seed).save_pretrained(folder / "text_encoder")


@torch.no_grad()
def main():
    out = pathlib.Path(sys.argv[1])
    published = "--published" in sys.argv[2:]
    prior_sizes, decoder_sizes = ({}, {}) if published else (PRIOR, DECODER)
    prior, decoder = WuerstchenPrior(**prior_sizes), WuerstchenDiffNeXt(**decoder_sizes)
    for name, kind, network, seed in (
        ("wuerstchen-prior", "prior", prior, 1),
        ("wuerstchen", "decoder", decoder, 2),
    ):
        folder = out / name
        hidden = network.config.c_cond if kind == "prior" else network.config.clip_embd
        save_text(folder, hidden, 4, hidden // 64, seed + 10)
        randomised(network, seed).save_pretrained(folder / kind)
        DDPMWuerstchenScheduler().save_pretrained(folder / "scheduler")
    randomised(PaellaVQModel(), 3).save_pretrained(out / "wuerstchen" / "vqgan")
    index = {
        "_class_name": "WuerstchenPriorPipeline",
        "latent_mean": 42.0,
        "latent_std": 1.0,
        "resolution_multiple": 42.67,
    }
    (out / "wuerstchen-prior" / "model_index.json").write_text(json.dumps(index))
    index = {"_class_name": "WuerstchenDecoderPipeline", "latent_dim_scale": 10.67}
    (out / "wuerstchen" / "model_index.json").write_text(json.dumps(index))


if __name__ == "__main__":
    main()
