//! Where models run: names of devices, and what became of each wish.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use ort::ep::{self, ExecutionProvider};
use ort::session::builder::SessionBuilder;
use wuerst_core::{Error, Result};

/// Where a model runs, written as `cpu`, `cuda:0`, `tensorrt:0`, `directml:0`, `coreml`, `openvino:CPU`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor. Always there.
    Cpu,
    /// An NVIDIA GPU, by number.
    Cuda(i32),
    /// An NVIDIA GPU through TensorRT, by number; what TensorRT cannot run falls to CUDA.
    TensorRt(i32),
    /// A GPU on Windows, by number.
    DirectMl(i32),
    /// Apple's accelerators.
    CoreMl,
    /// Intel's OpenVINO, by its own device name.
    OpenVino(String),
}

impl Device {
    /// Reads a list in order of preference, as `cuda:0,cpu`. An empty text is an empty list.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is no device.
    pub fn list(text: &str) -> Result<Vec<Device>> {
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::parse).collect()
    }

    /// Adds the device's execution provider to a session's options. Fails when the library does not have it.
    pub(crate) fn register(&self, builder: &mut SessionBuilder) -> ort::Result<()> {
        match self {
            Device::Cpu => Ok(()),
            Device::Cuda(id) => ep::CUDA::default()
                .with_device_id(*id)
                // The default strategy doubles and never gives back.
                .with_arena_extend_strategy(ep::ArenaExtendStrategy::SameAsRequested)
                .register(builder),
            Device::TensorRt(id) => {
                ep::TensorRT::default().with_device_id(*id).register(builder)?;
                Device::Cuda(*id).register(builder)
            }
            Device::DirectMl(id) => ep::DirectML::default().with_device_id(*id).register(builder),
            Device::CoreMl => ep::CoreML::default().register(builder),
            Device::OpenVino(device) => ep::OpenVINO::default().with_device_type(device).register(builder),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Device> {
        let lower = text.trim().to_ascii_lowercase();
        let (name, rest) = lower.split_once(':').unwrap_or((&lower, ""));
        let number = || if rest.is_empty() { Some(0) } else { rest.parse().ok().filter(|id| *id >= 0) };
        let device = match name {
            "cpu" if rest.is_empty() => Some(Device::Cpu),
            "cuda" => number().map(Device::Cuda),
            "tensorrt" => number().map(Device::TensorRt),
            "directml" => number().map(Device::DirectMl),
            "coreml" if rest.is_empty() => Some(Device::CoreMl),
            "openvino" => {
                let device = if rest.is_empty() { "CPU".into() } else { rest.to_ascii_uppercase() };
                Some(Device::OpenVino(device))
            }
            _ => None,
        };
        device.ok_or_else(|| {
            let known = "cpu, cuda:N, tensorrt:N, directml:N, coreml, openvino:NAME";
            Error::invalid("device", format!("`{text}` is none of {known}"))
        })
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(id) => write!(f, "cuda:{id}"),
            Device::TensorRt(id) => write!(f, "tensorrt:{id}"),
            Device::DirectMl(id) => write!(f, "directml:{id}"),
            Device::CoreMl => f.write_str("coreml"),
            Device::OpenVino(device) => write!(f, "openvino:{device}"),
        }
    }
}

/// On which device a model runs, and why not on one that was preferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The model's file.
    pub model: PathBuf,
    /// Where it runs.
    pub device: Device,
    /// The threads that it runs with on the CPU.
    pub threads: usize,
    /// The memory that it takes, in bytes.
    pub bytes: u64,
    /// The devices tried before, and what each said.
    pub refused: Vec<(Device, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_written() {
        let text = "tensorrt:1,cuda:0,directml:2,coreml,openvino:GPU,cpu";
        let devices = Device::list(text).unwrap();
        let written: Vec<String> = devices.iter().map(Device::to_string).collect();
        assert_eq!(written.join(","), text);
        assert_eq!(
            Device::list(" CUDA , openvino").unwrap(),
            [Device::Cuda(0), Device::OpenVino("CPU".into())]
        );
        assert_eq!(Device::list("").unwrap(), []);
        for wrong in ["gpu", "cuda:x", "cuda:-1", "cpu:1"] {
            let error = Device::list(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains("cuda:N"), "{error}");
        }
    }
}
