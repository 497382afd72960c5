//! The cache folder of TensorRT's engines and timings. TensorRT itself does not separate models and libraries.

use std::path::{Path, PathBuf};
use std::{fs, io};

use wuerst_core::{Digest, Hasher};

use super::name::Device;
use crate::library::Runtime;

/// The subfolder of `cache` for a model on a device. Creates it.
pub(super) fn folder(runtime: &Runtime, model: Digest, device: &Device, cache: &Path) -> io::Result<PathBuf> {
    let folder = cache.join(name(runtime, model, device, &gpus()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A digest of everything that engines depend on.
fn name(runtime: &Runtime, model: Digest, device: &Device, gpus: &str) -> String {
    let provider = runtime.path().with_file_name("libonnxruntime_providers_tensorrt.so");
    let provider = fs::metadata(provider).map(|about| (about.len(), about.modified().ok()));
    let hasher = Hasher::new("tensorrt").digest(model).bytes(runtime.version().as_bytes());
    let hasher = hasher.bytes(format!("{provider:?}").as_bytes());
    let name = hasher.bytes(gpus.as_bytes()).bytes(device.to_string().as_bytes()).finish().to_string();
    name[..32].to_owned()
}

/// GPUs and driver, as far as the system reports them without CUDA.
#[expect(clippy::disallowed_methods, reason = "the system's own files")]
fn gpus() -> String {
    let driver = Path::new("/proc/driver/nvidia");
    let cards = fs::read_dir(driver.join("gpus")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = cards.map(|card| card.path().join("information")).collect();
    files.sort();
    files.push(driver.join("version"));
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
}
