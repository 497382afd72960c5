//! ONNX Runtime in this process: one library and one environment, started once and kept for ever.

pub(crate) mod find;
pub(crate) mod host;

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
    /// What it was started from, if that was the host's.
    api: Option<HostApi>,
}

/// Never dropped: ONNX Runtime's environment cannot be made a second time, and threads of a host may outlive
/// every engine.
static RUNTIME: Mutex<Option<&'static Runtime>> = Mutex::new(None);

impl Runtime {
    /// Starts ONNX Runtime, or gives the one that is running.
    ///
    /// The library is the first of: `option` (a file, or the folder that it lies in), the environment variable
    /// `ORT_DYLIB_PATH`, one that the process has loaded already, one beside this library or program, in
    /// `onnxruntime/capi` there, or in the `lib` folder next door.
    ///
    /// # Errors
    /// When the library is not found or too old (a later call may succeed with another path), or when another
    /// library than the one that is running is asked for.
    pub fn start(option: Option<&Path>) -> Result<&'static Runtime> {
        let mut running = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = *running {
            return runtime.serves(option);
        }
        let path = find::library(option)?;
        let _bound = bound(&path)?;
        // Before any other call of `ort`, which would look for a library by itself and panic without one.
        let builder = ort::init_from(&path).map_err(|e| Error::Runtime(e.to_string()))?;
        Ok(running.insert(Runtime { path, environment: environment(builder)?, api: None }.kept()))
    }

    /// Starts with an ONNX Runtime that the host has loaded, or gives the one that is running.
    ///
    /// # Errors
    /// When it is too old, or another library is running.
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

    /// The one that is running, if one is.
    pub fn running() -> Option<&'static Runtime> {
        *RUNTIME.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which library would be started now, by path, size and time of change; empty when there is none. Starts
    /// nothing. For whoever keeps results, which another library may compute otherwise.
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

    /// The library's absolute path, as far as the system tells it of one that is the host's.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Version and build of the library, as it says them.
    pub fn version(&self) -> &'static str {
        ort::info()
    }

    /// What sessions are made in.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// The library with all its symbols bound, which stay so when `ort` loads it again, lazily.
#[allow(unsafe_code, reason = "ONNX Runtime's initialisers run")]
fn bound(path: &Path) -> Result<Library> {
    // SAFETY: the library that the user names, or one that lies where ONNX Runtime does.
    let library = unsafe { shared_library::open(path) };
    library.map_err(|why| Error::Runtime(format!("{} cannot be loaded: {why}", path.display())))
}

fn environment(builder: EnvironmentBuilder) -> Result<Environment> {
    // ONNX Runtime would write to stderr, which belongs to the host. Sessions log for themselves.
    let silent = Arc::new(|_: ort::logging::LogLevel, _: &str, _: &str, _: &str, _: &str| {});
    builder.with_name("wuerst").with_telemetry(false).with_logger(silent).build().map_err(error)
}

/// ONNX Runtime's error as ours. By text: its own value must not outlive the library, nor enter ours.
pub(crate) fn error<R>(error: ort::Error<R>) -> Error {
    Error::Runtime(error.message().to_owned())
}
