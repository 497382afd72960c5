//! Configuration of a run, in one YAML file.

use crate::data::DataConfig;
use crate::trainer::LoopConfig;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use wuerst_model::decoder::DecoderConfig;
use wuerst_model::prior::PriorConfig;
use wuerst_model::vqgan::VqganConfig;
use wuerst_read::regular;

/// Maximum length of a run's file, in bytes.
const LONGEST: u64 = 4 << 20;

/// A training run: its data, the three networks, and the length of their training.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Folder of checkpoints, logs and sample grids; relative to the working directory.
    pub folder: PathBuf,
    /// Folder of the downloaded packages and rendered sprites.
    #[serde(default = "cache")]
    pub cache: PathBuf,
    /// Seed of all random numbers in the run.
    pub seed: i64,
    /// Whether stages B and C compute matrix products and convolutions in bfloat16, with f32 master weights.
    #[serde(default)]
    pub bf16: bool,
    /// Threads of libtorch; results are bitwise reproducible only with the same number.
    #[serde(default = "threads")]
    pub threads: usize,
    /// Pictures and captions.
    pub data: DataConfig,
    /// Token positions of a caption.
    pub length: usize,
    /// The compressor.
    pub compressor: CompressorRun,
    /// Stage A.
    pub vqgan: VqganRun,
    /// Additional training of Stage A's decoder alone, with fixed latents; none if left out.
    #[serde(default)]
    pub vqgan_decoder: Option<LoopConfig>,
    /// Stage B.
    pub decoder: StageRun<DecoderConfig>,
    /// Stage C.
    pub prior: StageRun<PriorConfig>,
    /// A single-stage model to compare the cascade with; none if left out.
    #[serde(default)]
    pub baseline: Option<StageRun<DecoderConfig>>,
    /// Sampling defaults of the exported model.
    #[serde(default)]
    pub sampling: Sampling,
    /// Remarks for the model card; may be empty.
    #[serde(default)]
    pub remarks: String,
}

/// Steps and guidance stored in an exported model.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// Evaluations of the prior.
    pub prior_steps: usize,
    /// Guidance of the prior; up to 1 means none.
    pub prior_guidance: f64,
    /// Evaluations of the decoder.
    pub decoder_steps: usize,
    /// Guidance of the decoder; up to 1 means none.
    pub decoder_guidance: f64,
    /// Evaluations of the baseline.
    pub baseline_steps: usize,
    /// Guidance of the baseline; up to 1 means none.
    pub baseline_guidance: f64,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            prior_steps: 20,
            prior_guidance: 4.,
            decoder_steps: 12,
            decoder_guidance: 1.,
            baseline_steps: 20,
            baseline_guidance: 4.,
        }
    }
}

/// Sizes and training loop of a network.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRun<C> {
    /// Sizes, as in the published `config.json`.
    pub network: C,
    /// Length and pace.
    pub training: LoopConfig,
}

/// Sizes, training loop and data of Stage A.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VqganRun {
    /// Sizes, as in the published `config.json`.
    pub network: VqganConfig,
    /// Length and pace.
    pub training: LoopConfig,
    /// Latents shown to its decoder.
    #[serde(default)]
    pub latents: LatentsRun,
    /// Weights of the parts of its loss.
    #[serde(default)]
    pub loss: PictureLoss,
}

/// Latents shown to Stage A's decoder in training.
///
/// A model samples with unquantised latents, so a codebook only serves to keep them near to few values. A codebook of a
/// thousand entries suffices for 4 channels, but not for 16, where only noise is used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LatentsRun {
    /// Fraction of pictures whose latents are moved to their nearest codebook entries; at 0 there is no codebook.
    pub quantised: f64,
    /// Pull of the latents towards the codebook (van den Oord et al. 2017).
    pub commitment: f64,
    /// Fraction of the other pictures whose latents get noise.
    pub noised: f64,
    /// Largest standard deviation of that noise, relative to each channel; every picture draws its own value below it.
    pub noise: f64,
    /// Standard deviation of the noise in the decoder's additional training, relative to the latents.
    pub noise_alone: f64,
}

impl LatentsRun {
    fn check(&self) -> Result<()> {
        let of_latents = [
            ("quantised", self.quantised),
            ("noised", self.noised),
            ("noise", self.noise),
            ("noise_alone", self.noise_alone),
        ];
        for (name, value) in of_latents {
            ensure!((0. ..=1.).contains(&value), "vqgan.latents.{name} is {value}; it must be 0 to 1");
        }
        ensure!(
            self.commitment >= 0.,
            "vqgan.latents.commitment is {}; it must be 0 or more",
            self.commitment
        );
        Ok(())
    }
}

