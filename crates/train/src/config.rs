//! One YAML file holds a run.

use crate::data::DataConfig;
use crate::trainer::LoopConfig;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use wuerst_model::decoder::DecoderConfig;
use wuerst_model::prior::PriorConfig;
use wuerst_model::vqgan::VqganConfig;

/// A training run: what is learned from, the three networks, and how long each learns.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Folder of checkpoints, logs and sheets; relative to the working directory.
    pub folder: PathBuf,
    /// Folder of the downloaded packages and rendered sprites.
    #[serde(default = "cache")]
    pub cache: PathBuf,
    /// All chance in the run follows from it.
    pub seed: i64,
    /// Computes matrix products and convolutions of stages B and C in bfloat16, against f32 master weights.
    #[serde(default)]
    pub bf16: bool,
    /// Threads of libtorch; results are the same bits only for the same number.
    #[serde(default = "threads")]
    pub threads: usize,
    /// Pictures and captions.
    pub data: DataConfig,
    /// Token positions of a caption.
    pub length: usize,
    /// The compressor.
    pub compressor: CompressorRun,
    /// Stage A.
    pub vqgan: StageRun<VqganConfig>,
    /// How long Stage A's decoder goes on alone, once the latents are fixed; left out, it does not.
    #[serde(default)]
    pub vqgan_decoder: Option<LoopConfig>,
    /// Stage B.
    pub decoder: StageRun<DecoderConfig>,
    /// Stage C.
    pub prior: StageRun<PriorConfig>,
    /// How the exported model draws when its user does not say.
    #[serde(default)]
    pub sampling: Sampling,
    /// What a reader of the model card should know beside the numbers; empty says nothing.
    #[serde(default)]
    pub remarks: String,
}

/// Steps and guidance that an exported model names as its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// Evaluations of the prior.
    pub prior_steps: usize,
    /// How far the prior moves from no text towards the text; off up to 1.
    pub prior_guidance: f64,
    /// Evaluations of the decoder.
    pub decoder_steps: usize,
    /// The same for the decoder.
    pub decoder_guidance: f64,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling { prior_steps: 20, prior_guidance: 4., decoder_steps: 12, decoder_guidance: 1. }
    }
}

/// A network's sizes and its training loop.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRun<C> {
    /// Sizes, as in the published `config.json`.
    pub network: C,
    /// Length and pace.
    pub training: LoopConfig,
}

/// The semantic compressor's part in a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompressorRun {
    /// Side of the pictures it sees, in pixels; a cell of the embedding covers 32.
    pub size: usize,
    /// Blocks of the backbone, from the first, that stay frozen; the others learn with Stage B.
    pub frozen_blocks: usize,
    /// How long the others learn together with Stage B; `decoder.training` counts from there.
    pub training: LoopConfig,
}

fn cache() -> PathBuf {
    ".train".into()
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

impl RunConfig {
    /// Reads a run; unknown keys are errors that name their line.
    pub fn load(path: &Path) -> Result<RunConfig> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_yaml::from_str(&text).with_context(|| format!("{} is not a training run", path.display()))
    }
}
