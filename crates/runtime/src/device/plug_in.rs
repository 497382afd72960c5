//! Plug-ins of ONNX Runtime: libraries that provide execution providers, each registered once in a process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::library::Runtime;
use crate::shared_library;

/// The registered libraries, which stay for the life of the process.
static REGISTERED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The libraries that are registered, locked against others that register one.
pub(super) fn registered() -> MutexGuard<'static, Vec<PathBuf>> {
    // A path is pushed whole or not at all.
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers a library, unless that was done.
///
/// # Errors
/// The loader's or ONNX Runtime's reason, with the path.
#[allow(unsafe_code, reason = "the plug-in's initialisers run")]
pub(super) fn register(
    registered: &mut Vec<PathBuf>,
    runtime: &Runtime,
    path: PathBuf,
) -> Result<(), String> {
    if registered.contains(&path) {
        return Ok(());
    }
    // SAFETY: a library that the user named, or that lies near ONNX Runtime.
    let bound = unsafe { shared_library::open(&path) };
    let _bound = bound.map_err(|why| format!("{} cannot be loaded: {why}", path.display()))?;
    let name = format!("wuerst.{}", registered.len());
    let failed =
        |e: ort::Error| format!("{} is no plug-in that ONNX Runtime takes: {}", path.display(), e.message());
    runtime.environment().register_ep_library(name, &path).map_err(failed)?;
    registered.push(path);
    Ok(())
}

/// The file that an option `library` names.
///
/// # Errors
/// When it is not there, or is a folder.
pub(super) fn file(named: &Path) -> Result<PathBuf, String> {
    match named.canonicalize() {
        Ok(path) if path.is_file() => Ok(path),
        Ok(path) => Err(format!("{} is no file: `library` names the plug-in's file", path.display())),
        Err(error) => Err(format!("{}: {error}; `library` names the plug-in's file", named.display())),
    }
}
