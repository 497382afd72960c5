//! How models are run.

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
    /// Something is not as asked for, though work goes on.
    Warning,
    /// For whoever looks into a problem.
    Info,
}

/// Takes messages, from any thread. It must be quick.
pub type Log = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// How models are run.
#[derive(Clone)]
pub struct RuntimeOptions {
    /// ONNX Runtime's library, or the folder that it lies in; when absent it is searched for, see [`Runtime::start`](crate::Runtime::start).
    pub runtime: Option<PathBuf>,
    /// An ONNX Runtime that the host has already; when present, nothing else is looked for.
    pub api: Option<HostApi>,
    /// Devices in order of preference. The last one's refusal is an error, so a list without [`Device::Cpu`]
    /// never falls back to it. Empty: what a node of the graph prefers, else the CPU.
    pub devices: Vec<Device>,
    /// Whether a device that refuses a model is an error, rather than a warning and the next device's turn.
    pub strict: bool,
    /// Threads for each model's run; when absent or 0, one for each core. Results do not depend on it.
    pub threads: Option<usize>,
    /// What single stages have of their own.
    pub each: BTreeMap<Contract, StageOptions>,
    /// Models are unloaded, the longest unused first, to keep the sum of the memory they take ([`ModelHeader::memory`](crate::ModelHeader::memory), and what
    /// both parts hold of a model that is split) below this, in bytes.
    /// The model in use is kept whatever its size, so 0 keeps one at a time.
    pub model_bytes: u64,
    /// A cache folder, in whose folder `wuerst-models` models are kept as they were optimised for the CPU, so that they
    /// load quicker and their weights are mapped into memory, once for all sessions and processes. What is read there is
    /// checked against a digest. A folder that others may write to, that is a link or another user's is a warning on the
    /// log. Without it they are optimised whenever they are loaded.
    pub prepared: Option<PathBuf>,
    /// The size that the models in it are kept below, in bytes, as they were written.
    pub prepared_bytes: u64,
    /// Where messages go; when absent, nowhere.
    pub log: Option<Log>,
}

impl Default for RuntimeOptions {
    /// The CPU, all cores, 8 GiB of models in memory and none on disk (else 1 GiB).
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

/// Threads, of which 0 and none mean one for each core.
pub(crate) fn threads(wish: Option<usize>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    wish.filter(|threads| *threads > 0).unwrap_or_else(cores)
}
