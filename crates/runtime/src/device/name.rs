//! Names of devices, with their options.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use wuerst_core::{ByteSize, Error, Result, did_you_mean};

use super::execution_provider::{ExecutionProvider, FORM};
use super::settings::{Settings, split};

/// Where a model runs, written as `cpu`, `cuda:0`, `tensorrt:0`, `directml:0`, `coreml`, `openvino:CPU`, `ep:NAME`, with
/// options in braces: `cuda:0{memory_limit=4GiB}`. Those that are left out have their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor. Always there.
    Cpu,
    /// An NVIDIA GPU.
    Cuda(Cuda),
    /// An NVIDIA GPU through TensorRT; what TensorRT cannot run falls to CUDA.
    TensorRt(TensorRt),
    /// A GPU on Windows, by number.
    DirectMl(i32),
    /// Apple's accelerators.
    CoreMl,
    /// Intel's OpenVINO, a plug-in of ONNX Runtime that is installed beside it.
    OpenVino(OpenVino),
    /// Any other execution provider, by its own name.
    ExecutionProvider(ExecutionProvider),
}

/// An NVIDIA GPU: `cuda:0{memory_limit=4GiB,arena=power-of-two,precision=f32}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Cuda {
    /// Its number.
    pub id: i32,
    /// The most that the arena of each model takes, in bytes. (Libraries of NVIDIA take more beside it.)
    pub memory_limit: Option<u64>,
    /// How the arena grows.
    pub arena: Arena,
    /// [`Precision::Default`], as in ONNX Runtime; or [`Precision::F32`], slower and closer to the CPU.
    pub precision: Precision,
}

/// How a GPU's arena grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Arena {
    /// By what is asked for: `same-as-requested`.
    #[default]
    SameAsRequested,
    /// By powers of two, which asks the driver more seldom and holds more: `power-of-two`.
    PowerOfTwo,
}

/// What a device computes f32 models in. Inputs and outputs stay f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// As the device has it by default: CUDA multiplies numbers of 11 bits (`tf32`), others compute in `f32`.
    #[default]
    Default,
    /// All 24 bits, for CUDA: `f32`.
    F32,
    /// 8 bits, in the range of f32: `bf16`.
    Bf16,
    /// 11 bits: `f16`.
    F16,
}

/// An NVIDIA GPU through TensorRT: `tensorrt:0{precision=f16,cache=/var/cache/engines}`, and the options of CUDA.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TensorRt {
    /// The GPU, and what CUDA is told for the rest of the model.
    pub gpu: Cuda,
    /// What engines compute in: f32, f16 or bf16.
    pub precision: Precision,
    /// A folder that keeps built engines and timings, since building takes minutes. In it are folders for each model,
    /// library, GPU and set of options.
    pub cache: Option<PathBuf>,
}

/// One of OpenVINO's devices: `openvino:CPU{precision=bf16,library=/opt/openvino}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OpenVino {
    /// OpenVINO's name of it: `CPU`, `GPU`, `GPU.1`, `NPU`.
    pub device: String,
    /// f32, bf16 (fast on CPUs with AMX) or f16 (for GPUs and NPUs; a CPU refuses it).
    pub precision: Precision,
    /// The plug-in, or the folder that it lies in. Without it: what the environment variable `WUERST_OPENVINO` names, or
    /// one beside ONNX Runtime.
    pub library: Option<PathBuf>,
}

impl Default for OpenVino {
    fn default() -> OpenVino {
        OpenVino { device: "CPU".to_owned(), precision: Precision::default(), library: None }
    }
}

/// What devices are called, for messages.
const KNOWN: &str = "cpu, cuda:N, tensorrt:N, directml:N, coreml, openvino:NAME";
/// The part before the colon.
const NAMES: [&str; 7] = ["cpu", "cuda", "tensorrt", "directml", "coreml", "openvino", "ep"];
const GPU: [&str; 3] = ["memory_limit", "arena", "precision"];

impl Device {
    /// Reads a list in order of preference, as `cuda:0{memory_limit=4GiB},cpu`. An empty text is an empty list.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is no device, and for an option that it does not have.
    pub fn list(text: &str) -> Result<Vec<Device>> {
        split(text, ',').map(str::trim).filter(|name| !name.is_empty()).map(str::parse).collect()
    }

