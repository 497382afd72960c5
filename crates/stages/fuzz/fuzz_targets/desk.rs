//! A folder with a node's file, written anew for each input.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use wuerst_core::{CancellationToken, Files, Models, Registry, Result, Value};
use wuerst_graph::{Cache, Graph, Inputs, Run};
use wuerst_stages::{ModelCache, Outputs, RuntimeOptions, register};

/// The folder, and the engine that uses it.
pub struct Desk {
    folder: TempDir,
    model_cache: Arc<ModelCache>,
    registry: Registry,
}

impl Desk {
    /// An empty folder, for graphs that read files and models there.
    pub fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let model_cache = Arc::new(ModelCache::new(RuntimeOptions::default()));
        let mut registry = Registry::new();
        let at = folder.path().to_owned();
        let models = Models::new(move |name| Ok(at.join(format!("{name}.onnx"))));
        registry.set_models(models.with_files(Files::in_folder(folder.path())));
        register(&mut registry, &model_cache, Outputs::default()).unwrap();
        Desk { folder, model_cache, registry }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts the bytes into a file of the folder, and runs a graph.
    pub fn run(&self, name: &str, bytes: &[u8], graph: &str, output: &str) -> Result<Value> {
        fs::write(self.folder.path().join(name), bytes).unwrap();
        let graph = Graph::load(graph, &self.registry)?;
        let (inputs, cache, cancel) = (Inputs::new(), Cache::new(0), CancellationToken::new());
        let value = Run::new(&graph, &inputs, &cache, &cancel, &mut ()).output(output);
        self.model_cache.release();
        value
    }
}
