#!/usr/bin/env python3
"""Makes the second reference bundle: a cascade of unusual sizes with random weights, and what diffusers computes with
it.

    pip install -r requirements.txt
    python make.py            # writes wuerstchen-prior, wuerstchen and expected beside this file

It has what the first bundle has not: other depths, levels, kernels and widths, quick_gelu, an odd c_r, 12 channels of
the embedding, guidance in the decoder, other schedules and scales, `!` as padding, shards, and weights in half
precision.
"""

import json
import pathlib
import shutil

import numpy as np
import torch
from diffusers import DDPMWuerstchenScheduler, WuerstchenDecoderPipeline, WuerstchenPriorPipeline
from diffusers.pipelines.deprecated.wuerstchen import PaellaVQModel, WuerstchenDiffNeXt, WuerstchenPrior
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).parent
EXPECTED = HERE / "expected"
MERGES = 400

CASE = {
    "prompt": "“A  shiba inu”   in a space-suit, it's 100% 🚀🐕 月の上 — l’été\n\t!",
    "negative": "",
    "height": 128,
    "width": 256,
    "steps_p": 5,
    "steps_d": 3,
    "cfg_p": 3.5,
    "cfg_d": 1.75,
    "gen": 1234567890123,
}

# Texts that tokenizers disagree about; the last is longer than either encoder reads.
TEXTS = [
    CASE["prompt"],
    "",
    "   ",
    "wow! so   much!!!! wow",
    "a<|endoftext|>b <|startoftext|> <|ENDOFTEXT|>",
    "İstanbul STRASSE ß Éé é ﬁ Ⅻ ½ ²",
    "zero\u200bwidth\u00a0space\ttab\r\nline\u3000wide",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 リンゴ 苹果 사과 تفاحة яблоко",
    "don't DON'T we'll i'm 'tis ''s 12345 x2 3.14",
    "\u0000\ufeff\u202e mixed",
    "and a long tail " * 40,
]


