//! `wuerst convert`: converts stage models from one target to another.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use wuerst_model::import::Models;

use crate::bar;
use crate::merge::Merge;
use crate::operators::Choice;
use crate::say::{say, warn};

/// Write the stage models of a folder for another target, without the checkpoints that they came from
///
/// Models that state their network, such as those of `wuerst import` and `wuerst-train export`, are written again as an
/// import for that target would write them, with their own weights. All other regular files of the folder are copied
/// unchanged; links are not.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder of stage models, such as models/icons or one written by `wuerst import`
    folder: PathBuf,
    /// Folder to write; must be missing or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Write only these models again, such as prior,decoder; others are copied
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    stages: Vec<String>,
    #[command(flatten)]
    merge: Merge,
}

/// Converts the models.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let (operators, compute) = (args.choice.operators()?, args.choice.compute()?);
    let mut models = Models::open(&args.folder, &args.stages)?;
    models.merge(&args.merge.lora)?.iter().for_each(warn);
    args.choice.warn_unless(models.quantizable());
    for path in models.left_out() {
        warn(format_args!(
            "{} is not a regular file and is left out: put a copy of what it leads to into the new folder, if that \
             is a part of the model",
            path.display()
        ));
    }
    bar::shown(models.parameters(), |progress| models.write(&args.out, operators, compute, progress))?;
    say(format_args!("wuerst inspect {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}