impl Default for LatentsRun {
    fn default() -> LatentsRun {
        LatentsRun { quantised: 0.9, commitment: 0.25, noised: 0., noise: 0., noise_alone: 0.05 }
    }
}

/// Weights of the parts of Stage A's loss relative to the squared error of the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PictureLoss {
    /// Perceptual distance. At five times the default it outweighs the pixels, and features that its strided layers
    /// cannot see appear as a grid of dots.
    pub perceptual: f64,
    /// Absolute error in areas of one colour; 0 disables it.
    pub flat: f64,
}

impl Default for PictureLoss {
    fn default() -> PictureLoss {
        PictureLoss { perceptual: 0.02, flat: 0. }
    }
}

/// The semantic compressor's part in a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompressorRun {
    /// Side of the compressor's pictures in pixels; a cell of the embedding covers 32.
    pub size: usize,
    /// Number of blocks of the backbone, from the first, that stay frozen; the others are trained with Stage B.
    pub frozen_blocks: usize,
    /// Joint training of the other blocks with Stage B; `decoder.training` counts from its end.
    pub training: LoopConfig,
}

fn cache() -> PathBuf {
    ".train".into()
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

impl RunConfig {
    /// Reads a run; unknown keys are errors with their line.
    pub fn load(path: &Path) -> Result<RunConfig> {
        let text =
            regular::read_text(path, LONGEST).with_context(|| format!("reading {}", path.display()))?;
        let config: RunConfig = serde_yaml::from_str(&text)
            .with_context(|| format!("{} is not a training run", path.display()))?;
        config.check().with_context(|| path.display().to_string())?;
        Ok(config)
    }

    /// Checks the settings of data and training against their ranges.
    ///
    /// # Errors
    /// The first one out of range, with its value and what is allowed.
    pub fn check(&self) -> Result<()> {
        self.data.check()?;
        ensure!(self.threads > 0, "threads is 0; it must be 1 or more");
        ensure!(self.length > 1, "length is {}; a caption needs 2 positions or more", self.length);
        let refine = self.vqgan_decoder.as_ref().map(|pace| ("vqgan_decoder", pace));
        let paces = [
            ("compressor.training", &self.compressor.training),
            ("vqgan.training", &self.vqgan.training),
            ("decoder.training", &self.decoder.training),
            ("prior.training", &self.prior.training),
        ];
        paces.into_iter().chain(refine).try_for_each(|(name, pace)| pace.check(name))?;
        self.vqgan.latents.check()?;
        let PictureLoss { perceptual, flat } = self.vqgan.loss;
        for (name, weight) in [("perceptual", perceptual), ("flat", flat)] {
            ensure!(weight >= 0., "vqgan.loss.{name} is {weight}; it must be 0 or more");
        }
        let (stride, channels) = (self.vqgan.network.stride(), self.vqgan.network.latent_channels);
        ensure!(
            self.data.size.is_multiple_of(stride),
            "data.size is {}, which vqgan.network cannot divide into latents of {stride} pixels",
            self.data.size
        );
        let baseline = self.baseline.as_ref().map(|run| ("baseline", &run.network));
        for (stage, network) in [("decoder", &self.decoder.network)].into_iter().chain(baseline) {
            for (name, own) in [("c_in", network.c_in), ("c_out", network.c_out)] {
                ensure!(
                    own == channels,
                    "{stage}.network.{name} is {own}, but vqgan.network.latent_channels is {channels}: the {stage} draws \
                     Stage A's latents, so set them alike"
                );
            }
        }
        match &self.baseline {
            Some(baseline) => check_baseline(baseline),
            None => Ok(()),
        }
    }

    /// The baseline's part of the run.
    ///
    /// # Errors
    /// A run without one.
    pub fn baseline(&self) -> Result<&StageRun<DecoderConfig>> {
        self.baseline.as_ref().context("the run has no `baseline`: add one with `network` and `training`")
    }
}

/// Channels of the embedding that `graphs/baseline.yaml` gives in place of one.
const EMBEDDING: usize = 16;

fn check_baseline(baseline: &StageRun<DecoderConfig>) -> Result<()> {
    baseline.training.check("baseline.training")?;
    ensure!(
        !baseline.network.inject_effnet.contains(&true),
        "baseline.network.inject_effnet has true, but the baseline reads no embedding: set false for every level"
    );
    let channels = baseline.network.effnet_embd;
    ensure!(
        channels == EMBEDDING,
        "baseline.network.effnet_embd is {channels}; the baseline reads no embedding, so leave it at {EMBEDDING}"
    );
    Ok(())
}
