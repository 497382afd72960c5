//! The options of an engine.

use std::path::PathBuf;

use wuerst_stages::{Device, Outputs};

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that the names of models in a graph are relative to.
    pub models: PathBuf,
    /// The folder that the names of files in a graph are relative to, and must stay in; without it a graph names no
    /// files. The values of inputs, which come from whoever runs the graph, name any.
    pub files: Option<PathBuf>,
    /// The folder that nodes save files into; without it they refuse. A graph can neither choose it nor leave it.
    pub outputs: Option<PathBuf>,
    /// The most files that nodes save in one run.
    pub outputs_files: u64,
    /// The most bytes that they have together.
    pub outputs_bytes: u64,
    /// Whether pictures that nodes save say, where a model made them, that they are generated.
    pub mark: bool,
    /// Results remembered between runs, in bytes.
    pub cache_bytes: usize,
    /// A folder in which results that took long for their size, as text embeddings and priors, outlive the process.
    /// It is made when it is not there, may be shared by several processes, and must be its user's alone: results tell
    /// what prompts were about, and models kept there are run. One that others may write to, that is a link or another
    /// user's, or cannot be written, is a warning, and nothing is kept. Results lie in its folder `wuerst-results`, and in
    /// `wuerst-models` models as they were optimised for the CPU ([`wuerst_stages::RuntimeOptions::prepared`]); nothing else in it
    /// is ever changed.
    pub cache_folder: Option<PathBuf>,
    /// The size that the results in the cache folder are kept below, in bytes, and so are the models in it.
    pub cache_folder_bytes: u64,
    /// How models are run: ONNX Runtime, devices, threads, memory.
    pub stages: wuerst_stages::RuntimeOptions,
    /// Plug-ins that a new engine loads, in this order ([`Engine::load_plugin`](crate::Engine::load_plugin)).
    pub plugins: Vec<PathBuf>,
    /// Graph files that become node kinds of a new engine: kinds and files. Names of models and files in a graph lead into
    /// the folder of its file first.
    pub subgraphs: Vec<(String, PathBuf)>,
}

impl Default for Options {
    /// The folder `models`, no files for graphs to read or write (else 1000 of 1 GiB in a run), 256 MiB of results in
    /// memory and none on disk (else 1 GiB), the stages' defaults, neither plug-ins nor graphs as node kinds.
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
    /// Sets the devices of all stages. Devices that single stages have so far, from a settings file, are dropped.
    pub fn set_devices(&mut self, devices: Vec<Device>) {
        self.stages.each.values_mut().for_each(|own| own.devices.clear());
        self.stages.devices = devices;
    }

    /// Sets the threads of all stages. Numbers that single stages have so far, from a settings file, are dropped.
    pub fn set_threads(&mut self, threads: usize) {
        self.stages.each.values_mut().for_each(|own| own.threads = None);
        self.stages.threads = Some(threads);
    }
}
