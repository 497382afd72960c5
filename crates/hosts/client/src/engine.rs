//! `wst_engine`: engines, which run graphs.

use crate::error::Error;
use crate::graph::Graph;
use crate::library::Library;
use crate::raw::{self, Options, Str, Versioned};
use std::path::Path;
use std::sync::Arc;

/// Options of an engine; empty texts and zeros have the meaning of the header.
#[derive(Debug, Clone, Default)]
pub struct Setup<'a> {
    /// ONNX Runtime's library or its folder.
    pub runtime: &'a str,
    /// Folder of the models.
    pub models: &'a str,
    /// Devices in order of preference.
    pub devices: &'a str,
    /// Threads of each model's run.
    pub threads: u32,
    /// Folder that keeps results beyond the process.
    pub cache_folder: &'a str,
    /// Folder that file names in graphs are relative to.
    pub files: &'a str,
    /// Devices of single stages, such as "prior=cuda:0,cpu; vqgan-decoder=cpu"; they override `devices`.
    pub stage_devices: &'a str,
    /// Threads of single stages, such as "prior=4; vqgan-decoder=2"; they override `threads`.
    pub stage_threads: &'a str,
    /// Whether it is an error if a device refuses a model; otherwise the next device is tried.
    pub strict: bool,
    /// Settings file; the other options override it.
    pub settings: &'a str,
}

/// Runs graphs; holds node kinds, loaded models and remembered results. Cheap to clone; clones share the engine.
#[derive(Clone)]
pub struct Engine(Arc<Owned>);

struct Owned {
    library: Library,
    handle: *mut raw::Engine,
}

// SAFETY: the header allows every function from any thread, at the same time as any other.
unsafe impl Send for Owned {}
// SAFETY: see `Send`.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: our handle, freed once.
        unsafe { (self.library.functions().wst_engine_free)(self.handle) }
    }
}

impl Engine {
    /// A new engine. Loads neither ONNX Runtime nor models yet.
    ///
    /// # Errors
    /// Options that the library refuses.
    pub fn new(library: Library, setup: &Setup<'_>) -> Result<Engine, Error> {
        let options = Options {
            runtime: Str::of(setup.runtime),
            models: Str::of(setup.models),
            devices: Str::of(setup.devices),
            threads: setup.threads,
            cache_folder: Str::of(setup.cache_folder),
            files: Str::of(setup.files),
            stage_devices: Str::of(setup.stage_devices),
            stage_threads: Str::of(setup.stage_threads),
            strict: setup.strict.into(),
            settings: Str::of(setup.settings),
            ..Options::init()
        };
        // SAFETY: the options are valid until the call returns.
        let handle = Error::handle(library, |out| unsafe {
            (library.functions().wst_engine_new)(&raw const options, out)
        })?;
        Ok(Engine(Arc::new(Owned { library, handle })))
    }

    /// Reads and checks a graph file.
    ///
    /// # Errors
    /// All problems of the graph.
    pub fn open(&self, path: &Path) -> Result<Graph, Error> {
        let Owned { library, handle } = *self.0;
        let path = path.to_string_lossy();
        // SAFETY: the engine is alive, and the text is valid until the call returns.
        let graph = Error::handle(library, |out| unsafe {
            (library.functions().wst_graph_open)(handle, Str::of(&path), out)
        })?;
        Ok(Graph::own(library, graph))
    }
}
