//! Writes the model folder of a run: every stage as an ONNX file with its metadata.

mod card;
pub(crate) mod metadata;
pub mod preview;
pub mod sampling;
mod stages;
mod weights;

use crate::config::RunConfig;
use crate::frozen;
use crate::programs::StageA;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use wuerst_model::onnx::{self, ExportOptions, Precision};

pub use stages::{Export, exports};

/// Arguments of the commands that write into a model folder.
#[derive(Debug, Clone, clap::Args)]
pub struct ExportArgs {
    /// The run's YAML file
    pub run: PathBuf,
    /// The model folder to write
    #[arg(long, default_value = "models/icons")]
    pub out: PathBuf,
}

/// Arguments of `wuerst-train export`.
#[derive(Debug, Clone, clap::Args)]
pub struct ExportCommand {
    /// Run and folder
    #[command(flatten)]
    pub paths: ExportArgs,
    /// Write the baseline in place of stages B and C, for graphs/baseline.yaml
    #[arg(long)]
    pub baseline: bool,
}

/// Exports a run whose stages all have checkpoints.
///
/// # Errors
/// A stage without a checkpoint, with the command that trains it; missing weights; a folder that cannot be written.
pub fn run(config: &RunConfig, out: &Path) -> Result<()> {
    // Checked before the scale is measured, which takes a while.
    weights::complete(config, &["vqgan", "compressor", "prior"])?;
    let scale = StageA::load(config)?.scale;
    let bytes = write(config, scale, out)?;
    preview::run(config, out)?;
    println!("{}: {:.1} MB in all", out.display(), bytes as f64 / 1e6);
    Ok(())
}

/// Exports the baseline of a run, with the stages that it shares with the cascade.
///
/// # Errors
/// As [`run`], and a run without a baseline.
pub fn baseline(config: &RunConfig, out: &Path) -> Result<()> {
    weights::complete(config, &["vqgan", "baseline"])?;
    let bytes = write_baseline(config, StageA::load(config)?.scale, out)?;
    println!("{}: {:.1} MB in all", out.display(), bytes as f64 / 1e6);
    Ok(())
}

/// As [`write()`], for the baseline.
///
/// # Errors
/// As [`baseline`].
pub fn write_baseline(config: &RunConfig, latent_scale: f64, out: &Path) -> Result<u64> {
    write_exports(config, &stages::baseline_exports(config, latent_scale)?, out)
}

/// Writes every stage, the tokenizer and the model card into `out`; returns the size of the models in bytes.
///
/// `latent_scale` is the standard deviation of Stage A's latents, by which its decoder multiplies Stage B's results.
/// Weights are stored as f16.
///
/// # Errors
/// As [`run`].
pub fn write(config: &RunConfig, latent_scale: f64, out: &Path) -> Result<u64> {
    write_exports(config, &exports(config, latent_scale)?, out)
}

fn write_exports(config: &RunConfig, exports: &[Export], out: &Path) -> Result<u64> {
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let mut total = 0;
    let mut written = |name: &str, path: &Path| -> Result<()> {
        let bytes = fs::metadata(path).with_context(|| path.display().to_string())?.len();
        println!("{name:20} {:8.2} MB", bytes as f64 / 1e6);
        total += bytes;
        Ok(())
    };
    for export in exports {
        let path = out.join(format!("{}.onnx", export.name));
        let options = ExportOptions {
            name: export.name.into(),
            precision: Precision::F16,
            // One file per stage: a small model needs no memory map.
            inline_bytes: u64::MAX,
            metadata: export.metadata.pairs().into_iter().chain([export.network.pair()]).collect(),
            ..ExportOptions::default()
        };
        onnx::write(&path, &export.graph, &export.weights, &options)?;
        written(export.name, &path)?;
    }
    let path = out.join(stages::TOKENIZER);
    let tokenizer = frozen::tokenizer(&frozen::tokenizer_file(config), config.length)?;
    tokenizer.save(&path, false).map_err(|e| anyhow::anyhow!("cannot write {}: {e}", path.display()))?;
    written(stages::TOKENIZER, &path)?;
    card::write(config, exports, out)?;
    Ok(total)
}
