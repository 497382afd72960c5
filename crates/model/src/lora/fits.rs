//! Tells which of the published networks a LoRA file is for.

use std::collections::BTreeSet;

use super::keys::Part;
use super::names::{Names, Target};
use super::{Adapters, Lora};
use crate::cascade::CascadeConfig;
use crate::contract::Sizes;
use crate::decoder::DecoderConfig;
use crate::network::Network;
use crate::prior::PriorConfig;
use crate::text::clip::ClipConfig;
use crate::text::pooled::PooledClipConfig;

/// Sizes of the recordings, of which only the parameters count.
const SIZES: Sizes = Sizes { batch: 1, height: 32, width: 32, embedding: [1, 1], length: 1 };

/// The published networks that LoRAs are made for, with names for people.
pub(crate) fn published() -> [(&'static str, Network); 9] {
    [
        ("Stable Cascade's large prior", Network::Cascade(CascadeConfig::prior())),
        ("Stable Cascade's small prior (prior_lite)", Network::Cascade(CascadeConfig::prior_lite())),
        ("Stable Cascade's large decoder", Network::Cascade(CascadeConfig::decoder())),
        ("Stable Cascade's small decoder (decoder_lite)", Network::Cascade(CascadeConfig::decoder_lite())),
        ("Würstchen v2's prior", Network::Prior(PriorConfig::default())),
        ("Würstchen v2's decoder", Network::Decoder(DecoderConfig::default())),
        ("Stable Cascade's text encoder", Network::PooledClip(PooledClipConfig::big_g())),
        ("the text encoder of Würstchen v2's prior", Network::Clip(ClipConfig::big_g())),
        ("the text encoder of Würstchen v2's decoder", Network::Clip(ClipConfig::h())),
    ]
}

/// The published network that most layers of a file fit, by names and sizes; otherwise a description of its matrices.
pub fn network(lora: &Lora) -> String {
    let fits = published().into_iter().filter_map(|(name, network)| {
        let graph = network.graph(&SIZES).ok()?;
        Some((
            count(lora, &graph.params.iter().map(|p| (&p.name[..], &p.shape[..])).collect::<Vec<_>>()),
            name,
        ))
    });
    // The first of equals: its networks are more common.
    let best = fits.reduce(|best, next| if next.0 > best.0 { next } else { best });
    match best {
        Some(((sized, _), name)) if sized > 0 => name.to_owned(),
        Some(((_, named), name)) if named > 0 => format!("a network like {name} with {}", widths(lora)),
        _ => format!("a network with {}", widths(lora)),
    }
}

/// Number of matrices that a file changes in the published network that it fits, and number of its matrices.
pub fn changed(lora: &Lora) -> Option<(usize, usize)> {
    let placed = |network: &Network| {
        let graph = network.graph(&SIZES).ok()?;
        let params = graph.params.iter().map(|param| (&param.name[..], &param.shape[..]));
        Adapters::default().add(lora, 1., "", params).ok()
    };
    let placed = published().iter().find_map(|(_, network)| placed(network))?;
    Some((placed.changed, placed.of))
}

/// Number of layers with a place in a network and its size, and number with a place.
fn count(lora: &Lora, params: &[(&str, &[usize])]) -> (usize, usize) {
    let names = Names::of(params.iter().copied());
    let shape = |name: &str| params.iter().find(|(own, _)| *own == name).map(|(_, shape)| *shape);
    let (mut sized, mut named) = (0, 0);
    for (layer, parts) in &lora.layers {
        let listed = layer.strip_prefix("weights.").and_then(|at| names.listed(at.parse().ok()?));
        let Some(target) = listed.or_else(|| names.find(layer).ok()) else { continue };
        named += 1;
        let inputs = match &target {
            Target::One(name) => shape(name),
            Target::Fused([name, ..]) => shape(name),
        };
        let own = parts.get(&Part::Down).map(|key| lora.shape(key));
        sized += usize::from(own.is_some_and(|own| own.get(1..) == inputs.and_then(|shape| shape.get(1..))));
    }
    // The authors' lists have no names, so that their length decides.
    let entries = lora.layers.keys().filter(|layer| layer.starts_with("weights.")).count();
    if entries > 0 && entries != 2 * names.attention_blocks() {
        return (0, 0);
    }
    (sized, named)
}

/// The numbers of inputs of a file's layers.
fn widths(lora: &Lora) -> String {
    let downs = lora.layers.values().filter_map(|parts| parts.get(&Part::Down));
    let widths: BTreeSet<usize> = downs.filter_map(|key| lora.shape(key).get(1).copied()).collect();
    let widths: Vec<String> = widths.iter().take(8).map(usize::to_string).collect();
    match widths.is_empty() {
        true => "a token table".to_owned(),
        false => format!("matrices of {} inputs", widths.join(", ")),
    }
}
