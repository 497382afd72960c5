//! The parts of a published cascade in its folders.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::ImportStage;
use super::folder::Folder;
use super::tokenizer;
use crate::checkpoint::Checkpoint;
use crate::compressor::{CompressorConfig, STRIDE};
use crate::contract::{self, Sizes};
use crate::decoder::DecoderConfig;
use crate::lora::Adapters;
use crate::metadata::{self, Metadata};
use crate::network::Network;
use crate::prior::PriorConfig;
use crate::record::{NetworkGraph, RecordError};
use crate::scale::Scale;
use crate::schedule::Schedule;
use crate::text::clip::ClipConfig;
use crate::text::tokenizer::ClipTokenizer;
use crate::vqgan::{self, VqganConfig};

/// Class of the only supported scheduler.
const SCHEDULER: &str = "DDPMWuerstchenScheduler";

/// Sizes for recordings. The models accept any; 16 latents are divisible by every common stride.
pub const SIZES: Sizes = Sizes { batch: 1, height: 16, width: 16, embedding: [4, 4], length: 8 };

/// Settings of the prior's pipeline. The names are diffusers', and misleading.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct PriorIndex {
    /// Factor from latents to embedding.
    pub latent_mean: f64,
    /// Subtracted after the multiplication.
    pub latent_std: f64,
    /// Pixels per cell of the embedding.
    pub resolution_multiple: f64,
}

impl Default for PriorIndex {
    fn default() -> PriorIndex {
        let resolution_multiple = Scale::default().resolution_multiple;
        PriorIndex { latent_mean: 42., latent_std: 1., resolution_multiple }
    }
}

/// Settings of the decoder's pipeline.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct DecoderIndex {
    /// Latents per cell of the embedding.
    pub latent_dim_scale: f64,
}

impl Default for DecoderIndex {
    fn default() -> DecoderIndex {
        DecoderIndex { latent_dim_scale: Scale::default().latent_dim_scale }
    }
}

/// A network with weights that fit it.
pub struct Part<C> {
    pub config: C,
    pub graph: NetworkGraph,
    pub weights: Arc<Checkpoint>,
}

