//! `wuerst import`: published checkpoints become stage models.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::ValueEnum;
use wuerst_model::import::{Options, Published, Source, Stage};
use wuerst_model::onnx::{Operators, Precision};

use crate::{bar, say};

/// Make stage models, and a graph that runs them, of published checkpoints
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The published prior, as warp-ai/wuerstchen-prior: a folder in diffusers' layout, with safetensors
    prior_dir: PathBuf,
    /// The published decoder, as warp-ai/wuerstchen
    decoder_dir: PathBuf,
    /// The folder to write; it must not be there, or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How weights are stored; the networks compute in f32 either way
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    dtype: Dtype,
    /// Multiply in eight bits what depends on the picture: a fraction of the bytes and of the time on processors with VNNI
    /// or AMX, and pictures that differ a little. For ONNX Runtime's CPU provider
    #[arg(long, value_enum, value_name = "TYPE")]
    quantize: Option<Quantize>,
    /// What will run the models; without it they use operators that everything has
    #[arg(long = "for", value_enum, value_name = "PROVIDER")]
    target: Option<Target>,
    /// Weights of the semantic compressor, for pictures as prompts: a safetensors file
    #[arg(long, value_name = "FILE")]
    compressor: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Dtype {
    /// Four bytes a number
    F32,
    /// Two bytes a number; norms, biases and what exceeds the range keep four
    F16,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Quantize {
    /// Signed weights with a scale for each output, and activations with one for each row, found while the model runs
    Int8,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Target {
    /// ONNX Runtime's CPU provider: attention in one operator, with less memory, and quick layer norms
    Cpu,
    /// ONNX Runtime's CUDA provider: likewise
    Cuda,
    /// TensorRT, which takes standard operators only
    Tensorrt,
}

impl Args {
    fn options(&self) -> Result<Options> {
        Ok(Options {
            precision: match self.dtype {
                Dtype::F32 => Precision::F32,
                Dtype::F16 => Precision::F16,
            },
            operators: match (self.quantize, self.target) {
                (Some(Quantize::Int8), None | Some(Target::Cpu)) => Operators::Int8,
                (Some(Quantize::Int8), Some(_)) => {
                    bail!("`--quantize int8` is for the CPU: leave out `--for`, or say `--for cpu`")
                }
                (None, Some(Target::Cpu | Target::Cuda)) => Operators::OnnxRuntime,
                (None, Some(Target::Tensorrt) | None) => Operators::Standard,
            },
        })
    }
}

/// Imports the checkpoints.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let options = args.options()?;
    let published = Published::open(&Source {
        prior: args.prior_dir.clone(),
        decoder: args.decoder_dir.clone(),
        compressor: args.compressor.clone(),
    })?;
    for remark in published.remarks() {
        eprintln!("warning: {remark}");
    }
    if args.quantize.is_some() && !published.stages().iter().any(Stage::quantizable) {
        eprintln!("warning: no matrix product of these networks is large enough to gain from eight bits");
    }
    bar::shown(published.parameters(), |progress| published.write(&args.out, &options, progress))?;
    let graph = args.out.join("graph.yaml");
    say(format_args!("wuerst run {} --set prompt=\"a red apple\" -o image=apple.png", graph.display()));
    Ok(ExitCode::SUCCESS)
}
