//! Names of devices, with their options.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use wuerst_core::{ByteSize, Error, Result, did_you_mean};

use super::execution_provider::{ExecutionProvider, FORM};
use super::settings::{Settings, split};

/// The device that runs a model, written as `cpu`, `cuda:0`, `tensorrt:0`, `directml:0`, `coreml`, `openvino:CPU`,
/// `ep:NAME`, with options in braces: `cuda:0{memory_limit=4GiB}`. Options left out have their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor. Always available.
    Cpu,
    /// An NVIDIA GPU.
    Cuda(Cuda),
    /// An NVIDIA GPU through TensorRT. Operators that TensorRT lacks run in CUDA.
    TensorRt(TensorRt),
    /// A GPU on Windows, by number.
    DirectMl(i32),
    /// Apple's accelerators.
    CoreMl,
    /// Intel's OpenVINO, a separately installed plug-in of ONNX Runtime.
    OpenVino(OpenVino),
    /// Any other execution provider, by its own name.
    ExecutionProvider(ExecutionProvider),
}

/// An NVIDIA GPU: `cuda:0{memory_limit=4GiB,arena=power-of-two,precision=f32,sizes=fixed}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Cuda {
    /// Device number.
    pub id: i32,
    /// Maximum arena size of each model, in bytes. (NVIDIA's libraries allocate additional memory.)
    pub memory_limit: Option<u64>,
    /// How the arena grows.
    pub arena: Arena,
    /// [`Precision::Default`], as in ONNX Runtime; or [`Precision::F32`], slower and closer to the CPU's results.
    pub precision: Precision,
    /// The sizes that a session is made for.
    pub extents: Extents,
}

/// The sizes of inputs that a session is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Extents {
    /// Any: `free`.
    #[default]
    Free,
    /// Sizes of the evaluation, `fixed`: a quarter to a third fewer kernels, and no operator on the CPU. A model is loaded
    /// anew when the size, the batch or the length of the text changes. One with LoRAs, or from memory, stays free.
    Fixed,
}

/// How a GPU's arena grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Arena {
    /// By the requested size: `same-as-requested`.
    #[default]
    SameAsRequested,
    /// By powers of two, with fewer driver calls and higher memory use: `power-of-two`.
    PowerOfTwo,
}

/// Precision in which a device computes f32 models. Inputs and outputs stay f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// The device's default: CUDA multiplies with 11-bit mantissas (`tf32`), other devices compute in `f32`.
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
    /// The GPU, with options for the operators that run in CUDA.
    pub gpu: Cuda,
    /// Precision of engines: f32, f16 or bf16.
    pub precision: Precision,
    /// Folder for built engines and timings, since building takes minutes. It has a subfolder for each model, library,
    /// GPU and set of options.
    pub cache: Option<PathBuf>,
}

/// One of OpenVINO's devices: `openvino:CPU{precision=bf16,library=/opt/openvino}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OpenVino {
    /// OpenVINO's device name: `CPU`, `GPU`, `GPU.1`, `NPU`.
    pub device: String,
    /// f32, bf16 (fast on CPUs with AMX) or f16 (for GPUs and NPUs; refused on a CPU).
    pub precision: Precision,
    /// The plug-in or its folder. `None`: the path in the environment variable `WUERST_OPENVINO`, or a plug-in next to
    /// ONNX Runtime.
    pub library: Option<PathBuf>,
}

impl Default for OpenVino {
    fn default() -> OpenVino {
        OpenVino { device: "CPU".to_owned(), precision: Precision::default(), library: None }
    }
}

/// Names of devices, for messages.
const KNOWN: &str = "cpu, cuda:N, tensorrt:N, directml:N, coreml, openvino:NAME";
/// The part before the colon.
const NAMES: [&str; 7] = ["cpu", "cuda", "tensorrt", "directml", "coreml", "openvino", "ep"];
const GPU: [&str; 3] = ["memory_limit", "arena", "precision"];

impl Device {
    /// Parses a list in order of preference, such as `cuda:0{memory_limit=4GiB},cpu`. An empty text is an empty list.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown device or an unknown option.
    pub fn list(text: &str) -> Result<Vec<Device>> {
        split(text, ',').map(str::trim).filter(|name| !name.is_empty()).map(str::parse).collect()
    }

    /// Name of its execution provider in a placement.
    pub(crate) fn provider(&self) -> String {
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

    /// Parses a device; `known` lists the valid devices, for messages.
    fn read(text: &str, known: &str) -> Result<Device> {
        let text = text.trim();
        // Values in braces may be paths, so their case is kept.
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
                let mut settings = settings(&[&GPU[..], &["sizes"]].concat())?;
                let sizes = [("free", Extents::Free), ("fixed", Extents::Fixed)];
                let extents = settings.choice("sizes", &sizes)?;
                let choices = [("tf32", Precision::Default), ("f32", Precision::F32)];
                let precision = settings.choice("precision", &choices)?;
                Ok(Device::Cuda(Cuda { precision, extents, ..gpu(number()?, &mut settings)? }))
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

    /// Parses a device preferred by a graph. A graph may come from a stranger, so it cannot name files.
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

/// Checks that a graph may prefer this device, whether or not the machine has it.
///
/// # Errors
/// A sentence.
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
    Ok(Cuda { id, memory_limit, arena: settings.choice("arena", &arenas)?, ..Cuda::default() })
}

fn precision(settings: &mut Settings<'_>) -> Result<Precision> {
    let choices = [("f32", Precision::Default), ("bf16", Precision::Bf16), ("f16", Precision::F16)];
    settings.choice("precision", &choices)
}

/// Writes the device so that it parses to the same value; defaults are left out.
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
                if gpu.extents == Extents::Fixed {
                    options.push("sizes=fixed".to_owned());
                }
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
                    cuda:0{memory_limit=4GiB,arena=power-of-two,precision=f32},cuda:2{sizes=fixed},directml:2,coreml,\
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
    fn unknown_device_options_are_refused() {
        for (text, part) in [
            ("cuda:0{memory_limt=4GiB}", "did you mean `memory_limit`?"),
            ("cuda:0{memory_limit=lots}", "`lots` for `memory_limit` of `cuda:0`: write it as 500M or 2G"),
            ("cuda{precision=f16}", "write one of"),
            ("cuda:0{cache=/tmp}", "it has memory_limit, arena, precision, sizes"),
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
