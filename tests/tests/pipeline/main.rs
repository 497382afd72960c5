//! The whole cascade through real ONNX Runtime, held against diffusers and against itself.

mod assets;
mod bad_input;
mod cancel;
mod cascade;
mod devices;
mod guided;
mod halves;
mod long_prompts;
mod lora;
mod memory;
mod models;
mod numbers;
mod old_names;
mod parity;
mod prepared;
mod running;
mod time;
mod weights;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use ndarray::ArrayD;
use tempfile::TempDir;
use wuerst::{Engine, Job, Observer, Options, Tensor, Value};
use wuerst_model::import;
use wuerst_tests::built::root;
use wuerst_tests::bundle::{self, Bundle, PLAIN};

/// Writes small models to a folder; returns a job for a shipped graph in an engine with `threads` threads.
fn published(folder: &TempDir, threads: usize) -> Result<Job> {
    bundle::write(folder.path())?;
    job(folder.path(), threads, "wuerstchen.yaml")
}

/// An imported bundle, and a job over the graph that was written with it.
fn imported(bundle: Bundle, how: &import::ImportOptions) -> Result<(TempDir, Job)> {
    let folder = tempfile::tempdir()?;
    bundle.import(folder.path(), how)?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let graph = engine.graph(&fs::read_to_string(folder.path().join("graph.yaml"))?)?;
    Ok((folder, engine.job(&graph)))
}

fn options(folder: &Path, threads: usize) -> Options {
    let mut options = Options { models: folder.to_owned(), ..Options::default() };
    options.stages.threads = Some(threads);
    options
}

fn job(folder: &Path, threads: usize, graph: &str) -> Result<Job> {
    let engine = Engine::new(options(folder, threads))?;
    Ok(engine.job(&engine.graph(&shipped(graph)?)?))
}

fn shipped(graph: &str) -> Result<String> {
    let path = root().join("graphs").join(graph);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Sets the inputs of the case that diffusers was run with.
fn set_case(job: &Job) -> Result<()> {
    set_case_of(job, PLAIN)
}

fn set_case_of(job: &Job, bundle: Bundle) -> Result<()> {
    let case: serde_json::Value = bundle.json("expected/case.json")?;
    let names = [
        ("prompt", "prompt"),
        ("negative", "negative"),
        ("width", "width"),
        ("height", "height"),
        ("steps", "steps_p"),
        ("guidance", "cfg_p"),
        ("decoder_steps", "steps_d"),
        ("decoder_guidance", "cfg_d"),
        ("seed", "gen"),
    ];
    for (input, name) in names {
        match &case[name] {
            serde_json::Value::String(text) => job.set(input, text.as_str())?,
            number => job.set_text(input, &number.to_string())?,
        }
    }
    Ok(())
}

fn f32s(value: &Value) -> ArrayD<f32> {
    match value {
        Value::Tensor(tensor) => tensor.to_f32().expect("a tensor of numbers").into_owned(),
        other => panic!("{other} is not a tensor"),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Tensor(tensor) => tensor.as_bytes().into_owned(),
        other => panic!("{other} is not a tensor"),
    }
}

/// Message of a failed job.
fn said<T: std::fmt::Debug>(result: wuerst::Result<T>) -> String {
    result.expect_err("an error is expected").to_string()
}

/// Keeps steps, warnings and, if it is told to, previews; cancels at a step if it is told to.
#[derive(Default)]
struct Recorder {
    steps: Vec<(String, usize, usize)>,
    warnings: Vec<String>,
    cancel_at: Option<(usize, Arc<Job>)>,
    /// Kept when it is a list.
    previews: Option<Vec<Tensor>>,
}

impl Observer for Recorder {
    fn progress(&mut self, node: &str, done: usize, of: usize) {
        self.steps.push((node.to_owned(), done, of));
        if let Some((at, job)) = &self.cancel_at
            && self.steps.len() == *at
        {
            job.cancel();
        }
    }

    fn wants_preview(&self) -> bool {
        self.previews.is_some()
    }

    fn preview(&mut self, _: &str, rgb: &Tensor) {
        self.previews.iter_mut().for_each(|list| list.push(rgb.clone()));
    }

    fn warning(&mut self, _: &str, message: &str) {
        self.warnings.push(message.to_owned());
    }
}
