//! Tells what a file of weights is by its content: a LoRA, a ControlNet, one network, or a bundle of several.

use std::collections::BTreeSet;
use std::path::Path;

use super::{single, stranger};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::contract::Sizes;
use crate::lora::{self, Lora, LoraError};

/// Sizes of recordings, of which only the parameters count.
const SIZES: Sizes = Sizes { batch: 1, height: 32, width: 32, embedding: [1, 1], length: 1 };

/// Description of a file of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The kind of file, such as `a LoRA for Stable Cascade's large prior`.
    pub kind: String,
    /// Facts, each with its name.
    pub facts: Vec<(&'static str, String)>,
}

/// Describes a safetensors file, or one in PyTorch's old format.
///
/// # Errors
/// If the file cannot be read, is damaged or of another format.
pub fn describe(path: &Path) -> Result<Description, CheckpointError> {
    let file = Checkpoint::open(path)?;
    let tensors = file.tensors().count();
    let numbers = file.tensors().map(|(_, shape)| shape.iter().fold(1usize, |all, n| all.saturating_mul(*n)));
    let numbers = numbers.fold(0, usize::saturating_add);
    let mut facts = vec![("tensors", format!("{tensors}, of {numbers} numbers"))];
    match Lora::open(path) {
        Ok(lora) => return Ok(of_lora(&lora, facts)),
        Err(LoraError::Refused { message, .. }) if !message.starts_with("is no LoRA") => {
            return Ok(Description { kind: format!("an adapter that cannot be used: it {message}"), facts });
        }
        Err(_) => {}
    }
    if let Some(kind) = stranger::kind(&file) {
        return Ok(Description { kind: kind.to_owned(), facts });
    }
    let parts = parts(&file);
    let kind = match &parts[..] {
        [] => "weights of a network that is not known here".to_owned(),
        [one] => format!("the weights of {one}"),
        several => {
            facts.push(("parts", several.join(", ")));
            "a bundle of networks".to_owned()
        }
    };
    Ok(Description { kind, facts })
}

fn of_lora(lora: &Lora, mut facts: Vec<(&'static str, String)>) -> Description {
    let ranks: Vec<String> = lora.ranks().iter().map(usize::to_string).collect();
    facts.push(("layers", lora.layers().to_string()));
    facts.push(("ranks", ranks.join(", ")));
    if let Some((changed, of)) = lora.changed() {
        facts.push(("matrices", format!("{changed} of {of} changed")));
    }
    if lora.has_token_rows() {
        facts.push(("token rows", "for the text encoder".to_owned()));
    }
    let method = if lora.has_norms() { "DoRA" } else { "LoRA" };
    Description { kind: format!("a {method} for {}", lora.network()), facts }
}

/// The networks in a file.
fn parts(file: &Checkpoint) -> Vec<String> {
    let has = |part: &&str| file.tensors().any(|(name, _)| name.contains(part));
    let v2 =
        [("cond_mapper.0.", "a prior of Würstchen v2"), ("effnet_mappers.", "a decoder of Würstchen v2")];
    if let Some((_, name)) = v2.iter().find(|(part, _)| has(part)) {
        return vec![published(file).unwrap_or_else(|| (*name).to_owned())];
    }
    let denoiser = single::denoiser(file.clone());
    let own = published(&denoiser).or_else(|| {
        let config = single::network(&denoiser, None)?;
        let stage = if config.effnet_in_channels.is_some() { "B" } else { "C" };
        let widths: Vec<String> = config.block_out_channels.iter().map(usize::to_string).collect();
        Some(format!("a stage {stage} of Stable Cascade, of widths {}", widths.join(", ")))
    });
    let mut parts: Vec<String> = own.into_iter().collect();
    let bundled = [
        ("a text encoder", single::text(file).is_some()),
        ("an image encoder", single::vision(file).is_some()),
        ("a VQGAN", single::vqgan(file).is_some()),
        ("a semantic compressor", single::compressor(file).is_some()),
    ];
    parts.extend(bundled.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()));
    if parts.is_empty() {
        let known = [
            ("vision_model.", "an image encoder (CLIP)"),
            ("self_attn.q_proj.", "a text encoder (CLIP)"),
            ("vquantizer.", "a VQGAN"),
            ("backbone.", "a semantic compressor"),
        ];
        parts.extend(known.iter().find(|(part, _)| has(part)).map(|(_, name)| (*name).to_owned()));
    }
    parts
}

/// The published network whose parameters the file has, all in their size.
fn published(file: &Checkpoint) -> Option<String> {
    let file = file.clone().renamed("text_model.", "");
    let names: BTreeSet<&str> = file.tensors().map(|(name, _)| name).collect();
    let fits = |network: &crate::network::Network| {
        let graph = network.graph(&SIZES).ok()?;
        let there = |name: &str, shape: &[usize]| names.contains(name) && file.shape(name) == Some(shape);
        graph.params.iter().all(|param| there(&param.name, &param.shape)).then_some(())
    };
    lora::published()
        .into_iter()
        .find(|(_, network)| fits(network).is_some())
        .map(|(name, _)| name.to_owned())
}