    /// What its execution provider is called in a placement.
    pub(super) fn provider(&self) -> String {
        let name = match self {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::TensorRt(_) => "tensorrt",
            Device::DirectMl(_) => "directml",
            Device::CoreMl => "coreml",
            Device::OpenVino(_) => "openvino",
            Device::ExecutionProvider(device) => return device.short(),
        };
        name.to_owned()
    }

    /// Reads a device; `known` is what may stand there, for messages.
    fn read(text: &str, known: &str) -> Result<Device> {
        let text = text.trim();
        // Values in braces may be paths, which keep their case.
        let (head, braces) = text.split_at(text.find('{').unwrap_or(text.len()));
        let lower = head.trim().to_ascii_lowercase();
        let (name, rest) = lower.split_once(':').unwrap_or((&lower, ""));
        let unknown = || {
            let hint = if NAMES.contains(&name) { String::new() } else { did_you_mean(name, NAMES) };
            Error::invalid("device", format!("`{text}` is none of {known}{hint}"))
        };
        let number = || match rest {
            "" => Ok(0),
            _ => rest.parse().ok().filter(|id| *id >= 0).ok_or_else(unknown),
        };
        let settings = |keys: &[&'static str]| Settings::read(head, braces, keys);
        let plain = |device| settings(&[]).map(|_| device);
        match name {
            "cpu" if rest.is_empty() => plain(Device::Cpu),
            "coreml" if rest.is_empty() => plain(Device::CoreMl),
            "directml" => plain(Device::DirectMl(number()?)),
            "cuda" => {
                let mut settings = settings(&GPU)?;
                let choices = [("tf32", Precision::Default), ("f32", Precision::F32)];
                let precision = settings.choice("precision", &choices)?;
                Ok(Device::Cuda(Cuda { precision, ..gpu(number()?, &mut settings)? }))
            }
            "tensorrt" => {
                let mut settings = settings(&[&GPU[..], &["cache"]].concat())?;
                let precision = precision(&mut settings)?;
                let cache = settings.text("cache").map(PathBuf::from);
                Ok(Device::TensorRt(TensorRt { gpu: gpu(number()?, &mut settings)?, precision, cache }))
            }
            "openvino" => {
                let mut settings = settings(&["precision", "library"])?;
                let device = if rest.is_empty() { "CPU".into() } else { rest.to_ascii_uppercase() };
                let library = settings.text("library").map(PathBuf::from);
                Ok(Device::OpenVino(OpenVino { device, precision: precision(&mut settings)?, library }))
            }
            "ep" => Ok(Device::ExecutionProvider(ExecutionProvider::read(head.trim(), braces)?)),
            _ => Err(unknown()),
        }
    }

    /// Reads a device that a graph prefers. A graph may come from a stranger, so it names no files.
    pub(crate) fn of_graph(text: &str) -> Result<Device> {
        let device = Device::read(text, KNOWN)?;
        if let Device::ExecutionProvider(_) = &device {
            let message =
                format!("`{text}`: only the engine's devices may name an execution provider, and no graph");
            return Err(Error::invalid("devices", message));
        }
        let path = match &device {
            Device::TensorRt(TensorRt { cache, .. }) => cache.as_ref().map(|_| "cache"),
            Device::OpenVino(OpenVino { library, .. }) => library.as_ref().map(|_| "library"),
            _ => None,
        };
        match path {
            None => Ok(device),
            Some(key) => Err(Error::invalid(
                "devices",
                format!(
                    "`{key}` of `{text}` names a file, which only the engine's devices may, and no graph"
                ),
            )),
        }
    }
}

/// Whether a graph may prefer a device that is written so, whichever this machine has; if not, a sentence.
pub fn preferred(text: &str) -> Result<(), String> {
    Device::of_graph(text).map(drop).map_err(|error| match error {
        Error::Invalid { message, .. } => message,
        other => other.to_string(),
    })
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Device> {
        Device::read(text, &format!("{KNOWN}, {FORM}"))
    }
}

fn gpu(id: i32, settings: &mut Settings<'_>) -> Result<Cuda> {
    let limit = |text: &str| text.parse().map(|ByteSize(bytes)| Some(bytes));
    let memory_limit = settings.value("memory_limit", None, limit)?;
    let arenas = [("same-as-requested", Arena::SameAsRequested), ("power-of-two", Arena::PowerOfTwo)];
    Ok(Cuda { id, memory_limit, arena: settings.choice("arena", &arenas)?, precision: Precision::Default })
}

fn precision(settings: &mut Settings<'_>) -> Result<Precision> {
    let choices = [("f32", Precision::Default), ("bf16", Precision::Bf16), ("f16", Precision::F16)];
    settings.choice("precision", &choices)
}

/// Writes it so that it is read as the same; what has its default is left out.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = vec![];
        match self {
            Device::Cpu => f.write_str("cpu")?,
            Device::CoreMl => f.write_str("coreml")?,
            Device::DirectMl(id) => write!(f, "directml:{id}")?,
            Device::Cuda(gpu) => {
                write!(f, "cuda:{}", gpu.id)?;
                gpu.write(&mut options);
                options.extend(gpu.precision.written());
            }
            Device::TensorRt(TensorRt { gpu, precision, cache }) => {
                write!(f, "tensorrt:{}", gpu.id)?;
                gpu.write(&mut options);
                options.extend(precision.written());
                options.extend(cache.as_ref().map(|cache| format!("cache={}", cache.display())));
            }
            Device::OpenVino(OpenVino { device, precision, library }) => {
                write!(f, "openvino:{device}")?;
                options.extend(precision.written());
                options.extend(library.as_ref().map(|library| format!("library={}", library.display())));
            }
            Device::ExecutionProvider(device) => {
                write!(f, "{device}")?;
                options.extend(device.written());
            }
        }
        if options.is_empty() { Ok(()) } else { write!(f, "{{{}}}", options.join(",")) }
    }
}

