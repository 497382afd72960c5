//! `wuerst import`: converts published checkpoints to stage models.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use wuerst_model::import::{ImportOptions, ImportSource, ImportStage, Published};
use wuerst_model::onnx::Precision;

use crate::bar;
use crate::merge::Merge;
use crate::operators::Choice;
use crate::say::{say, warn};

/// Convert published checkpoints to stage models, with a graph that runs them
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The published prior, such as warp-ai/wuerstchen-prior: a folder in diffusers' layout, with safetensors
    prior_dir: PathBuf,
    /// The published decoder, such as warp-ai/wuerstchen
    decoder_dir: PathBuf,
    /// Folder to write; must be missing or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Storage of weights if the networks compute in f32; with `--compute f16` they are f16
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    dtype: Dtype,
    #[command(flatten)]
    choice: Choice,
    /// Weights of the semantic compressor, for pictures as prompts: a safetensors file
    #[arg(long, value_name = "FILE")]
    compressor: Option<PathBuf>,
    /// Stable Cascade's stage C in one file, in place of the folder's network: from the authors, a fine-tune, or
    /// ComfyUI's bundle
    #[arg(long, value_name = "FILE")]
    prior_weights: Option<PathBuf>,
    /// Stable Cascade's stage B in one file
    #[arg(long, value_name = "FILE")]
    decoder_weights: Option<PathBuf>,
    /// For Stable Cascade, use the small networks (prior_lite, decoder_lite) even if the large ones exist
    #[arg(long)]
    lite: bool,
    #[command(flatten)]
    merge: Merge,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Dtype {
    /// Four bytes a number
    F32,
    /// Two bytes per number; norms, biases and numbers out of range keep four
    F16,
}

impl From<Dtype> for Precision {
    fn from(dtype: Dtype) -> Precision {
        match dtype {
            Dtype::F32 => Precision::F32,
            Dtype::F16 => Precision::F16,
        }
    }
}

/// Imports the checkpoints.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let options = ImportOptions {
        precision: args.dtype.into(),
        compute: args.choice.compute()?,
        operators: args.choice.operators()?,
    };
    let mut published = Published::open(&ImportSource {
        prior: args.prior_dir.clone(),
        decoder: args.decoder_dir.clone(),
        compressor: args.compressor.clone(),
        lite: args.lite,
        prior_weights: args.prior_weights.clone(),
        decoder_weights: args.decoder_weights.clone(),
    })?;
    let merged = published.merge(&args.merge.lora)?;
    published.remarks().iter().chain(&merged).for_each(warn);
    args.choice.warn_unless(published.stages().iter().any(ImportStage::quantizable));
    bar::shown(published.parameters(), |progress| published.write(&args.out, &options, progress))?;
    let graph = args.out.join("graph.yaml");
    say(format_args!("wuerst run {} --set prompt=\"a red apple\" -o image=apple.png", graph.display()));
    Ok(ExitCode::SUCCESS)
}
