//! Contents of a settings file, as options of an engine.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use wuerst_stages::{Contract, Device, StageOptions};

use crate::options::Options;

/// Options stated in a settings file. `None` and empty lists stand for options left out.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `models`: the folder of models.
    pub models: Option<PathBuf>,
    /// `devices`: devices of all stages, in order of preference.
    pub devices: Vec<Device>,
    /// `threads`: threads of each model's run.
    pub threads: Option<usize>,
    /// `stages`: devices, threads and LoRAs of single stages; the first two override `devices` and `threads`.
    pub stages: BTreeMap<Contract, StageOptions>,
    /// `memory`, or its `models`: maximum memory of loaded models, in bytes.
    pub model_bytes: Option<u64>,
    /// `results` of `memory`: maximum memory of remembered results, in bytes.
    pub cache_bytes: Option<u64>,
    /// `cache`, or its `folder`: folder of results and models kept beyond the process.
    pub cache_folder: Option<PathBuf>,
    /// The `size` of `cache`, in bytes.
    pub cache_folder_bytes: Option<u64>,
    /// `files`: folder that graphs read files from.
    pub files: Option<PathBuf>,
    /// `outputs`, or its `folder`: folder that nodes save files into.
    pub outputs: Option<PathBuf>,
    /// `count` of `outputs`: maximum number of files saved in one run.
    pub outputs_files: Option<u64>,
    /// `size` of `outputs`: maximum total size of files saved in one run, in bytes.
    pub outputs_bytes: Option<u64>,
    /// `plugins`: libraries that add node kinds.
    pub plugins: Vec<PathBuf>,
    /// `subgraphs`: graph files added as node kinds, by kind.
    pub subgraphs: Vec<(String, PathBuf)>,
    /// `strict`: makes it an error if a device refuses a model.
    pub strict: Option<bool>,
    /// `runtime`: ONNX Runtime's library or its folder.
    pub runtime: Option<PathBuf>,
}

impl Settings {
    /// Converts to engine options, with defaults for options left out. `runtime` is ignored if the environment variable
    /// `ORT_DYLIB_PATH` is set, since the environment overrides settings files.
    pub fn into_options(self) -> Options {
        let mut options = Options {
            files: self.files,
            outputs: self.outputs,
            cache_folder: self.cache_folder,
            plugins: self.plugins,
            subgraphs: self.subgraphs,
            ..Options::default()
        };
        set(&mut options.models, self.models);
        set(&mut options.outputs_files, self.outputs_files);
        set(&mut options.outputs_bytes, self.outputs_bytes);
        set(&mut options.cache_folder_bytes, self.cache_folder_bytes);
        set(&mut options.cache_bytes, self.cache_bytes.map(|n| usize::try_from(n).unwrap_or(usize::MAX)));
        let stages = &mut options.stages;
        set(&mut stages.model_bytes, self.model_bytes);
        set(&mut stages.strict, self.strict);
        stages.runtime =
            self.runtime.filter(|_| env::var_os("ORT_DYLIB_PATH").is_none_or(|at| at.is_empty()));
        stages.devices = self.devices;
        stages.threads = self.threads;
        stages.each = self.stages;
        options
    }
}

fn set<T>(option: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *option = given;
    }
}
