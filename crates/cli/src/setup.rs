//! Options of the engine, shared by all commands that need one.

use std::cell::OnceCell;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::{env, fs, io, thread};

use anyhow::{Result, anyhow, bail};
use wuerst::core::ByteSize;
use wuerst::stages::StageOptions;
use wuerst::{Device, Engine, Settings};
use wuerst_model::lora::LoraOption;

use crate::extensions::Extensions;
use crate::find;
use crate::pairs::Texts;
use crate::precision::Precision;

/// Models that ship.
const MODELS: &str = "models/icons";

/// Folder in which .ci/setup stores ONNX Runtime.
const RUNTIME: &str = ".vendor/onnxruntime";

#[derive(clap::Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct Setup {
    /// Settings file, such as wuerst.yaml; options and environment variables override it
    #[arg(long, value_name = "FILE", env = "WUERST_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of stage models; default: the graph's own folder if it contains some, or models/icons
    #[arg(long, value_name = "FOLDER", env = "WUERST_MODELS")]
    models: Option<PathBuf>,
    /// Devices in order of preference, such as cuda:0{memory_limit=4GiB},cpu or openvino:CPU{precision=bf16},cpu; any
    /// other execution provider is ep:NAME{library=PATH}; default: the graph's preference, or cpu
    #[arg(
        long,
        visible_alias = "device",
        value_name = "LIST",
        default_value = "",
        hide_default_value = true
    )]
    devices: String,
    /// How near pictures stay to those of f32: chooses the fastest device of each stage that allows it. Where none computes in
    /// bf16, a warning says why, and the stage runs on the CPU in f32
    #[arg(long, value_enum, value_name = "LIMIT", default_value_t, conflicts_with = "devices")]
    precision: Precision,
    /// Makes it an error if a device refuses a model; otherwise the next device is tried
    #[arg(long)]
    strict: bool,
    /// Threads for each model's run, 1024 at most; they do not change the result. Default: one per core
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Devices of single stages, which override --devices, such as "prior=cuda:0,cpu;
    /// vqgan-decoder=openvino:CPU{precision=bf16}"
    #[arg(
        long,
        visible_alias = "stage-device",
        value_name = "STAGE=LIST",
        default_value = "",
        hide_default_value = true
    )]
    stage_devices: String,
    /// Threads of single stages, which override --threads, such as "prior=4; vqgan-decoder=2"
    #[arg(long, value_name = "STAGE=N", default_value = "", hide_default_value = true)]
    stage_threads: String,
    /// Changes the weights of a stage by a LoRA or DoRA while its model is loaded, such as
    /// 'prior=style.safetensors{strength=0.8}'; may be repeated, and replaces the graph's LoRAs of that stage
    #[arg(long, value_name = "STAGE=FILE", value_parser = LoraOption::parse)]
    lora: Vec<LoraOption>,
    /// ONNX Runtime's library or its folder; default: ORT_DYLIB_PATH, or the library fetched by .ci/setup
    #[arg(long, value_name = "PATH")]
    runtime: Option<PathBuf>,
    /// Folder that graphs may read files from; default: the graph's own folder
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// Folder that nodes save files into; without it saving is refused
    #[arg(long, value_name = "FOLDER")]
    outputs: Option<PathBuf>,
    /// Maximum number of files that nodes save in one run; default: 1000
    #[arg(long, value_name = "N")]
    outputs_count: Option<u64>,
    /// Maximum total size of files that nodes save in one run, such as 500M; default: 1G
    #[arg(long, value_name = "SIZE")]
    outputs_size: Option<ByteSize>,
    /// Omits the mark "generated" from pictures made by models
    #[arg(long)]
    no_mark: bool,
    /// Folder, private to you, that keeps slow results and optimised models for later runs; default: none
    #[arg(long, value_name = "FOLDER", env = "WUERST_CACHE")]
    cache: Option<PathBuf>,
    /// Maximum size of the results in the cache folder, such as 500M, and of the models in it; default: 1G
    #[arg(long, value_name = "SIZE")]
    cache_size: Option<ByteSize>,
    /// Memory for loaded models, such as 2G; when exceeded, the models unused for longest are unloaded. Default: 8G
    #[arg(long, value_name = "SIZE")]
    model_memory: Option<ByteSize>,
    #[command(flatten)]
    more: Extensions,
    /// The settings file, once read.
    #[arg(skip)]
    settings: OnceCell<Settings>,
}

impl Setup {
    /// An engine for graphs whose models must exist; `graph` is the graph file, if known.
    pub(crate) fn engine(&self, graph: Option<&Path>) -> Result<Engine> {
        Ok(self.engine_with(graph, &Texts::new())?.0)
    }