impl Cuda {
    fn write(&self, options: &mut Vec<String>) {
        options.extend(self.memory_limit.map(|bytes| format!("memory_limit={}", ByteSize(bytes))));
        if self.arena == Arena::PowerOfTwo {
            options.push("arena=power-of-two".to_owned());
        }
    }
}

impl Precision {
    fn written(self) -> Option<String> {
        let name = match self {
            Precision::Default => return None,
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::F16 => "f16",
        };
        Some(format!("precision={name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_written() {
        let text = "tensorrt:1{memory_limit=1536MiB,precision=f16,cache=/Var/Cache},\
                    cuda:0{memory_limit=4GiB,arena=power-of-two,precision=f32},cuda:2,directml:2,coreml,\
                    openvino:GPU.1{precision=bf16,library=/opt/Open},openvino:CPU,cpu";
        let devices = Device::list(text).unwrap();
        let written: Vec<String> = devices.iter().map(Device::to_string).collect();
        assert_eq!(written.join(","), text);
        let limit = Cuda { memory_limit: Some(4 << 30), ..Cuda::default() };
        assert_eq!(
            Device::list(" CUDA { memory_limit = 4G , arena=same-as-requested } , openvino{precision=f32}")
                .unwrap(),
            [Device::Cuda(limit), Device::OpenVino(OpenVino::default())]
        );
        assert_eq!(Device::list("").unwrap(), []);
        let near = preferred("cudaa:0").unwrap_err();
        assert!(near.ends_with("did you mean `cuda`?"), "{near}");
        for wrong in ["gpu", "cuda:x", "cuda:-1", "cpu:1"] {
            let error = Device::list(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("cuda:N"), "{error}");
        }
    }

    #[test]
    fn what_a_device_does_not_have_is_refused_with_a_suggestion() {
        for (text, part) in [
            ("cuda:0{memory_limt=4GiB}", "did you mean `memory_limit`?"),
            ("cuda:0{memory_limit=lots}", "`lots` for `memory_limit` of `cuda:0`: write it as 500M or 2G"),
            ("cuda{precision=f16}", "write one of"),
            ("cuda:0{cache=/tmp}", "it has memory_limit, arena, precision"),
            ("openvino:CPU{precision=bf61}", "did you mean `bf16`?"),
            ("cpu{precision=bf16}", "`cpu` has no option `precision`; it has none"),
            ("tensorrt:0{precision=f16", "wants one `{` and one `}` at the end"),
        ] {
            let said = Device::list(text).unwrap_err().to_string();
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn graphs_name_no_files() {
        assert!(Device::of_graph("tensorrt:0{precision=f16}").is_ok());
        for (text, key) in
            [("tensorrt:0{cache=/tmp}", "`cache`"), ("openvino{library=/tmp/x.so}", "`library`")]
        {
            let said = Device::of_graph(text).unwrap_err().to_string();
            assert!(said.contains(key) && said.contains("no graph"), "{said}");
        }
        let said = preferred("ep:QNN").unwrap_err();
        assert!(said.contains("`ep:QNN`") && said.contains("no graph"), "{said}");
    }
}
