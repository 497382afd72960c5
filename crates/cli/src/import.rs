//! `wuerst import`: published checkpoints become stage models.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use wuerst_model::import::{Options, Published, Source};
use wuerst_model::onnx::{Operators, Precision};

use crate::say;
use crate::size::bytes;

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
pub(crate) enum Quantize {
    /// Signed weights with a scale for each output, and activations with one for each row, found while the model runs
    Int8,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Target {
    /// ONNX Runtime's CPU provider: attention in one operator, with less memory
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

/// Set by Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

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
    let bar = ProgressBar::new(published.parameters());
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style.progress_chars("=> "));
    }
    // So that what is half-written is taken away again.
    ctrlc::set_handler(|| STOP.store(true, Ordering::SeqCst))?;
    let written = published.write(&args.out, &options, &mut |stage, done| {
        // A stage has thousands of tensors, and its name is drawn once.
        if bar.message() != stage {
            bar.set_message(stage.to_owned());
        }
        bar.set_position(done);
        if STOP.load(Ordering::SeqCst) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    for stage in written? {
        let size = bytes(stage.bytes);
        say(format_args!("{:22} {:>15} parameters {size:>10}", stage.name, stage.parameters));
    }
    let graph = args.out.join("graph.yaml");
    say(format_args!("wuerst run {} --set prompt=\"a red apple\" -o image=apple.png", graph.display()));
    Ok(ExitCode::SUCCESS)
}

const TEMPLATE: &str = "{msg:22} [{bar:30}] {percent:>3} %, {eta} left";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_is_well_formed() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
