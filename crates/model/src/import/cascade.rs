//! Stable Cascade in folders of diffusers: one network class for both stages, and one text encoder.

mod read;

pub use read::is_cascade;
use read::{Decoder, Prior};

use super::parts::{self, Text};
use super::stages::{NATIVE, Pair, compressor_stage, misfits, stage, vqgan_remark, vqgan_stages};
use super::{ImportSource, ImportStage, Published};
use crate::metadata::{self, Metadata, SamplingDefaults};
use crate::network::Network;
use crate::scale::Scale;

/// The graphs that run the models; `graphs/cascade.yaml` and others are derived from them.
pub const GRAPHS: [(&str, &str); 3] = [
    ("graph.yaml", include_str!("cascade.yaml")),
    ("image-variation.yaml", include_str!("cascade-image-variation.yaml")),
    ("image-to-image.yaml", include_str!("cascade-image-to-image.yaml")),
];

/// Notice required for derivatives of the published weights.
const LICENCE: &str = "The published weights of Stable Cascade are under the Stability AI Non-Commercial Research Community \
                       License: no commercial use, and what is made of them carries the licence.";

/// Opens all parts. If one fails, the others are still checked, so that all problems are found.
pub fn open(source: &ImportSource, problems: &mut Vec<String>) -> Option<Published> {
    let (prior, decoder) = (read::prior(source, problems), read::decoder(source, problems));
    let mut compressor = source.compressor.as_deref().map(|file| parts::compressor(file, problems));
    let (mut prior, decoder) = (prior?, decoder?);
    compressor = compressor.or_else(|| prior.compressor.take().map(Some));
    let (stage_c, stage_b, vqgan) = (&prior.prior.config, &decoder.decoder.config, &decoder.vqgan.config);
    let scale = Scale {
        resolution_multiple: prior.index.resolution_multiple,
        latent_dim_scale: decoder.index.latent_dim_scale,
        latent_multiple: stage_b.multiple(),
        pixels_per_latent: (prior.index.resolution_multiple / decoder.index.latent_dim_scale).round()
            as usize,
        least_latents: Some(stage_b.least()),
    };
    problems.extend(misfits(pairs(&prior, &decoder), vqgan, &scale));
    problems.extend(swapped(&prior, &decoder));
    let mut remarks = vec![LICENCE.to_owned()];
    remarks.extend(vqgan_remark(vqgan, &scale));
    let native_size = scale.nearest(NATIVE)?;
    let of_prior = Metadata::Prior(metadata::Prior {
        embedding_scale: 1.,
        embedding_shift: 0.,
        scale,
        native_size,
        sampling: SamplingDefaults {
            schedule: prior.text.schedule,
            time_embeddings: stage_c.time_embeddings(),
            ..SamplingDefaults::new(20, 4.)
        },
    });
    let of_decoder = Metadata::Decoder(metadata::Decoder {
        scale,
        sampling: SamplingDefaults {
            schedule: decoder.text.schedule,
            time_embeddings: stage_b.time_embeddings(),
            ..SamplingDefaults::new(10, 0.)
        },
    });
    if !problems.is_empty() {
        return None;
    }
    let one = same(&prior.text, &decoder.text);
    let (mut tokenizers, mut stages) = (vec![], vec![]);
    if one {
        let mut text = ImportStage { name: "text-encoder", ..prior.text.stage };
        if let Metadata::TextEncoder(metadata) = &mut text.metadata {
            metadata.tokenizer = "tokenizer.json".into();
        }
        stages.push(text);
        tokenizers.push(("tokenizer.json", prior.text.tokenizer.1));
    } else {
        remarks.push("the text encoders of prior and decoder differ: both are kept".to_owned());
        stages.extend([prior.text.stage, decoder.text.stage]);
        tokenizers.extend([prior.text.tokenizer, decoder.text.tokenizer]);
    }
    stages.extend([
        stage("prior", prior.prior, Network::Cascade, of_prior),
        stage("decoder", decoder.decoder, Network::Cascade, of_decoder),
    ]);
    stages.extend(vqgan_stages(decoder.vqgan, decoder.vqgan_encoder));
    let vision = prior.vision.is_some();
    if let Some((part, metadata)) = prior.vision {
        stages.push(stage("image-encoder", part, Network::Vision, Metadata::ImageEncoder(metadata)));
    }
    let compresses = compressor.is_some();
    if let Some(compressor) = compressor {
        stages.push(compressor_stage(compressor?, scale));
    }
    // These graphs could not be loaded without their models.
    let usable = |name: &str| match name {
        "image-variation.yaml" => vision,
        "image-to-image.yaml" => compresses,
        _ => true,
    };
    let graphs = GRAPHS.into_iter().filter(|(name, _)| usable(name));
    let graphs =
        graphs.map(|(name, text)| (name, if one { shared(text) } else { text.to_owned() })).collect();
    Some(Published { stages, tokenizers, graphs, licence: Some(LICENCE), remarks })
}

