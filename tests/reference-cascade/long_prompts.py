"""Makes long_prompts.json, weighed_*.npy and long_*.npy of expected/ by ComfyUI's own code: prompts in chunks, with weights.

    python long_prompts.py COMFYUI

COMFYUI is a clone; this interpreter has what it requires (torch, transformers, safetensors, ...).
"""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
COMFYUI = sys.argv[1]
sys.path.insert(0, COMFYUI)
sys.argv = [sys.argv[0], "--cpu"]

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import comfy.sd1_clip  # noqa: E402
import numpy  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

PRIOR, OUT = HERE / "stable-cascade-prior", HERE / "expected"
CONFIG = json.loads((PRIOR / "text_encoder/config.json").read_text())
TOKENIZER = comfy.sd1_clip.SDTokenizer(tokenizer_path=str(PRIOR / "tokenizer"), embedding_key="clip_g")


class Small(comfy.clip_model.CLIPTextModel):
    """ComfyUI's text model with the vocabulary and projection of the reference, which its class takes as fixed."""

    def __init__(self, config, dtype, device, operations):
        super().__init__(config, dtype, device, operations)
        embedding = operations.Embedding(config["vocab_size"], config["hidden_size"], dtype=dtype, device=device)
        self.text_model.embeddings.token_embedding = embedding
        sizes = config["hidden_size"], config["projection_dim"]
        self.text_projection = operations.Linear(*sizes, bias=False, dtype=dtype, device=device)


def encoder():
    """The text encoder, with the settings of ComfyUI's StableCascadeClipG."""
    special = {"start": TOKENIZER.start_token, "end": TOKENIZER.end_token, "pad": TOKENIZER.pad_token}
    model = comfy.sd1_clip.SDClipModel(
        layer="hidden", layer_idx=-1, textmodel_json_config=CONFIG, model_class=Small, dtype=torch.float32,
        special_tokens=special, layer_norm_hidden_state=False, enable_attention_masks=True,
        return_projected_pooled=True,
    )
    print(model.load_sd(load_file(PRIOR / "text_encoder/model.safetensors")))
    return model


def padded():
    """A prompt whose bracket is moved to the second chunk, so that the first is padded."""
    for words in range(1, 40):
        text = " ".join(["apple"] * words) + " (small house:1.4) " + " ".join(["a cat"] * 10)
        first, *others = TOKENIZER.tokenize_with_weights(text)
        moved = len(others) == 1 and all(weight == 1 for _, weight in first)
        if moved and sum(token != TOKENIZER.pad_token for token, _ in first) < 76:
            return text
    raise SystemExit("no such prompt")


def main():
    words = ["a red apple", "a cat with a hat", "a small house by the sea", "two trees and a boat"]
    divided = " (a small house by the sea with two trees:0.6) (hat) and "
    texts = [
        "a (red:1.3) apple",
        " ".join(words * 6),
        padded(),
        " ".join(["red apple"] * 12) + divided + " ".join(["boat"] * 30),
    ]
    cases = []
    for text in texts:
        chunks = TOKENIZER.tokenize_with_weights(text)
        ids = [[int(token) for token, _ in chunk] for chunk in chunks]
        cases.append({"text": text, "ids": ids, "weights": [[weight for _, weight in chunk] for chunk in chunks]})
    commit = subprocess.run(["git", "-C", COMFYUI, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    source = f"ComfyUI comfy/sd1_clip.py at {commit or 'an unknown commit'} with the tokenizer of stable-cascade-prior"
    (OUT / "long_prompts.json").write_text(json.dumps({"source": source, "cases": cases}))
    model = encoder()
    with torch.no_grad():
        for name, text in (("weighed", texts[0]), ("long", texts[2])):
            states, pooled = model.encode_token_weights(TOKENIZER.tokenize_with_weights(text))[:2]
            numpy.save(OUT / f"{name}_states.npy", states.numpy())
            numpy.save(OUT / f"{name}_pooled.npy", pooled.numpy())


main()
