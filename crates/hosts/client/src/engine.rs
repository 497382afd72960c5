//! `wst_engine`.

use crate::error::Error;
use crate::graph::Graph;
use crate::library::Library;
use crate::raw::{self, Options, Str};
use std::path::Path;
use std::ptr;
use std::sync::Arc;

/// How an engine is set up; empty texts and zeros mean what they mean in the header.
#[derive(Debug, Clone, Default)]
pub struct Setup<'a> {
    /// ONNX Runtime's library, or the folder that it lies in.
    pub runtime: &'a str,
    /// Folder of the models.
    pub models: &'a str,
    /// Devices in order of preference.
    pub devices: &'a str,
    /// Threads of each model's run.
    pub threads: u32,
    /// Folder in which results outlive the process.
    pub cache_folder: &'a str,
    /// Folder that the names of files in graphs are relative to.
    pub files: &'a str,
}

/// Node kinds, loaded models, remembered results. Cheap to clone; every clone is the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Owned>);

struct Owned {
    library: Library,
    handle: *mut raw::Engine,
}

// SAFETY: the header allows every function from any thread, at the same time as any other.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: ours, and freed once.
        unsafe { (self.library.functions().wst_engine_free)(self.handle) }
    }
}

impl Engine {
    /// A new engine. Loads neither ONNX Runtime nor models yet.
    ///
    /// # Errors
    /// A setup that the library refuses.
    pub fn new(library: Library, setup: &Setup<'_>) -> Result<Engine, Error> {
        let options = Options {
            struct_size: size_of::<Options>(),
            runtime: Str::of(setup.runtime),
            models: Str::of(setup.models),
            devices: Str::of(setup.devices),
            model_bytes: 0,
            cache_bytes: 0,
            threads: setup.threads,
            reserved: 0,
            log: None,
            user: ptr::null_mut(),
            cache_folder: Str::of(setup.cache_folder),
            cache_folder_bytes: 0,
            ort_api_base: ptr::null(),
            files: Str::of(setup.files),
            outputs: Str::EMPTY,
        };
        // SAFETY: the options are good until the call returns.
        let handle = Error::handle(library, |out| unsafe {
            (library.functions().wst_engine_new)(&raw const options, out)
        })?;
        Ok(Engine(Arc::new(Owned { library, handle })))
    }

    /// Reads and checks a graph file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn open(&self, path: &Path) -> Result<Graph, Error> {
        let Owned { library, handle } = *self.0;
        let path = path.to_string_lossy();
        // SAFETY: the engine lives, the text is good until the call returns.
        let graph = Error::handle(library, |out| unsafe {
            (library.functions().wst_graph_open)(handle, Str::of(&path), out)
        })?;
        Ok(Graph::own(library, graph))
    }
}
