//! Packs the stages of an unfinished run into a small folder, to continue elsewhere: averaged weights in half precision,
//! without moments, and the training statistics.

use crate::branch::STAGES;
use crate::config::RunConfig;
use crate::trainer::{Trainer, TrainingStats, checkpoint};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// Arguments of `wuerst-train pack`.
#[derive(Debug, Clone, clap::Args)]
pub struct PackArgs {
    /// The run's YAML file
    pub run: PathBuf,
    /// Folder to write, for `wuerst-train start RUN --model FOLDER`
    pub folder: PathBuf,
}

/// Files of a stage in a packed folder: weights and training statistics.
fn files(folder: &Path, stage: &str) -> [PathBuf; 2] {
    ["safetensors", "json"].map(|end| folder.join(format!("{stage}.{end}")))
}

/// Whether a folder is a packed one, and not an exported model.
pub fn is_packed(folder: &Path) -> bool {
    STAGES.iter().any(|stage| files(folder, stage).iter().all(|file| file.exists()))
}

/// Writes every stage of the run that has a checkpoint.
///
/// # Errors
/// A run without checkpoints, or files that cannot be read or written.
pub fn run(config: &RunConfig, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut packed = 0;
    for stage in STAGES {
        let from = config.folder.join(stage);
        let (Some(spent), Some(average)) = (Trainer::spent(&from)?, Trainer::averaged_file(&from)) else {
            continue;
        };
        let read =
            Tensor::read_safetensors(&average).with_context(|| format!("reading {}", average.display()))?;
        let half: Vec<(String, Tensor)> =
            read.into_iter().map(|(name, tensor)| (name, tensor.to_kind(Kind::Half))).collect();
        let [weights, took] = files(folder, stage);
        let wrote = |path: &Path| format!("cannot write {}", path.display());
        Tensor::write_safetensors(&half, &weights).with_context(|| wrote(&weights))?;
        fs::write(&took, serde_json::to_vec_pretty(&spent)?).with_context(|| wrote(&took))?;
        println!("{stage:14} {} steps, {:.2} MB", spent.step, fs::metadata(&weights)?.len() as f64 / 1e6);
        packed += 1;
    }
    ensure!(packed > 0, "{} has no checkpoint yet", config.folder.display());
    Ok(())
}

/// Turns the stages of a packed folder into checkpoints of a run that has none.
///
/// # Errors
/// Files that cannot be read or written.
pub fn unpack(config: &RunConfig, folder: &Path) -> Result<()> {
    for stage in STAGES {
        let [weights, took] = files(folder, stage);
        if !weights.exists() {
            continue;
        }
        let spent: TrainingStats = checkpoint::read_spent(&took)?;
        let read =
            Tensor::read_safetensors(&weights).with_context(|| format!("reading {}", weights.display()))?;
        let whole: Vec<(String, Tensor)> =
            read.into_iter().map(|(name, tensor)| (name, tensor.to_kind(Kind::Float))).collect();
        println!("{stage:14} {:4} tensors, {} steps", whole.len(), spent.step);
        Trainer::seed_checkpoint(&config.folder.join(stage), &whole, &spent)?;
    }
    Ok(())
}