/// A graph in which one text encoder serves both stages.
pub fn shared(graph: &str) -> String {
    graph.replace("text-encoder-prior", "text-encoder").replace("text-encoder-decoder", "text-encoder")
}

/// Whether two text encoders, with their tokenizers, are equal to the last bit.
fn same(a: &Text, b: &Text) -> bool {
    a.tokenizer.1 == b.tokenizer.1
        && a.stage.network == b.stage.network
        && a.stage.graph.params.iter().all(|param| {
            let read = |text: &Text| text.stage.weights.tensor(&param.name).ok();
            let bits = |text: &Text| {
                read(text).map(|weight| weight.data.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            };
            bits(a).is_some_and(|a| bits(b) == Some(a))
        })
}

/// Sizes of the parts that must be equal.
fn pairs(prior: &Prior, decoder: &Decoder) -> [Pair; 6] {
    let (stage_c, stage_b, vqgan) = (&prior.prior.config, &decoder.decoder.config, &decoder.vqgan.config);
    let of_image = stage_c.clip_image_in_channels.unwrap_or(0);
    let vision = prior.vision.as_ref().map_or(of_image, |(part, _)| part.config.projection_dim);
    [
        (
            "the prior's clip_text_in_channels",
            stage_c.clip_text_in_channels.unwrap_or(0),
            "features of its text encoder",
            prior.text.features,
        ),
        (
            "the prior's clip_text_pooled_in_channels",
            stage_c.clip_text_pooled_in_channels,
            "projection_dim of its text encoder",
            pooled(&prior.text),
        ),
        (
            "the decoder's clip_text_pooled_in_channels",
            stage_b.clip_text_pooled_in_channels,
            "projection_dim of its text encoder",
            pooled(&decoder.text),
        ),
        ("the prior's clip_image_in_channels", of_image, "projection_dim of its image encoder", vision),
        (
            "the decoder's effnet_in_channels",
            stage_b.effnet_in_channels.unwrap_or(0),
            "the prior's in_channels",
            stage_c.in_channels,
        ),
        (
            "the decoder's in_channels",
            stage_b.in_channels,
            "the VQGAN's latent_channels",
            vqgan.latent_channels,
        ),
    ]
}

/// Reports networks of the other stage.
fn swapped(prior: &Prior, decoder: &Decoder) -> Vec<String> {
    let mut swapped = vec![];
    if prior.prior.config.is_decoder() {
        swapped.push(
            "the prior reads a semantic embedding, as stage B does: are the two folders swapped?".into(),
        );
    }
    if !decoder.decoder.config.is_decoder() {
        swapped.push(
            "the decoder reads no semantic embedding, as stage C does: are the two folders swapped?".into(),
        );
    }
    swapped
}

/// Features of a pooled text.
fn pooled(text: &Text) -> usize {
    match &text.stage.network {
        Network::PooledClip(config) => config.projection_dim,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
