//! Measures the loss of stages B and C by noise level, for the present state of a run or an exported model.

use crate::config::RunConfig;
use crate::data::manifest::DatasetSplit;
use crate::export;
use crate::frozen::Frozen;
use crate::programs::StageA;
use crate::report::subjects::Gallery;
use crate::report::validation::{self, NoiseLevels};
use crate::trainer::Trainer;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Arguments of `wuerst-train validate`.
#[derive(Debug, Clone, clap::Args)]
pub struct ValidateArgs {
    /// The run's YAML file
    pub run: PathBuf,
    /// The model folder to measure; the run's newest checkpoints when left out
    #[arg(long)]
    pub model: Option<PathBuf>,
}

/// Prints the losses; those of checkpoints are also appended to `validation.csv` in the run's folder.
///
/// # Errors
/// Stages without a checkpoint, missing data, models that do not run.
pub fn run(config: &RunConfig, args: &ValidateArgs) -> Result<()> {
    let gallery = |split| Gallery::open(&config.cache, &config.data, split);
    let (val, train, text) =
        (gallery(DatasetSplit::Val)?, gallery(DatasetSplit::Train)?, Frozen::open(config)?);
    let measure = |models: &Path| validation::of_galleries(models, (&val, &train), &text, config.threads);
    let levels = match &args.model {
        Some(model) => measure(model)?,
        None => {
            let models = tempfile::tempdir()?;
            // Without fitting the maps for previews, which would take longer than the losses.
            export::write(config, StageA::load(config)?.scale, models.path())?;
            let levels = measure(models.path())?;
            log(config, &levels)?;
            levels
        }
    };
    print!("{}", validation::table(&levels));
    Ok(())
}

/// Appends a line for each stage and split: stage, step, split, and the loss in each part of the time.
fn log(config: &RunConfig, levels: &[NoiseLevels]) -> Result<()> {
    let mut lines = String::new();
    for stage in levels {
        let mut spent = Trainer::spent(&config.folder.join(&stage.stage))?;
        if spent.is_none() && stage.stage == "decoder" {
            // Before Stage B has been trained alone, it is that of the joint training with the compressor.
            spent = Trainer::spent(&config.folder.join("compressor"))?;
        }
        let step = spent.map_or(0, |spent| spent.step);
        for (split, losses) in [("val", &stage.val), ("train", &stage.train)] {
            let losses: String = losses.iter().map(|loss| format!(",{loss:.6}")).collect();
            writeln!(lines, "{},{step},{split}{losses}", stage.stage)?;
        }
    }
    let path = config.folder.join("validation.csv");
    #[expect(clippy::disallowed_methods, reason = "the run's own log, which is written")]
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(lines.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
