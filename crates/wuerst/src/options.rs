//! The options of an engine.

use std::path::PathBuf;

use wuerst_stages::{Device, Outputs};

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder that model names in a graph are relative to.
    pub models: PathBuf,
    /// Folder that file names in a graph are relative to, and must stay in; `None` forbids file names in graphs. Input
    /// values come from the caller of the graph, and may name any file.
    pub files: Option<PathBuf>,
    /// Folder that nodes save files into; `None` makes them refuse. A graph can neither choose nor leave it.
    pub outputs: Option<PathBuf>,
    /// Maximum number of files that nodes save in one run.
    pub outputs_files: u64,
    /// Maximum total size of the files that nodes save in one run, in bytes.
    pub outputs_bytes: u64,
    /// Whether saved pictures that a model made are marked as generated.
    pub mark: bool,
    /// Results remembered between runs, in bytes.
    pub cache_bytes: usize,
    /// Folder that keeps results which took long for their size, such as text embeddings and priors, beyond the process.
    /// Created if missing; several processes may share it. It must be private to its user, since results reveal prompts,
    /// and models kept there are executed. A folder that others may write to, that is a link, that belongs to another
    /// user, or that cannot be written causes a warning, and nothing is kept. Results are in its subfolder
    /// `wuerst-results`, models optimised for the CPU in `wuerst-models` ([`wuerst_stages::RuntimeOptions::prepared`]);
    /// nothing else in the folder is changed.
    pub cache_folder: Option<PathBuf>,
    /// Maximum size of the results in the cache folder, in bytes; models in it have an equal limit of their own.
    pub cache_folder_bytes: u64,
    /// How models are run: ONNX Runtime, devices, threads, memory.
    pub stages: wuerst_stages::RuntimeOptions,
    /// Plug-ins that a new engine loads, in order ([`Engine::load_plugin`](crate::Engine::load_plugin)).
    pub plugins: Vec<PathBuf>,
    /// Graph files added to a new engine as node kinds: kinds and files. Names of models and files in a graph resolve in
    /// the folder of its file first.
    pub subgraphs: Vec<(String, PathBuf)>,
}

impl Default for Options {
    /// Models in the folder `models`; no files to read or write; 256 MiB of results in memory, none on disk; the stages'
    /// defaults; neither plug-ins nor subgraphs. If an output folder is set: 1000 files and 1 GiB per run. If a cache
    /// folder is set: 1 GiB.
    fn default() -> Options {
        Options {
            models: "models".into(),
            files: None,
            outputs: None,
            outputs_files: Outputs::FILES,
            outputs_bytes: Outputs::BYTES,
            mark: true,
            cache_bytes: 256 << 20,
            cache_folder: None,
            cache_folder_bytes: 1 << 30,
            stages: wuerst_stages::RuntimeOptions::default(),
            plugins: vec![],
            subgraphs: vec![],
        }
    }
}

impl Options {
    /// Sets the devices of all stages, and removes those set for single stages, for example by a settings file.
    pub fn set_devices(&mut self, devices: Vec<Device>) {
        self.stages.each.values_mut().for_each(|own| own.devices.clear());
        self.stages.devices = devices;
    }

    /// Sets the threads of all stages, and removes those set for single stages, for example by a settings file.
    pub fn set_threads(&mut self, threads: usize) {
        self.stages.each.values_mut().for_each(|own| own.threads = None);
        self.stages.threads = Some(threads);
    }
}
