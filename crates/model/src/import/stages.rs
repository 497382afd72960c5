//! The stages of a published cascade: network, metadata and weights of each.

use std::sync::Arc;

use super::cascade;
use super::parts::{self, Decoder, Part, Prior};
use super::{GRAPH, ImportSource, Published};
use crate::checkpoint::Checkpoint;
use crate::compressor::{CompressorConfig, STRIDE};
use crate::lora::Adapters;
use crate::metadata::{self, Metadata, SamplingDefaults};
use crate::network::Network;
use crate::onnx;
use crate::record::NetworkGraph;
use crate::scale::Scale;
use crate::schedule;
use crate::vqgan::VqganConfig;

/// Pixels along a side that the published models make best.
pub const NATIVE: usize = 1024;

/// Channels of the latents between decoder and VQGAN, a constant in diffusers' pipeline.
const LATENTS: usize = 4;

/// A stage ready to be written.
#[derive(Debug)]
pub struct ImportStage {
    /// File name without `.onnx`.
    pub name: &'static str,
    /// The network with its sizes.
    pub network: Network,
    /// The model's metadata.
    pub metadata: Metadata,
    pub(super) graph: NetworkGraph,
    pub(super) weights: Arc<Checkpoint>,
    /// LoRAs to be merged into the weights.
    pub(super) adapters: Adapters,
}

impl ImportStage {
    /// Whether it has matrix products that gain from int8.
    pub fn quantizable(&self) -> bool {
        onnx::quantizable(&self.graph)
    }

    /// Parameters of the stage.
    pub fn parameters(&self) -> u64 {
        self.graph.parameters()
    }
}

/// Opens all parts. If one fails, the others are still checked, so that all problems are found; the result is then `None`.
pub fn open(source: &ImportSource, problems: &mut Vec<String>) -> Option<Published> {
    if cascade::is_cascade(source, problems)? {
        return cascade::open(source, problems);
    }
    let prior = parts::prior(&source.prior, problems);
    let decoder = parts::decoder(&source.decoder, problems);
    let compressor = source.compressor.as_deref().map(|file| parts::compressor(file, problems));
    let (prior, decoder) = (prior?, decoder?);
    let scale = Scale {
        resolution_multiple: prior.index.resolution_multiple,
        latent_dim_scale: decoder.index.latent_dim_scale,
        latent_multiple: decoder.decoder.config.stride(),
        // 4, except for digits missing in the published numbers.
        pixels_per_latent: (prior.index.resolution_multiple / decoder.index.latent_dim_scale).round()
            as usize,
        least_latents: None,
    };
    problems.extend(misfits(pairs(&prior, &decoder), &decoder.vqgan.config, &scale));
    if !problems.is_empty() {
        return None;
    }
    let remarks = vqgan_remark(&decoder.vqgan.config, &scale).into_iter().collect();
    let tokenizers = vec![prior.text.tokenizer.clone(), decoder.text.tokenizer.clone()];
    let mut stages = prior_stages(prior, scale)?;
    stages.extend(decoder_stages(decoder, scale));
    if let Some(compressor) = compressor {
        stages.push(compressor_stage(compressor?, scale));
    }
    // In the order in which a picture is made: both text encoders first.
    stages.sort_by_key(|stage| !matches!(stage.metadata, Metadata::TextEncoder(_)));
    let graphs = vec![("graph.yaml", GRAPH.to_owned())];
    Some(Published { stages, tokenizers, graphs, licence: None, remarks })
}

/// Two sizes that must be equal, each after its name.
pub type Pair = (&'static str, usize, &'static str, usize);

/// Sizes of the two folders that must be equal.
fn pairs(prior: &Prior, decoder: &Decoder) -> [Pair; 4] {
    let (stage_c, stage_b, vqgan) = (&prior.prior.config, &decoder.decoder.config, &decoder.vqgan.config);
    [
        ("the prior's c_cond", stage_c.c_cond, "features of its text encoder", prior.text.features),
        ("the decoder's clip_embd", stage_b.clip_embd, "features of its text encoder", decoder.text.features),
        ("the decoder's effnet_embd", stage_b.effnet_embd, "the prior's c_in", stage_c.c_in),
        ("the decoder's c_in", stage_b.c_in, "the VQGAN's latent_channels", vqgan.latent_channels),
    ]
}