    /// An engine to reproduce a picture: `graphs` are its graphs that were node kinds. Returns those that are node kinds now.
    pub(crate) fn engine_with(&self, graph: Option<&Path>, graphs: &Texts) -> Result<(Engine, Texts)> {
        let models = self.models(graph)?;
        if !holds_models(&models)
            .map_err(|e| anyhow!("the models folder {} cannot be read: {e}", models.display()))?
        {
            bail!(
                "the models folder {} holds no .onnx file: name a folder of stage models with --models or WUERST_MODELS",
                models.display()
            );
        }
        self.engine_in(models, graph, graphs)
    }

    /// An engine for inspecting graphs and nodes, which works without models.
    pub(crate) fn engine_without_models(&self, graph: Option<&Path>) -> Result<Engine> {
        let models = self.models(graph).unwrap_or_else(|_| MODELS.into());
        Ok(self.engine_in(models, graph, &Texts::new())?.0)
    }

    /// The named models folder, or the graph's own folder, or the one that ships.
    pub(crate) fn models(&self, graph: Option<&Path>) -> Result<PathBuf> {
        let named = self.models.as_ref().or(self.settings()?.models.as_ref());
        let beside = graph
            .and_then(find::folder_of)
            .filter(|folder| named.is_none() && holds_models(folder).unwrap_or(false));
        match named.or(beside.as_ref()) {
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

    /// Whether pictures made by models are marked.
    pub(crate) fn marks(&self) -> bool {
        !self.no_mark
    }

    /// The folder that graphs may read files from, wherever the graphs are.
    pub(crate) fn readable(&self) -> Result<Option<&Path>> {
        Ok(self.files.as_ref().or(self.settings()?.files.as_ref()).map(PathBuf::as_path))
    }

    /// Threads for each model's run.
    pub(crate) fn threads(&self) -> Result<usize> {
        let given = self.threads.map(NonZeroUsize::get).or(self.settings()?.threads);
        Ok(given.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from)))
    }

    /// The settings; empty if no file is named.
    fn settings(&self) -> Result<&Settings> {
        if let Some(settings) = self.settings.get() {
            return Ok(settings);
        }
        let read = self.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
        Ok(self.settings.get_or_init(|| read))
    }

    fn engine_in(&self, models: PathBuf, graph: Option<&Path>, graphs: &Texts) -> Result<(Engine, Texts)> {
        let settings = self.settings()?;
        let mut options = settings.clone().into_options();
        options.models = models;
        options.mark = self.marks();
        for (option, given) in [
            (&mut options.files, &self.files),
            (&mut options.outputs, &self.outputs),
            (&mut options.cache_folder, &self.cache),
            (&mut options.stages.runtime, &self.runtime),
        ] {
            *option = given.clone().or(option.take());
        }
        let (files, outputs) = (("--files", &options.files), ("--outputs", &options.outputs));
        for (option, folder) in [files, outputs] {
            if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
                bail!("the folder {} of {option} is not there: make it first", folder.display());
            }
        }
        if options.outputs.is_none() && (self.outputs_count.is_some() || self.outputs_size.is_some()) {
            bail!(
                "--outputs-count and --outputs-size limit what is saved with --outputs FOLDER: name the folder"
            );
        }
        if options.cache_folder.is_none() && self.cache_size.is_some() {
            bail!("--cache-size limits the folder of --cache FOLDER: name the folder");
        }
        options.files = options.files.or_else(|| graph.and_then(find::folder_of));
        if let Some(count) = self.outputs_count {
            options.outputs_files = count;
        }
        for (option, given) in [
            (&mut options.outputs_bytes, self.outputs_size),
            (&mut options.cache_folder_bytes, self.cache_size),
            (&mut options.stages.model_bytes, self.model_memory),
        ] {
            *option = given.map_or(*option, |ByteSize(bytes)| bytes);
        }
        let devices = Device::list(&self.devices)?;
        if !devices.is_empty() {
            options.set_devices(devices);
        }
        if let Some(threads) = self.threads {
            options.set_threads(threads.get());
        }
        self.precision.apply(&mut options.stages.each)?;
        StageOptions::read_devices(&mut options.stages.each, &self.stage_devices)?;
        StageOptions::read_threads(&mut options.stages.each, &self.stage_threads)?;
        StageOptions::set_loras(&mut options.stages.each, &self.lora)?;
        options.stages.strict |= self.strict;
        // The library fetched by .ci/setup, for programs run without `cargo run`.
        if options.stages.runtime.is_none() && env::var_os("ORT_DYLIB_PATH").is_none_or(|at| at.is_empty()) {
            options.stages.runtime = find::first_around_program(RUNTIME);
        }
        // Added below, so that their mistakes are shown with lines, and recipes record them.
        options.plugins.clear();
        options.subgraphs.clear();
        let engine = Engine::new(options)?;
        let graphs = self.more.add_to(&engine, settings, graphs, self.models.is_none())?;
        Ok((engine, graphs))
    }
}

fn holds_models(folder: &Path) -> io::Result<bool> {
    let is_model = |path: PathBuf| path.extension().is_some_and(|end| end == "onnx");
    for entry in fs::read_dir(folder)? {
        if is_model(entry?.path()) {
            return Ok(true);
        }
    }
    Ok(false)
}
