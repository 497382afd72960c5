//! ONNX Runtime in this process: one library and one environment, created once and kept for ever.

pub(crate) mod find;
pub(crate) mod host;
mod modules;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use libloading::Library;
use ort::environment::{Environment, EnvironmentBuilder};
use wuerst_core::{Error, Result};

use crate::shared_library;
use host::HostApi;

/// The process's ONNX Runtime.
#[derive(Debug)]
pub struct Runtime {
    path: PathBuf,
    environment: Environment,
    /// The host's table, if it was used.
    api: Option<HostApi>,
}

/// Never dropped: ONNX Runtime's environment cannot be created twice, and a host's threads may outlive all engines.
static RUNTIME: Mutex<Option<&'static Runtime>> = Mutex::new(None);

impl Runtime {
    /// Starts ONNX Runtime, or returns the running one.
    ///
    /// Searches for the library in this order: `option` (a file or its folder); the environment variable
    /// `ORT_DYLIB_PATH`; a library that the process has loaded already; the folder of this library or program;
    /// `onnxruntime/capi` in that folder; the neighbouring `lib` folder.
    ///
    /// # Errors
    /// If the library is not found or too old (a later call may succeed with another path), or if another library is running.
    pub fn start(option: Option<&Path>) -> Result<&'static Runtime> {
        let mut running = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = *running {
            return runtime.serves(option);
        }
        let path = find::library(option)?;
        let _bound = bound(&path)?;
        // Called before all other functions of `ort`, which would search for a library themselves and panic without one.
        let builder = ort::init_from(&path).map_err(|e| Error::Runtime(e.to_string()))?;
        Ok(running.insert(Runtime { path, environment: environment(builder)?, api: None }.kept()))
    }

    /// Starts the ONNX Runtime that the host has loaded, or returns the running one.
    ///
    /// # Errors
    /// If it is too old, or another library is running.
    pub fn start_with(api: HostApi) -> Result<&'static Runtime> {
        let mut running = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        let path = api.library();
        if let Some(runtime) = *running {
            let same = runtime.api == Some(api) || path.as_ref() == Some(&runtime.path);
            return if same { Ok(runtime) } else { Err(runtime.taken("the host's own")) };
        }
        let builder = api.adopt()?;
        let path = path.unwrap_or_else(|| "the host's ONNX Runtime".into());
        Ok(running.insert(Runtime { path, environment: environment(builder)?, api: Some(api) }.kept()))
    }

    fn kept(self) -> &'static Runtime {
        Box::leak(Box::new(self))
    }

    /// The running ONNX Runtime, if any.
    pub fn running() -> Option<&'static Runtime> {
        *RUNTIME.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The library that would be started now, by path, size and time of change; empty if there is none. Starts nothing.
    /// Part of the key of stored results, since another library may compute others.
    pub fn installed(api: Option<HostApi>, option: Option<&Path>) -> String {
        let path = match api {
            Some(api) => api.library(),
            None => find::library(option).ok(),
        };
        let Some(path) = path else { return String::new() };
        let about = std::fs::metadata(&path).map(|about| (about.len(), about.modified().ok()));
        format!("{} {about:?}", path.display())
    }

    fn serves(&'static self, option: Option<&Path>) -> Result<&'static Runtime> {
        match option {
            Some(_) => {
                let asked = find::library(option)?;
                if asked == self.path {
                    return Ok(self);
                }
                Err(self.taken(&asked.display().to_string()))
            }
            None => Ok(self),
        }
    }

    fn taken(&self, asked: &str) -> Error {
        let path = self.path.display();
        let message =
            format!("{path} is loaded already, and a process can use only one: {asked} was asked for");
        Error::Runtime(message)
    }

    /// Absolute path of the library; for the host's library as far as the system reports it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Version and build reported by the library.
    pub fn version(&self) -> &'static str {
        ort::info()
    }

    /// The environment of all sessions.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// Loads the library and binds all its symbols. They stay bound when `ort` loads it again, lazily.
#[allow(unsafe_code, reason = "ONNX Runtime's initialisers run")]
fn bound(path: &Path) -> Result<Library> {
    // SAFETY: a library that the user named, or one in a place of ONNX Runtime.
    let library = unsafe { shared_library::open(path) };
    library.map_err(|why| Error::Runtime(format!("{} cannot be loaded: {why}", path.display())))
}

fn environment(builder: EnvironmentBuilder) -> Result<Environment> {
    // ONNX Runtime would write to stderr, which belongs to the host. Each session has its own log.
    let silent = Arc::new(|_: ort::logging::LogLevel, _: &str, _: &str, _: &str, _: &str| {});
    builder.with_name("wuerst").with_telemetry(false).with_logger(silent).build().map_err(error)
}

/// Converts ONNX Runtime's error by its text: the error object must not outlive the library.
pub(crate) fn error<R>(error: ort::Error<R>) -> Error {
    Error::Runtime(error.message().to_owned())
}