/// Mismatches between the parts, and features that the stages do not support.
pub fn misfits(pairs: impl IntoIterator<Item = Pair>, vqgan: &VqganConfig, scale: &Scale) -> Vec<String> {
    let of_vqgan = [
        ("the VQGAN's latent_channels", vqgan.latent_channels, "what the pipeline draws", LATENTS),
        ("the VQGAN's in_channels", vqgan.in_channels, "the colours of a picture", 3),
        ("the VQGAN's out_channels", vqgan.out_channels, "the colours of a picture", 3),
    ];
    let unequal = pairs.into_iter().chain(of_vqgan).filter(|(_, a, _, b)| a != b);
    let mut misfits: Vec<String> =
        unequal.map(|(one, a, other, b)| format!("{one} is {a}, but {other}: {b}")).collect();
    let ratio = scale.resolution_multiple / scale.latent_dim_scale;
    let sound =
        scale.resolution_multiple > 0. && scale.latent_dim_scale > 0. && (1. ..1024.).contains(&ratio);
    if !sound || scale.nearest(NATIVE).is_none() {
        misfits.push(format!(
            "no size of picture fits resolution_multiple {} and latent_dim_scale {} (in model_index.json) and a \
             decoder whose latents are a multiple of {}",
            scale.resolution_multiple, scale.latent_dim_scale, scale.latent_multiple
        ));
    }
    misfits
}

/// Unusual property of a VQGAN.
pub fn vqgan_remark(vqgan: &VqganConfig, scale: &Scale) -> Option<String> {
    let (makes, counts) = (vqgan.stride(), scale.pixels_per_latent);
    (makes != counts).then(|| {
        format!(
            "the VQGAN makes {makes} pixels along each side of a latent, and the pipeline counts on {counts}: as in \
             diffusers, the sides of pictures will be {} times what is asked for",
            makes as f64 / counts as f64
        )
    })
}

/// A stage of a part.
pub fn stage<C>(
    name: &'static str,
    part: Part<C>,
    network: impl Fn(C) -> Network,
    metadata: Metadata,
) -> ImportStage {
    let Part { config, graph, weights } = part;
    ImportStage { name, network: network(config), metadata, graph, weights, adapters: Adapters::default() }
}

fn prior_stages(prior: Prior, scale: Scale) -> Option<Vec<ImportStage>> {
    let metadata = Metadata::Prior(metadata::Prior {
        embedding_scale: prior.index.latent_mean,
        embedding_shift: -prior.index.latent_std,
        scale,
        native_size: scale.nearest(NATIVE)?,
        sampling: SamplingDefaults {
            schedule: prior.text.schedule,
            timesteps: schedule::noisy(29),
            ..SamplingDefaults::new(60, 4.)
        },
    });
    Some(vec![prior.text.stage, stage("prior", prior.prior, Network::Prior, metadata)])
}

fn decoder_stages(decoder: Decoder, scale: Scale) -> [ImportStage; 4] {
    let metadata = Metadata::Decoder(metadata::Decoder {
        scale,
        sampling: SamplingDefaults { schedule: decoder.text.schedule, ..SamplingDefaults::new(12, 0.) },
    });
    let [vqgan, encoder] = vqgan_stages(decoder.vqgan, decoder.vqgan_encoder);
    [decoder.text.stage, stage("decoder", decoder.decoder, Network::Decoder, metadata), vqgan, encoder]
}

/// Both halves of the VQGAN.
pub fn vqgan_stages(vqgan: Part<VqganConfig>, encoder: NetworkGraph) -> [ImportStage; 2] {
    // Converted through decimal text, since f32 to f64 would add digits.
    let factor = vqgan.config.scale_factor;
    let latent_scale = factor.to_string().parse().unwrap_or(f64::from(factor));
    let encoder = Part { config: vqgan.config.clone(), graph: encoder, weights: Arc::clone(&vqgan.weights) };
    let scaled = metadata::Vqgan { latent_scale, pixels_per_latent: vqgan.config.stride() };
    [
        stage("vqgan-decoder", vqgan, Network::VqganDecoder, Metadata::VqganDecoder(scaled.clone())),
        stage("vqgan-encoder", encoder, Network::VqganEncoder, Metadata::VqganEncoder(scaled)),
    ]
}

pub fn compressor_stage(part: Part<CompressorConfig>, scale: Scale) -> ImportStage {
    let metadata = Metadata::Compressor(metadata::Compressor {
        stride: STRIDE,
        resolution_multiple: scale.resolution_multiple,
        // The recorded network itself normalises pictures in 0..1 for the backbone.
        mean: [0.; 3],
        std: [1.; 3],
    });
    stage("compressor", part, Network::Compressor, metadata)
}
