//! Adds a device's execution provider to the options of a session.

use ort::ep::{self, ExecutionProvider};
use ort::session::builder::SessionBuilder;
use wuerst_core::Digest;

use super::name::{Arena, Cuda, Device, Precision, TensorRt};
use super::tensorrt;
use crate::library::Runtime;

/// Properties of a session that affect its device.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) runtime: &'static Runtime,
    pub(crate) model: Digest,
    pub(crate) threads: usize,
    /// Whether weights are merged, which are written nowhere.
    pub(crate) merged: bool,
}

impl Device {
    /// Adds the device's execution provider to a session's options. The error is the reason why the library cannot.
    pub(crate) fn register(
        &self,
        request: &Request,
        mut builder: SessionBuilder,
    ) -> Result<SessionBuilder, String> {
        let registered = match self {
            // Set explicitly, since ONNX Runtime would otherwise choose among all plug-ins registered in the process.
            Device::Cpu => {
                let devices = request.runtime.environment().devices();
                let cpu =
                    devices.filter(|device| device.ep().is_ok_and(|name| name == "CPUExecutionProvider"));
                return builder.with_devices(cpu, None).map_err(|error| error.message().to_owned());
            }
            Device::Cuda(gpu) => gpu.provider().register(&mut builder),
            Device::TensorRt(device) => {
                let engines = device.provider(request, self)?;
                engines.register(&mut builder).and_then(|()| device.gpu.provider().register(&mut builder))
            }
            Device::DirectMl(id) => ep::DirectML::default().with_device_id(*id).register(&mut builder),
            Device::CoreMl => ep::CoreML::default().register(&mut builder),
            Device::OpenVino(device) => return device.register(request.runtime, request.threads, builder),
            Device::ExecutionProvider(device) => return device.register(request.runtime, builder),
        };
        registered.map(|()| builder).map_err(|error| error.message().to_owned())
    }
}

impl Cuda {
    fn provider(&self) -> ep::CUDA {
        let arena = match self.arena {
            Arena::SameAsRequested => ep::ArenaExtendStrategy::SameAsRequested,
            Arena::PowerOfTwo => ep::ArenaExtendStrategy::NextPowerOfTwo,
        };
        let mut provider = ep::CUDA::default().with_device_id(self.id).with_arena_extend_strategy(arena);
        if let Some(bytes) = self.memory_limit {
            provider = provider.with_memory_limit(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        if self.precision == Precision::F32 {
            provider = provider.with_tf32(false);
        }
        provider
    }
}

impl TensorRt {
    fn provider(&self, request: &Request, device: &Device) -> Result<ep::TensorRT, String> {
        let mut provider = ep::TensorRT::default().with_device_id(self.gpu.id);
        match self.precision {
            Precision::F16 => provider = provider.with_fp16(true),
            Precision::Bf16 => provider = provider.with_bf16(true),
            Precision::Default | Precision::F32 => {}
        }
        let Some(cache) = self.cache.as_ref().filter(|_| !request.merged) else { return Ok(provider) };
        let folder = tensorrt::folder(request.runtime, request.model, device, cache)
            .map_err(|e| format!("the folder for engines, {}: {e}", cache.display()))?;
        let folder = folder.to_str().ok_or_else(|| format!("{} is not UTF-8", folder.display()))?;
        Ok(provider
            .with_engine_cache(true)
            .with_engine_cache_path(folder)
            .with_timing_cache(true)
            .with_timing_cache_path(folder))
    }
}
