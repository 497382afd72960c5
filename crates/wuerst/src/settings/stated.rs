//! What a settings file states, as options of an engine.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use wuerst_stages::{Contract, Device, StageOptions};

use crate::options::Options;

/// The options that a settings file states. `None` and empty lists: the file does not say.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `models`: the folder of models.
    pub models: Option<PathBuf>,
    /// `devices`: devices of all stages, in order of preference.
    pub devices: Vec<Device>,
    /// `threads`: threads of each model's run.
    pub threads: Option<usize>,
    /// `stages`: devices and threads of single stages, which count before `devices` and `threads`.
    pub stages: BTreeMap<Contract, StageOptions>,
    /// `memory`, or its `models`: the most memory that loaded models take, in bytes.
    pub model_bytes: Option<u64>,
    /// The `results` of `memory`: the most memory that remembered results take, in bytes.
    pub cache_bytes: Option<u64>,
    /// `cache`, or its `folder`: the folder of results and models that outlive the process.
    pub cache_folder: Option<PathBuf>,
    /// The `size` of `cache`, in bytes.
    pub cache_folder_bytes: Option<u64>,
    /// `files`: the folder that graphs read files from.
    pub files: Option<PathBuf>,
    /// `outputs`, or its `folder`: the folder that nodes save files into.
    pub outputs: Option<PathBuf>,
    /// The `count` of `outputs`: the most files that one run saves.
    pub outputs_files: Option<u64>,
    /// The `size` of `outputs`: the most bytes that they have together.
    pub outputs_bytes: Option<u64>,
    /// `plugins`: libraries that add node kinds.
    pub plugins: Vec<PathBuf>,
    /// `subgraphs`: graph files that become node kinds, by kind.
    pub subgraphs: Vec<(String, PathBuf)>,
    /// `strict`: a device that refuses a model is an error.
    pub strict: Option<bool>,
    /// `runtime`: ONNX Runtime's library, or its folder.
    pub runtime: Option<PathBuf>,
}

impl Settings {
    /// Engine options: these, and the defaults of all others. `runtime` counts only if the environment variable
    /// `ORT_DYLIB_PATH` is not set, since the environment counts before settings files.
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
