//! A frozen network in ONNX Runtime, for libtorch tensors.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use tch::{Device, Kind, Tensor};
use wuerst::core;
use wuerst_model::onnx::{self, ExportOptions, Weights};
use wuerst_model::record::NetworkGraph;
use wuerst_runtime::Runtime;

/// Folder of ONNX Runtime in a repository after `.ci/setup`.
const VENDORED: &str = ".vendor/onnxruntime";

/// Starts ONNX Runtime for programs run without `cargo run`. Searches in this order: `ORT_DYLIB_PATH`; the folder of
/// `.ci/setup` in the current folder or in the repository of the build; the engine's own places.
///
/// # Errors
/// No library, with the searched places.
pub fn start_runtime() -> Result<()> {
    let named = std::env::var_os("ORT_DYLIB_PATH").is_some_and(|path| !path.is_empty());
    let program = std::env::current_exe().and_then(|path| path.canonicalize()).ok();
    // target/release/wuerst-train
    let built_in = program.as_deref().and_then(|path| path.ancestors().nth(3));
    let places = [Some(Path::new("")), built_in].into_iter().flatten().map(|folder| folder.join(VENDORED));
    let vendored = places.into_iter().find(|path| !named && path.is_dir());
    Runtime::start(vendored.as_deref())?;
    Ok(())
}

/// A recorded network with its weights, ready to run on the CPU without gradients.
pub struct Session(wuerst_runtime::Session);

impl Session {
    /// Loads a recording whose results are all f32.
    ///
    /// # Errors
    /// Weights that do not fit, or an error of ONNX Runtime.
    pub fn new(graph: &NetworkGraph, weights: &dyn Weights, threads: usize) -> Result<Session> {
        let model = onnx::encode(graph, weights, &ExportOptions::default())?;
        Ok(Session(wuerst_runtime::Session::of_bytes(&model, threads)?))
    }

    /// Loads a model file whose inputs are f32 or i64, and whose results are all f32.
    ///
    /// # Errors
    /// An error of ONNX Runtime.
    pub fn open(path: &Path, threads: usize) -> Result<Session> {
        Ok(Session(wuerst_runtime::Session::of_file(path, threads)?))
    }

    /// Computes the outputs for `feeds`, in the order of the model's inputs.
    ///
    /// # Errors
    /// A wrong number of feeds, extents that do not fit, or an error of ONNX Runtime.
    pub fn run(&self, feeds: &[&Tensor]) -> Result<Vec<Tensor>> {
        let inputs = self.0.inputs();
        ensure!(feeds.len() == inputs.len(), "{} inputs, {} given", inputs.len(), feeds.len());
        let feeds = inputs.iter().zip(feeds).map(|((_, dtype), tensor)| input(tensor, *dtype));
        let results = self.0.run(&feeds.collect::<Result<Vec<_>>>()?)?;
        results.iter().map(output).collect()
    }
}

fn input(tensor: &Tensor, dtype: Option<core::DType>) -> Result<core::Tensor> {
    let flat = tensor.to_device(Device::Cpu).contiguous().reshape([-1]);
    let shape: Vec<usize> = tensor.size().into_iter().map(usize::try_from).collect::<Result<_, _>>()?;
    Ok(match dtype {
        Some(core::DType::I64) => core::Tensor::from_vec(&shape, Vec::<i64>::try_from(flat)?)?,
        _ => core::Tensor::from_vec(&shape, Vec::<f32>::try_from(flat.to_kind(Kind::Float))?)?,
    })
}

/// A tensor of f32 in libtorch.
pub(crate) fn output(tensor: &core::Tensor) -> Result<Tensor> {
    let values = tensor.values::<f32>().context("a network's results are f32")?;
    let shape: Vec<i64> = tensor.shape().iter().copied().map(i64::try_from).collect::<Result<_, _>>()?;
    Ok(Tensor::from_slice(values).reshape(&shape[..]))
}
