//! Options of running models.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use wuerst_model::contract::Contract;

use crate::device::Device;
use crate::library::host::HostApi;
use crate::per_stage::StageOptions;

/// How grave a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something differs from the request, but work continues.
    Warning,
    /// For investigating problems.
    Info,
}

/// Receives messages, from any thread. It must be quick.
pub type Log = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// How models are run.
#[derive(Clone)]
pub struct RuntimeOptions {
    /// ONNX Runtime's library or its folder; if `None` it is searched for, see [`Runtime::start`](crate::Runtime::start).
    pub runtime: Option<PathBuf>,
    /// An ONNX Runtime that the host has loaded; if given, no search takes place.
    pub api: Option<HostApi>,
    /// Devices in order of preference. It is an error if the last one refuses a model, so a list without [`Device::Cpu`]
    /// never falls back to the CPU. Empty: the preference of the graph's node, otherwise the CPU.
    pub devices: Vec<Device>,
    /// Whether it is an error if a device refuses a model. Otherwise it is a warning, and the next device is tried.
    pub strict: bool,
    /// Threads of each model's run; `None` or 0 for one per core. Results do not depend on it.
    pub threads: Option<usize>,
    /// Options of single stages.
    pub each: BTreeMap<Contract, StageOptions>,
    /// Memory budget of loaded models, in bytes. When exceeded, the models unused for longest are unloaded. A model
    /// counts with [`ModelHeader::memory`](crate::ModelHeader::memory), plus weights that both parts of a split model
    /// hold. The model in use stays, whatever its size, so 0 keeps one at a time.
    pub model_bytes: u64,
    /// A cache folder whose subfolder `wuerst-models` keeps models optimised for the CPU. They load faster, and all
    /// sessions and processes share their memory-mapped weights. Content is verified by a digest. A folder that others
    /// may write to, that is a link, or that belongs to another user causes a warning in the log. `None` optimises models
    /// each time they are loaded.
    pub prepared: Option<PathBuf>,
    /// Maximum size of the stored models, in bytes.
    pub prepared_bytes: u64,
    /// Receives log messages, if any.
    pub log: Option<Log>,
}

impl Default for RuntimeOptions {
    /// The CPU, all cores, 8 GiB of models in memory and none on disk (1 GiB if a folder is set).
    fn default() -> RuntimeOptions {
        RuntimeOptions {
            runtime: None,
            api: None,
            devices: vec![],
            strict: false,
            threads: None,
            each: BTreeMap::new(),
            model_bytes: 8 << 30,
            prepared: None,
            prepared_bytes: 1 << 30,
            log: None,
        }
    }
}

impl fmt::Debug for RuntimeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeOptions")
            .field("runtime", &self.runtime)
            .field("devices", &self.devices)
            .field("strict", &self.strict)
            .field("threads", &self.threads)
            .field("each", &self.each)
            .field("model_bytes", &self.model_bytes)
            .field("prepared", &self.prepared)
            .finish_non_exhaustive()
    }
}

/// Number of threads; 0 and `None` mean one per core.
pub(crate) fn threads(wish: Option<usize>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    wish.filter(|threads| *threads > 0).unwrap_or_else(cores)
}
