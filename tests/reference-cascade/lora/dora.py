"""Makes dora.safetensors and dora_merged.safetensors: a DoRA adapter of two layers of the reference prior, and their weights as
PEFT merges it. Needs peft 0.21, torch and safetensors; run it here:

    python dora.py
"""

import json
import pathlib

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent
WEIGHTS = HERE.parent / "stable-cascade-prior/prior/diffusion_pytorch_model.safetensors"
LAYERS = ["down_blocks.0.2.attention.to_q", "embedding.1"]
RANK, ALPHA = 3, 2.0


def network(weights):
    """Modules with the layers' names and weights, and nothing else."""
    root = torch.nn.Module()
    for layer in LAYERS:
        weight, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
        if weight.dim() == 2:
            made = torch.nn.Linear(weight.shape[1], weight.shape[0])
        else:
            made = torch.nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:])
        made.load_state_dict({"weight": weight, "bias": bias})
        module = root
        *path, last = layer.split(".")
        for name in path:
            if not hasattr(module, name):
                module.add_module(name, torch.nn.Module())
            module = getattr(module, name)
        module.add_module(last, made)
    return root


torch.manual_seed(7)
config = LoraConfig(r=RANK, lora_alpha=ALPHA, use_dora=True, target_modules=LAYERS)
model = get_peft_model(network(load_file(WEIGHTS)), config)
with torch.no_grad():
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.normal_(std=0.3)
        if "magnitude" in name:
            parameter.mul_(1 + 0.3 * torch.randn_like(parameter))
adapter = get_peft_model_state_dict(model)
adapter = {name.replace("base_model.model.", "prior."): tensor.contiguous() for name, tensor in adapter.items()}
about = {"prior.r": RANK, "prior.lora_alpha": ALPHA, "prior.use_dora": True}
save_file(adapter, HERE / "dora.safetensors", {"format": "pt", "lora_adapter_metadata": json.dumps(about)})
merged = model.merge_and_unload().state_dict()
save_file({f"{layer}.weight": merged[f"{layer}.weight"].contiguous() for layer in LAYERS}, HERE / "dora_merged.safetensors")
print({name: list(tensor.shape) for name, tensor in adapter.items()})
