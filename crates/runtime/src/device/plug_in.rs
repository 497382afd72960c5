//! Plug-ins of ONNX Runtime: libraries with execution providers, each registered once per process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::library::Runtime;
use crate::shared_library;

/// Registered libraries, which stay registered for the life of the process.
static REGISTERED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The registered libraries, locked against concurrent registration.
pub(super) fn registered() -> MutexGuard<'static, Vec<PathBuf>> {
    // A push is complete or does not happen, so poison means nothing.
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers a library, unless it is registered already.
///
/// # Errors
/// The reason given by the loader or ONNX Runtime, with the path.
#[allow(unsafe_code, reason = "the plug-in's initialisers run")]
pub(super) fn register(
    registered: &mut Vec<PathBuf>,
    runtime: &Runtime,
    path: PathBuf,
) -> Result<(), String> {
    if registered.contains(&path) {
        return Ok(());
    }
    // SAFETY: a library that the user named, or that is stored near ONNX Runtime.
    let bound = unsafe { shared_library::open(&path) };
    let _bound = bound.map_err(|why| format!("{} cannot be loaded: {why}", path.display()))?;
    let name = format!("wuerst.{}", registered.len());
    let failed = |e: ort::Error| {
        format!("{} is not a plug-in that ONNX Runtime takes: {}", path.display(), e.message())
    };
    runtime.environment().register_ep_library(name, &path).map_err(failed)?;
    registered.push(path);
    Ok(())
}

/// The file named by an option `library`.
///
/// # Errors
/// If it is missing or is a folder.
pub(super) fn file(named: &Path) -> Result<PathBuf, String> {
    match named.canonicalize() {
        Ok(path) if path.is_file() => Ok(path),
        Ok(path) => Err(format!("{} is not a file: `library` names the plug-in's file", path.display())),
        Err(error) => Err(format!("{}: {error}; `library` names the plug-in's file", named.display())),
    }
}
