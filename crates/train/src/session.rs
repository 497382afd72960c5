//! A frozen network in ONNX Runtime, fed with libtorch tensors.

use anyhow::{Context, Result, anyhow, ensure};
use ort::session::builder::SessionBuilder;
use ort::session::{Session as OrtSession, SessionInputValue};
use ort::value::{Outlet, Tensor as OrtTensor, TensorElementType};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tch::{Device, Kind, Tensor};
use wuerst::stages::Runtime;
use wuerst_model::onnx::{self, Options, Weights};
use wuerst_model::record::{DType, Graph};

/// Folder of ONNX Runtime in a repository after `.ci/setup`.
const VENDORED: &str = ".vendor/onnxruntime";

/// A recorded network with its weights, ready to run on the CPU without gradients.
pub struct Session {
    /// Names and element types, in the order in which the model declares them.
    inputs: Vec<(String, DType)>,
    outputs: Vec<String>,
    session: Mutex<OrtSession>,
}

impl Session {
    /// Loads a recording whose results are all f32.
    ///
    /// # Errors
    /// Weights that do not fit, or whatever ONNX Runtime says.
    pub fn new(graph: &Graph, weights: &dyn Weights, threads: usize) -> Result<Session> {
        let model = onnx::encode(graph, weights, &Options::default())?;
        Ok(Session::of(builder(threads)?.commit_from_memory(&model)?))
    }

    /// Loads a model file whose inputs are f32 or i64, and whose results are all f32.
    ///
    /// # Errors
    /// Whatever ONNX Runtime says.
    pub fn open(path: &Path, threads: usize) -> Result<Session> {
        let session = builder(threads)?.commit_from_file(path);
        Ok(Session::of(session.with_context(|| path.display().to_string())?))
    }

    fn of(session: OrtSession) -> Session {
        let dtype = |outlet: &Outlet| match outlet.dtype().tensor_type() {
            Some(TensorElementType::Int64) => DType::I64,
            _ => DType::F32,
        };
        Session {
            inputs: session.inputs().iter().map(|input| (input.name().to_owned(), dtype(input))).collect(),
            outputs: session.outputs().iter().map(|output| output.name().to_owned()).collect(),
            session: Mutex::new(session),
        }
    }

    /// The outputs for `feeds`, which are in the order in which the model declares its inputs.
    ///
    /// # Errors
    /// Another number of feeds than of inputs, extents that do not fit, or whatever ONNX Runtime says.
    pub fn run(&self, feeds: &[&Tensor]) -> Result<Vec<Tensor>> {
        ensure!(feeds.len() == self.inputs.len(), "{} inputs, {} given", self.inputs.len(), feeds.len());
        let feeds: Vec<(&str, SessionInputValue<'_>)> = self
            .inputs
            .iter()
            .zip(feeds)
            .map(|((name, dtype), tensor)| Ok((name.as_str(), input(tensor, *dtype)?)))
            .collect::<Result<_>>()?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let results = session.run(feeds)?;
        let output = |name: &String| {
            let value = results.get(name.as_str()).with_context(|| format!("no output `{name}`"))?;
            let (shape, values) = value.try_extract_tensor::<f32>()?;
            Ok(Tensor::from_slice(values).reshape(&shape[..]))
        };
        self.outputs.iter().map(output).collect()
    }
}

/// Starts ONNX Runtime, for programs that are run without `cargo run`: `ORT_DYLIB_PATH` names it, else it is where `.ci/setup` puts
/// it, below the current folder or the repository that the program was built in, else where the engine looks.
///
/// # Errors
/// No library, with the places that were looked at.
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

fn builder(threads: usize) -> Result<SessionBuilder> {
    let builder = OrtSession::builder(Runtime::start(None)?.environment())?;
    builder.with_intra_threads(threads).map_err(|e| anyhow!("ONNX Runtime: {e}"))
}

fn input(tensor: &Tensor, dtype: DType) -> Result<SessionInputValue<'static>> {
    let flat = tensor.to_device(Device::Cpu).contiguous().reshape([-1]);
    let shape = tensor.size();
    Ok(match dtype {
        DType::F32 => {
            OrtTensor::from_array((shape, Vec::<f32>::try_from(flat.to_kind(Kind::Float))?))?.into()
        }
        DType::I64 => OrtTensor::from_array((shape, Vec::<i64>::try_from(flat)?))?.into(),
    })
}
