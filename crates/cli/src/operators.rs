//! Operator variants of models: options shared by `wuerst import` and `wuerst convert`.

use anyhow::{Result, bail};
use clap::ValueEnum;
use wuerst_model::onnx::{Compute, Operators};

use crate::say::warn;

/// Options for the models' target.
#[derive(clap::Args)]
pub(crate) struct Choice {
    /// Runtime of the models; without it they use standard operators
    #[arg(long = "for", value_enum, value_name = "PROVIDER")]
    target: Option<Target>,
    /// Computes the matrix products that depend on the picture in int8: fewer bytes and less time on processors with VNNI
    /// or AMX, with slightly different pictures. For ONNX Runtime's CPU provider
    #[arg(long, value_enum, value_name = "TYPE")]
    quantize: Option<Quantize>,
    /// Precision in which the networks compute
    #[arg(long, value_enum, value_name = "TYPE", default_value_t = Type::F32)]
    compute: Type,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Type {
    /// Four bytes per number, on every device
    F32,
    /// Two bytes per number, for GPUs: two to eight times the speed of f32 in half the memory. Sums, and operations that
    /// would overflow, stay in f32, and so do inputs and outputs
    F16,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Quantize {
    /// Signed weights with one scale per output, and activations with one per row, computed at run time
    Int8,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Target {
    /// ONNX Runtime's CPU provider: attention in one operator, which takes less memory, and fast layer norms
    Cpu,
    /// ONNX Runtime's CUDA provider: likewise
    Cuda,
    /// TensorRT, which supports standard operators only
    Tensorrt,
    /// The plug-in for WebGPU, which computes some other operators wrongly
    Webgpu,
}

impl Choice {
    /// Precision in which the networks compute.
    pub(crate) fn compute(&self) -> Result<Compute> {
        Ok(match (self.compute, self.quantize) {
            (Type::F32, _) => Compute::F32,
            (Type::F16, None) => Compute::F16,
            (Type::F16, Some(_)) => {
                bail!("`--compute f16` is for GPUs and `--quantize int8` for the CPU: leave one of them out")
            }
        })
    }

    /// Operators that the target supports.
    pub(crate) fn operators(&self) -> Result<Operators> {
        Ok(match (self.quantize, self.target) {
            (Some(Quantize::Int8), None | Some(Target::Cpu)) => Operators::Int8,
            (Some(Quantize::Int8), Some(_)) => {
                bail!("`--quantize int8` is for the CPU: leave out `--for`, or say `--for cpu`")
            }
            (None, Some(Target::Cpu | Target::Cuda)) => Operators::OnnxRuntime,
            (None, Some(Target::Tensorrt | Target::Webgpu) | None) => Operators::Standard,
        })
    }

    /// Warns if int8 was requested but no model can be quantised.
    pub(crate) fn warn_unless(&self, quantizable: bool) {
        if self.quantize.is_some() && !quantizable {
            warn("no matrix product of these networks is large enough to gain from int8");
        }
    }
}
