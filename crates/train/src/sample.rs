//! Generates pictures with the present state of a run: exports its newest checkpoints and runs the engine.

use crate::config::RunConfig;
use crate::data::contact_sheet;
use crate::export;
use crate::report::generator::Generator;
use crate::report::prompts::prompts;
use anyhow::{Result, ensure};
use std::path::PathBuf;

/// Arguments of `wuerst-train sample`.
#[derive(Debug, Clone, clap::Args)]
pub struct SampleArgs {
    /// The run's YAML file
    pub run: PathBuf,
    /// Prompts; the 64 prompts of the report when left out
    pub prompts: Vec<String>,
    /// The contact sheet to write; `sample.png` in the run's folder when left out
    #[arg(long, value_name = "PNG")]
    pub out: Option<PathBuf>,
    /// Seed of the first picture; later ones count up
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(0..))]
    pub seed: i64,
}

/// Generates one picture for each prompt as a contact sheet.
///
/// # Errors
/// Stages without a checkpoint, or a file that cannot be written.
pub fn run(config: &RunConfig, args: &SampleArgs) -> Result<()> {
    let models = tempfile::tempdir()?;
    export::run(config, models.path())?;
    let chosen = prompts()?;
    let texts: Vec<&str> = match args.prompts.as_slice() {
        [] => chosen.iter().map(|p| p.text).collect(),
        own => own.iter().map(String::as_str).collect(),
    };
    let pictures = Generator::open(models.path(), &[])?.pictures(&texts, args.seed, "drawing")?;
    let side = pictures.first().map_or(0, |rgb| (rgb.len() / 3).isqrt());
    ensure!(pictures.iter().all(|rgb| rgb.len() == side * side * 3), "the model's pictures are not square");
    let out = args.out.clone().unwrap_or_else(|| config.folder.join("sample.png"));
    contact_sheet(&pictures, side, texts.len().min(8), &out)?;
    println!("{}", out.display());
    Ok(())
}