def randomise(model, seed):
    """Weights that keep values about as large as they came, zeros of the original included."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if name.endswith("running_var"):
            value = 0.5 + torch.rand(tensor.shape, generator=generator)
        elif tensor.dim() < 2 or "gamma" in name or "beta" in name:
            shift = 1.0 if name.endswith("norm.weight") or "layer_norm" in name and name.endswith("weight") else 0.0
            value = shift + 0.2 * torch.randn(tensor.shape, generator=generator)
        else:
            value = torch.randn(tensor.shape, generator=generator) / tensor[0].numel() ** 0.5
        # Last layers whose values stay small, so that sampling does not explode and pictures are not all black or
        # white.
        if name.startswith(("out.1", "clf.1", "out_block.0")):
            value = 0.2 * value
        if name == "out_block.0.bias":
            value = value + 0.5
        if name == "clf.1.bias":
            value[len(value) // 2 :] += 2
        tensor.copy_(value)
    return model.eval()


def tokenizer(folder, length, pad):
    """A CLIP tokenizer with the first merges of the first bundle's."""
    source = HERE.parent / "reference" / "wuerstchen" / "tokenizer"
    merges = (source / "merges.txt").read_text().splitlines()[: 1 + MERGES]
    vocab = list(json.loads((source / "vocab.json").read_text()))
    vocab = vocab[: 512 + MERGES] + ["<|startoftext|>", "<|endoftext|>"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ids = {token: i for i, token in enumerate(vocab)}
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False, separators=(",", ":")) + "\n")
    (folder / "merges.txt").write_text("\n".join(merges) + "\n")
    special = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": pad,
    }
    config = {"model_max_length": length, "tokenizer_class": "CLIPTokenizer", **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
    return CLIPTokenizer.from_pretrained(folder)


def text_encoder(seed, vocab, length, **sizes):
    config = CLIPTextConfig(vocab_size=vocab, max_position_embeddings=length, **sizes)
    return randomise(CLIPTextModel(config), seed)


def save(name, tensor):
    np.save(EXPECTED / f"{name}.npy", np.ascontiguousarray(tensor.detach().numpy()))


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    for folder in ("wuerstchen-prior", "wuerstchen", "expected"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    EXPECTED.mkdir()

    # The first is saved again below, as one tokenizer.json; the second stays vocab.json and merges.txt.
    prior_tokenizer = tokenizer(HERE / "wuerstchen-prior" / "tokenizer", 77, "!")
    decoder_tokenizer = tokenizer(HERE / "wuerstchen" / "tokenizer", 40, "<|endoftext|>")
    vocab = len(prior_tokenizer)
    prior_text = text_encoder(
        1, vocab, 77, hidden_size=40, intermediate_size=72, num_hidden_layers=3, num_attention_heads=5,
        hidden_act="quick_gelu",
    )
    decoder_text = text_encoder(
        2, vocab, 48, hidden_size=24, intermediate_size=100, num_hidden_layers=1, num_attention_heads=3,
        hidden_act="gelu", layer_norm_eps=1e-4,
    )
    # Stored in half precision, computed with in full.
    decoder_text = decoder_text.half().float()
    prior = randomise(WuerstchenPrior(c_in=12, c=48, c_cond=40, c_r=31, depth=3, nhead=3), 3)
    decoder = randomise(
        WuerstchenDiffNeXt(
            c_r=22, c_cond=20, c_hidden=[12, 24, 40], nhead=[-1, 3, 2], blocks=[1, 2, 1],
            level_config=["CT", "CAT", "CTA"], inject_effnet=[True, False, True], effnet_embd=12, clip_embd=24,
            kernel_size=5, dropout=[0.0, 0.1, 0.1],
        ),
        4,
    )
    vqgan = randomise(PaellaVQModel(bottleneck_blocks=3, embed_dim=20, num_vq_embeddings=33, scale_factor=0.41), 5)

    prior_pipe = WuerstchenPriorPipeline(
        prior_tokenizer, prior_text, prior, DDPMWuerstchenScheduler(scaler=0.9, s=0.01), latent_mean=37.5,
        latent_std=0.75,
    )
    decoder_pipe = WuerstchenDecoderPipeline(
        decoder_tokenizer, decoder_text, decoder, DDPMWuerstchenScheduler(scaler=1.2), vqgan
    )
    write(prior_pipe, decoder_pipe)
    stages(prior_pipe, decoder_pipe)
    pipeline(prior_pipe, decoder_pipe)


def write(prior_pipe, decoder_pipe):
    """The folders, with each way to store weights that the first bundle lacks."""
    folder = HERE / "wuerstchen-prior"
    shutil.rmtree(folder / "tokenizer")
    prior_pipe.save_pretrained(folder)
    for file in (folder / "prior").glob("*.safetensors"):
        file.unlink()
    prior_pipe.prior.save_pretrained(folder / "prior", max_shard_size="300KB")
    folder = HERE / "wuerstchen"
    for name in ("decoder", "vqgan", "scheduler"):
        getattr(decoder_pipe, name).save_pretrained(folder / name)
    decoder_pipe.save_config(folder)
    half = CLIPTextModel(decoder_pipe.text_encoder.config)
    half.load_state_dict(decoder_pipe.text_encoder.state_dict())
    half.half().save_pretrained(folder / "text_encoder", variant="fp16")
    for file in HERE.rglob("*.safetensors"):
        file.chmod(0o644)


def stages(prior_pipe, decoder_pipe):
    """Every network by itself, at sizes that divide nothing."""
    generator = torch.Generator().manual_seed(11)
    randn = lambda *shape: torch.randn(shape, generator=generator)
    ids = {}
    for which, pipe in (("prior", prior_pipe), ("decoder", decoder_pipe)):
        length = pipe.tokenizer.model_max_length
        made = pipe.tokenizer(TEXTS, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        ids[which] = made.input_ids.tolist()
        # The prompt, and no prompt.
        made = {key: value[:2] for key, value in made.items()}
        states = pipe.text_encoder(made["input_ids"], attention_mask=made["attention_mask"]).last_hidden_state
        save(f"{which}_token_ids", made["input_ids"])
        save(f"{which}_attention_mask", made["attention_mask"])
        save(f"{which}_text_embeds", states)
    (EXPECTED / "tokens.json").write_text(json.dumps({"texts": TEXTS, **ids}, ensure_ascii=False) + "\n")

    x, r, c = randn(2, 12, 5, 7), torch.tensor([0.97, 0.123]), randn(2, 9, 40)
    for name, tensor in (("prior_in_x", x), ("prior_in_r", r), ("prior_in_c", c)):
        save(name, tensor)
    save("prior_out", prior_pipe.prior(x, r, c))

    # The embedding grows along one axis and shrinks along the other, and shrinks below itself on the way down.
    x, effnet, clip = randn(2, 4, 24, 40), randn(2, 12, 9, 4), randn(2, 11, 24)
    for name, tensor in (("decoder_in_x", x), ("decoder_in_effnet", effnet), ("decoder_in_clip", clip)):
        save(name, tensor)
    save("decoder_out", decoder_pipe.decoder(x, r, effnet, clip))

    latents, image = randn(1, 4, 9, 7), torch.rand(1, 3, 36, 20, generator=generator)
    for name, tensor in (("vqgan_in", latents), ("vqgan_enc_in", image)):
        save(name, tensor)
    save("vqgan_out", decoder_pipe.vqgan.decode(latents).sample)
    save("vqgan_enc_out", decoder_pipe.vqgan.encode(image).latents)


def pipeline(prior_pipe, decoder_pipe):
    """From the prompt and the seed alone; one generator runs through both pipelines."""
    generator = torch.Generator().manual_seed(CASE["gen"])
    embeddings = prior_pipe(
        CASE["prompt"], height=CASE["height"], width=CASE["width"], num_inference_steps=CASE["steps_p"],
        guidance_scale=CASE["cfg_p"], negative_prompt=CASE["negative"], generator=generator,
    ).image_embeddings
    save("image_embeddings", embeddings)
    image = decoder_pipe(
        embeddings, CASE["prompt"], num_inference_steps=CASE["steps_d"], guidance_scale=CASE["cfg_d"],
        negative_prompt=CASE["negative"], generator=generator, output_type="np",
    ).images
    np.save(EXPECTED / "image.npy", image)
    (EXPECTED / "case.json").write_text(json.dumps(CASE, ensure_ascii=False, indent=1) + "\n")
    inside = ((image > 0) & (image < 1)).mean()
    print(f"embedding {embeddings.std():.3g}, image {image.mean():.3g} ± {image.std():.3g}, {inside:.0%} inside 0..1")


if __name__ == "__main__":
    main()
