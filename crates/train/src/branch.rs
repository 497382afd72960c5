//! A run that branches off a kept checkpoint of another run: with an earlier fall of its rate, or with other settings.

use crate::config::RunConfig;
use crate::trainer::{Trainer, checkpoint};
use anyhow::{Result, ensure};
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

/// A run's stages, each after those that it needs.
pub const STAGES: [&str; 6] = ["vqgan", "vqgan-decoder", "compressor", "decoder", "prior", "baseline"];

/// Arguments of `wuerst-train branch`.
#[derive(Debug, Clone, clap::Args)]
pub struct BranchArgs {
    /// The YAML file of the run to branch off
    pub run: PathBuf,
    /// Stage to continue
    #[arg(value_parser = PossibleValuesParser::new(STAGES))]
    pub stage: String,
    /// YAML file of the new run, with a folder of its own
    pub to: PathBuf,
    /// Step to continue from, one of the stage's `keep`
    #[arg(long)]
    pub from: u64,
}

/// Copies a stage's checkpoint of a given step into the new run's folder, and the newest checkpoints of the stages before it.
///
/// For a rate that falls over the last fifth, set the new run's `steps` to 5/4 of that step, so that the fall begins there.
///
/// # Errors
/// A step that was not kept, a new run that has a checkpoint of the stage, files that cannot be copied.
pub fn run(old: &RunConfig, new: &RunConfig, args: &BranchArgs) -> Result<()> {
    ensure!(
        old.folder != new.folder,
        "{} and {} have the same folder, {}: give the branch another one",
        args.run.display(),
        args.to.display(),
        old.folder.display()
    );
    let folders = |stage: &str| (old.folder.join(stage), new.folder.join(stage));
    let (from, to) = folders(&args.stage);
    checkpoint::branch(&from, args.from, &to)?;
    for stage in STAGES.into_iter().take_while(|stage| *stage != args.stage) {
        let (from, to) = folders(stage);
        if let (Some(spent), None) = (Trainer::spent(&from)?, Trainer::spent(&to)?) {
            checkpoint::branch(&from, spent.step, &to)?;
        }
    }
    println!("{} goes on from step {} of {}", to.display(), args.from, from.display());
    Ok(())
}
