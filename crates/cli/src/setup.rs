//! The engine's options, the same for every command that needs an engine.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

use anyhow::{Result, bail};
use wuerst::core::Amount;
use wuerst::stages::StageOptions;
use wuerst::{Device, Engine, Options};

use crate::extensions::Extensions;
use crate::find;
use crate::recipe::Kinds;

/// The models that ship.
const MODELS: &str = "models/icons";

/// Where .ci/setup puts ONNX Runtime.
const RUNTIME: &str = ".vendor/onnxruntime";

#[derive(clap::Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct Setup {
    /// Folder of stage models; without it the graph's own folder if it holds some, else models/icons
    #[arg(long, value_name = "FOLDER", env = "WUERST_MODELS")]
    models: Option<PathBuf>,
    /// Devices in order of preference, as cuda:0{memory_limit=4GiB},cpu or openvino:CPU{precision=bf16},cpu; without it what
    /// the graph prefers, else cpu
    #[arg(long, value_name = "LIST", default_value = "", hide_default_value = true)]
    device: String,
    /// A device that refuses a model is an error, and the next one does not get its turn
    #[arg(long)]
    strict: bool,
    /// Threads for each model's run, 1024 at most, which do not change the result; without it one for each core
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Devices of single stages, which count before --device, as "prior=cuda:0,cpu; vqgan-decoder=openvino:CPU{precision=bf16}"
    #[arg(long, value_name = "STAGE=LIST", default_value = "", hide_default_value = true)]
    stage_device: String,
    /// Threads of single stages, which count before --threads, as "prior=4; vqgan-decoder=2"
    #[arg(long, value_name = "STAGE=N", default_value = "", hide_default_value = true)]
    stage_threads: String,
    /// ONNX Runtime's library, or its folder; without it ORT_DYLIB_PATH, or the one that .ci/setup fetched
    #[arg(long, value_name = "PATH")]
    runtime: Option<PathBuf>,
    /// Folder that nodes which save files write into; without it they refuse
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// The most files that nodes save in one run; without it 1000
    #[arg(long, value_name = "N", requires = "files")]
    outputs_count: Option<u64>,
    /// The most that the files which nodes save in one run take together, as 500M; without it 1G
    #[arg(long, value_name = "SIZE", requires = "files")]
    outputs_size: Option<Amount>,
    /// Folder of your own in which results that took long, and optimised models, are kept for later runs; without it they
    /// end with the process
    #[arg(long, value_name = "FOLDER", env = "WUERST_CACHE")]
    cache: Option<PathBuf>,
    /// The most that the results in the cache folder take together, as 500M, and the models too; without it 1G
    #[arg(long, value_name = "SIZE", requires = "cache")]
    cache_size: Option<Amount>,
    /// Models are unloaded, the longest unused first, to keep the memory that they take below this, as 2G; without it 8G
    #[arg(long, value_name = "SIZE")]
    model_memory: Option<Amount>,
    #[command(flatten)]
    more: Extensions,
}

impl Setup {
    /// An engine, for graphs whose models must be there; `graph` is the file of the one to run, where it is known.
    pub(crate) fn engine(&self, graph: Option<&Path>) -> Result<Engine> {
        Ok(self.engine_with(graph, &Kinds::default())?.0)
    }

    /// The same for a picture that is made again: `graphs` are those that were node kinds then, by kind. Gives those
    /// that are now.
    pub(crate) fn engine_with(&self, graph: Option<&Path>, graphs: &Kinds) -> Result<(Engine, Kinds)> {
        let models = self.models(graph)?;
        if !holds_models(&models) {
            bail!(
                "the models folder {} holds no .onnx file: name a folder of stage models with --models or WUERST_MODELS",
                models.display()
            );
        }
        self.engine_in(models, graph, graphs)
    }

    /// An engine for looking at graphs and nodes, which may be done without models.
    pub(crate) fn engine_without_models(&self, graph: Option<&Path>) -> Result<Engine> {
        let models = self.models(graph).unwrap_or_else(|_| MODELS.into());
        Ok(self.engine_in(models, graph, &Kinds::default())?.0)
    }

    /// The models folder that was named, or the one that the graph lies in, or the one that ships.
    pub(crate) fn models(&self, graph: Option<&Path>) -> Result<PathBuf> {
        let beside =
            graph.and_then(find::folder_of).filter(|folder| self.models.is_none() && holds_models(folder));
        match self.models.as_ref().or(beside.as_ref()) {
            Some(folder) if folder.is_dir() => Ok(folder.clone()),
            Some(folder) => bail!(
                "the models folder {} is not there: name a folder of stage models with --models or WUERST_MODELS",
                folder.display()
            ),
            None => match find::first(MODELS) {
                Some(folder) => Ok(folder),
                None => bail!(
                    "no models folder ({}): name one with --models or WUERST_MODELS",
                    find::listed(&find::places(MODELS))
                ),
            },
        }
    }

    /// Threads for each model's run.
    pub(crate) fn threads(&self) -> usize {
        self.threads.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), NonZeroUsize::get)
    }

    fn engine_in(&self, models: PathBuf, graph: Option<&Path>, graphs: &Kinds) -> Result<(Engine, Kinds)> {
        if let Some(folder) = self.files.as_ref().filter(|folder| !folder.is_dir()) {
            bail!("the folder for files {} is not there: make it first", folder.display());
        }
        let files = graph.and_then(find::folder_of);
        let (outputs, cache_folder) = (self.files.clone(), self.cache.clone());
        let mut options = Options { models, files, outputs, cache_folder, ..Options::default() };
        if let Some(count) = self.outputs_count {
            options.outputs_files = count;
        }
        if let Some(Amount(bytes)) = self.outputs_size {
            options.outputs_bytes = bytes;
        }
        if let Some(Amount(bytes)) = self.cache_size {
            options.cache_folder_bytes = bytes;
        }
        if let Some(Amount(bytes)) = self.model_memory {
            options.stages.model_bytes = bytes;
        }
        options.stages.devices = Device::list(&self.device)?;
        options.stages.strict = self.strict;
        options.stages.threads = self.threads.map(NonZeroUsize::get);
        StageOptions::read_devices(&mut options.stages.each, &self.stage_device)?;
        StageOptions::read_threads(&mut options.stages.each, &self.stage_threads)?;
        options.stages.runtime = self.runtime();
        let engine = Engine::new(options)?;
        let graphs = self.more.add_to(&engine, graphs, self.models.is_none())?;
        Ok((engine, graphs))
    }

    /// What was named; else what .ci/setup fetched, for a program that is run without `cargo run`.
    fn runtime(&self) -> Option<PathBuf> {
        let named_by_variable = env::var_os("ORT_DYLIB_PATH").is_some_and(|path| !path.is_empty());
        match &self.runtime {
            None if !named_by_variable => find::first_around_program(RUNTIME),
            named => named.clone(),
        }
    }
}

fn holds_models(folder: &Path) -> bool {
    let is_model = |path: PathBuf| path.extension().is_some_and(|end| end == "onnx");
    fs::read_dir(folder).is_ok_and(|mut entries| entries.any(|e| e.is_ok_and(|e| is_model(e.path()))))
}
