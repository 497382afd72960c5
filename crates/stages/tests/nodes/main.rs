//! The nodes that need no model, in graphs.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

mod colours;
mod files;
mod hostile;
mod lists;
mod masks;
mod numbers;
mod pictures;
mod texts;

use std::path::Path;
use std::sync::Arc;

use wuerst_core::{CancellationToken, Files, Models, Observer, Registry, Result, Tensor, Value};
use wuerst_graph::{Cache, Graph, Inputs, Run};
use wuerst_stages::{ModelCache, Outputs, RuntimeOptions, register};

/// The built-in nodes, with a folder that graphs may read and write.
fn registry(folder: &Path) -> Registry {
    let mut registry = Registry::new();
    registry.set_models(Models::default().with_files(Files::in_folder(folder)));
    let models = Arc::new(ModelCache::new(RuntimeOptions::default()));
    register(&mut registry, &models, Outputs::new(Some(folder.to_owned()))).unwrap();
    registry
}

/// Keeps warnings.
#[derive(Default)]
struct Warnings(Vec<String>);

impl Observer for Warnings {
    fn warning(&mut self, _: &str, message: &str) {
        self.0.push(message.to_owned());
    }
}

/// The `output` of one node; `with` is YAML, and the inputs `a`, `b`, `c` are tensors.
fn node(folder: &Path, kind: &str, with: &str, output: &str, tensors: &[&Tensor]) -> Result<Value> {
    watched(folder, kind, with, output, tensors, &mut Warnings::default())
}

fn watched(
    folder: &Path,
    kind: &str,
    with: &str,
    output: &str,
    tensors: &[&Tensor],
    observer: &mut Warnings,
) -> Result<Value> {
    let names = ["a", "b", "c", "d"];
    let declared: String = names
        .iter()
        .zip(tensors)
        .map(|(name, t)| format!("  {name}: '{}'\n", Value::from((*t).clone()).ty()))
        .collect();
    let text = format!(
        "wuerstchen: 1\ninputs:\n{declared}nodes:\n  n: {{ use: {kind}, with: {{ {with} }} }}\n\
         outputs: {{ out: $n.{output} }}\n"
    );
    let graph = Graph::load(&text.replace("inputs:\nnodes", "nodes"), &registry(folder))?;
    let mut inputs = Inputs::new();
    for (name, tensor) in names.iter().zip(tensors) {
        inputs.set(&graph, name, (*tensor).clone())?;
    }
    let (cache, cancel) = (Cache::new(0), CancellationToken::new());
    Run::new(&graph, &inputs, &cache, &cancel, observer).output("out")
}

fn said(result: Result<Value>) -> String {
    result.unwrap_err().to_string()
}

fn tensor(value: Result<Value>) -> Tensor {
    match value.unwrap() {
        Value::Tensor(tensor) => tensor,
        other => panic!("{other} is not a tensor"),
    }
}

fn bytes(value: Result<Value>) -> Vec<u8> {
    tensor(value).values::<u8>().unwrap().to_vec()
}

fn floats(value: Result<Value>) -> Vec<f32> {
    tensor(value).values::<f32>().unwrap().to_vec()
}

#[test]
fn every_port_is_described() {
    let registry = registry(Path::new("."));
    for spec in registry.kinds().map(|node| node.spec()) {
        assert!(spec.about.ends_with('.'), "{} says nothing of itself", spec.kind);
        for port in spec.signature.inputs.iter().chain(&spec.signature.outputs) {
            assert!(port.about.ends_with('.'), "{}.{} says nothing of itself", spec.kind, port.name);
        }
    }
}
