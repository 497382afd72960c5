//! Detects weights that are not a network: adapters and control networks, by the names of their tensors.

use crate::checkpoint::Checkpoint;

/// Parts of names, and the kind of file with such tensors.
const KINDS: [(&[&str], &str); 2] = [
    (
        &[
            "lora_A.",
            "lora_B.",
            "lora_up.",
            "lora_down.",
            "lora.up.",
            "lora.down.",
            "_lora.up.",
            "_lora.down.",
        ],
        "a LoRA: it changes the weights of a network and is none itself",
    ),
    (
        &["controlnet", "projections.0.0.weight"],
        "a ControlNet: it steers a network and is none itself; ControlNets are not supported",
    ),
];

/// The kind of the file, if it is not the weights of a network; `None` if unknown.
pub fn kind(weights: &Checkpoint) -> Option<&'static str> {
    let has = |part: &str| weights.tensors().any(|(name, _)| name.contains(part));
    KINDS.iter().find(|(parts, _)| parts.iter().any(|part| has(part))).map(|(_, kind)| *kind)
}