/// Parts common to all folders: a text encoder with its tokenizer, and a schedule.
pub struct Text {
    pub stage: ImportStage,
    /// File name and content.
    pub tokenizer: (&'static str, String),
    /// Features of the encoder's states.
    pub features: usize,
    pub schedule: Schedule,
}

/// The prior's folder.
pub struct Prior {
    pub index: PriorIndex,
    pub text: Text,
    pub prior: Part<PriorConfig>,
}

/// The decoder's folder.
pub struct Decoder {
    pub index: DecoderIndex,
    pub text: Text,
    pub decoder: Part<DecoderConfig>,
    /// Its graph is the decoding half.
    pub vqgan: Part<VqganConfig>,
    pub vqgan_encoder: NetworkGraph,
}

/// Reads the prior's folder.
pub fn prior(path: &Path, problems: &mut Vec<String>) -> Option<Prior> {
    let parts = ["prior", "text_encoder", "tokenizer", "scheduler"];
    let mut folder = Folder::open(path, "prior", &parts, "decoder", problems)?;
    let text = text(&mut folder, "text-encoder-prior", "tokenizer-prior.json");
    let config: Option<PriorConfig> = folder.config("prior/config.json", "WuerstchenPrior");
    let prior = config.and_then(|config| {
        let weights = folder.weights("prior", &Network::Prior(config.clone()), "")?;
        let graph = crate::prior::graph(&config, &SIZES);
        part(&mut folder, "prior", config, graph, weights)
    });
    Some(Prior { index: folder.json("model_index.json")?, text: text?, prior: prior? })
}

/// Reads the decoder's folder.
pub fn decoder(path: &Path, problems: &mut Vec<String>) -> Option<Decoder> {
    let parts = ["decoder", "vqgan", "text_encoder", "tokenizer", "scheduler"];
    let mut folder = Folder::open(path, "decoder", &parts, "prior", problems)?;
    let text = text(&mut folder, "text-encoder-decoder", "tokenizer-decoder.json");
    let config: Option<DecoderConfig> = folder.config("decoder/config.json", "WuerstchenDiffNeXt");
    let decoder = config.and_then(|config| {
        let weights = folder.weights("decoder", &Network::Decoder(config.clone()), "")?;
        let side = 2 * config.stride();
        let graph = crate::decoder::graph(&config, &Sizes { height: side, width: side, ..SIZES });
        part(&mut folder, "decoder", config, graph, weights)
    });
    let vqgan = vqgan(&mut folder, None);
    let index = folder.json("model_index.json");
    let (vqgan, vqgan_encoder) = vqgan?;
    Some(Decoder { index: index?, text: text?, decoder: decoder?, vqgan, vqgan_encoder })
}

/// Reads the weights of a compressor.
pub fn compressor(file: &Path, problems: &mut Vec<String>) -> Option<Part<CompressorConfig>> {
    let opened = Checkpoint::open(file).map_err(|e| problems.push(e.to_string()));
    compressor_of(opened.ok()?, problems)
}

/// A compressor with these weights, which show whether its last norm has a scale.
pub fn compressor_of(weights: Checkpoint, problems: &mut Vec<String>) -> Option<Part<CompressorConfig>> {
    let has = |wanted: &str| weights.tensors().any(|(name, _)| name == wanted);
    let affine = has("mapper.1.weight") || !has("mapper.1.running_mean");
    let config = CompressorConfig { affine, ..CompressorConfig::default() };
    let side = 2 * STRIDE;
    let graph = crate::compressor::graph(&config, &Sizes { height: side, width: side, ..SIZES });
    let graph = graph.map_err(|e| problems.push(e.to_string())).ok()?;
    weights.fits(&[&graph], &[]).map_err(|e| problems.push(e.to_string())).ok()?;
    Some(Part { config, graph, weights: Arc::new(weights) })
}

/// The weights of a network whose configuration was recorded.
pub fn part<C>(
    folder: &mut Folder<'_>,
    name: &str,
    config: C,
    graph: Result<NetworkGraph, RecordError>,
    weights: Checkpoint,
) -> Option<Part<C>> {
    let graph = folder.keep(&format!("{name}/config.json"), graph)?;
    let weights = Arc::new(folder.fitting(weights, &[&graph])?);
    Some(Part { config, graph, weights })
}

fn text(folder: &mut Folder<'_>, name: &'static str, file: &'static str) -> Option<Text> {
    let schedule = schedule(folder);
    let config: ClipConfig = folder.config("text_encoder/config.json", "CLIPTextModel")?;
    let (positions, features) = (config.max_position_embeddings, config.hidden_size);
    let tokenizer = tokenizer::open(folder, positions);
    let network = Network::Clip(config);
    let weights = folder.weights("text_encoder", &network, "text_model.")?;
    text_of(folder, [name, file], (network, features), weights, tokenizer, schedule)
}

/// A text encoder as a stage, with the names of its model and of its tokenizer's file, and its network with the features
/// of its states.
pub fn text_of(
    folder: &mut Folder<'_>,
    [name, file]: [&'static str; 2],
    (network, features): (Network, usize),
    weights: Checkpoint,
    tokenizer: Option<ClipTokenizer>,
    schedule: Option<Schedule>,
) -> Option<Text> {
    let graph = network.graph(&Sizes { length: 1, ..SIZES });
    let graph = folder.keep("text_encoder/config.json", graph)?;
    let weights = folder.fitting(weights, &[&graph]);
    let tokenizer = tokenizer?;
    let metadata = metadata::TextEncoder { tokenizer: file.into(), length: tokenizer.length };
    let stage = ImportStage {
        name,
        network,
        metadata: Metadata::TextEncoder(metadata),
        graph,
        weights: Arc::new(weights?),
        adapters: Adapters::default(),
    };
    Some(Text { stage, tokenizer: (file, tokenizer.json.to_string()), features, schedule: schedule? })
}

/// The noise schedule; the published one if the folder has none.
pub fn schedule(folder: &mut Folder<'_>) -> Option<Schedule> {
    let name = "scheduler/scheduler_config.json";
    if !folder.path("scheduler").is_dir() {
        return Some(Schedule::default());
    }
    let schedule: Schedule = folder.config(name, SCHEDULER)?;
    if !(schedule.s >= 0. && schedule.s.is_finite() && schedule.scaler > 0. && schedule.scaler.is_finite()) {
        folder.problem(name, "`s` must not be below 0, and `scaler` must be above");
        return None;
    }
    Some(schedule)
}

/// Both halves of the VQGAN: the decoding one with the weights, and the encoding one. With weights from elsewhere, the
/// configuration is the published one if the folder has none.
pub fn vqgan(
    folder: &mut Folder<'_>,
    bundled: Option<Checkpoint>,
) -> Option<(Part<VqganConfig>, NetworkGraph)> {
    let name = "vqgan/config.json";
    let published = bundled.is_some().then(VqganConfig::default);
    let config = folder.config_or(name, "PaellaVQModel", published)?;
    let network = || Network::VqganDecoder(config.clone());
    let weights = bundled.or_else(|| folder.weights("vqgan", &network(), ""))?;
    let side = 4 * config.stride();
    let pixels = Sizes { height: side, width: side, ..SIZES };
    let encoder = folder.keep(name, vqgan::encoder_graph(&config, &pixels))?;
    let graph = folder.keep(name, vqgan::decoder_graph(&config, &SIZES))?;
    let codebook = folder.keep(name, codebook(&config, &pixels))?;
    let weights = Arc::new(folder.fitting(weights, &[&encoder, &codebook, &graph])?);
    Some((Part { config, graph, weights }, encoder))
}

/// The codebook, which only training uses, and whose weights are stored with the others.
fn codebook(config: &VqganConfig, pixels: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let image = contract::picture(&mut g, "image", pixels, config.in_channels);
    let latents = vqgan::encode(&mut g, config, image);
    vqgan::quantise(&mut g, config, latents);
    g.finish()
}
