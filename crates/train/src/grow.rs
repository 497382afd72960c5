//! Enlarges a trained Stage A decoder by blocks, so that training can continue with a larger network.
//!
//! A residual block adds nothing until its six mixing numbers leave zero, so the larger network starts as the same
//! function. The latents, and so stages B and C, stay unchanged.

use crate::eval::Weights;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use tch::{Device, Tensor};
use wuerst_model::contract::Sizes;
use wuerst_model::vqgan::{self, VqganConfig};

const BLOCKS: &str = "up_blocks.";

/// Adds blocks after the last of the lowest resolution, up to the number in `network`.
///
/// # Errors
/// Weights with more blocks than that.
pub fn decoder(
    tensors: BTreeMap<String, Tensor>,
    network: &VqganConfig,
    seed: i64,
) -> Result<BTreeMap<String, Tensor>> {
    let has = |at: usize| tensors.contains_key(&format!("{BLOCKS}{at}.gammas"));
    let (before, wanted) = ((1..).take_while(|at| has(*at)).count(), network.bottleneck_blocks);
    ensure!(
        before <= wanted,
        "the model's decoder has {before} blocks at its lowest resolution: set bottleneck_blocks to that or more, not {wanted}"
    );
    let sizes = Sizes { batch: 1, height: 16, width: 16, embedding: [1, 1], length: 1 };
    let fresh = Weights::init(&vqgan::decoder_graph(network, &sizes)?, seed, Device::Cpu);
    let added = |name: &str| number(name).is_some_and(|(at, _)| (before + 1..=wanted).contains(&at));
    let mut grown: BTreeMap<String, Tensor> =
        fresh.all().into_iter().filter(|(name, _)| added(name)).collect();
    for (name, tensor) in tensors {
        let name = match number(&name) {
            Some((at, rest)) if at > before => format!("{BLOCKS}{}{rest}", at + wanted - before),
            _ => name,
        };
        grown.insert(name, tensor);
    }
    Ok(grown)
}

/// The index of the block that a parameter belongs to, and the rest of its name.
fn number(name: &str) -> Option<(usize, &str)> {
    let rest = name.strip_prefix(BLOCKS)?;
    let end = rest.find('.')?;
    Some((rest[..end].parse().ok()?, &rest[end..]))
}
