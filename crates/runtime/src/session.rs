//! A model in ONNX Runtime without a contract, with any inputs and outputs, on the CPU.
//!
//! For programs that make models, such as the trainer. Nodes use [`LoadedModel`](crate::LoadedModel).

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::session::builder::SessionBuilder;
use ort::value::{Outlet, TensorElementType};
use wuerst_core::{DType, Error, Result, Tensor, regular};

use crate::library::{Runtime, error};
use crate::tensor::{input, tensor};

/// A model, ready to run.
pub struct Session {
    inputs: Vec<(String, Option<DType>)>,
    outputs: Vec<String>,
    session: Mutex<ort::session::Session>,
}

impl Session {
    /// Loads a model from memory.
    ///
    /// # Errors
    /// As [`Runtime::start`], and [`Error::Runtime`] with ONNX Runtime's message.
    pub fn of_bytes(model: &[u8], threads: usize) -> Result<Session> {
        Ok(Session::of(builder(threads)?.commit_from_memory(model).map_err(error)?))
    }

    /// Loads a model file.
    ///
    /// # Errors
    /// As [`Runtime::start`], and [`Error::Model`] with ONNX Runtime's message.
    pub fn of_file(path: &Path, threads: usize) -> Result<Session> {
        regular::about(path).map_err(|e| Error::Model { path: path.to_owned(), source: e.into() })?;
        let failed = |e: ort::Error| Error::Model { path: path.to_owned(), source: e.message().into() };
        Ok(Session::of(builder(threads)?.commit_from_file(path).map_err(failed)?))
    }

    fn of(session: ort::session::Session) -> Session {
        let outlets = |outlets: &[Outlet]| outlets.iter().map(|o| (o.name().to_owned(), dtype(o))).collect();
        let inputs = outlets(session.inputs());
        let outputs = session.outputs().iter().map(|output| output.name().to_owned()).collect();
        Session { inputs, outputs, session: Mutex::new(session) }
    }

    /// Names and element types of the inputs, in the order of the model.
    pub fn inputs(&self) -> &[(String, Option<DType>)] {
        &self.inputs
    }

    /// Computes all outputs, in the order of the model, from `feeds` in the order of its inputs.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the number of feeds differs from that of inputs; [`Error::Runtime`] with ONNX Runtime's
    /// message, and for an output with an unsupported element type.
    pub fn run(&self, feeds: &[Tensor]) -> Result<Vec<Tensor>> {
        if feeds.len() != self.inputs.len() {
            let message =
                format!("the model has {} inputs, and {} are given", self.inputs.len(), feeds.len());
            return Err(Error::invalid("feeds", message));
        }
        let feed = |((name, _), tensor): (&(String, _), _)| Ok((Cow::from(name.clone()), input(tensor)?));
        let feeds: Vec<_> =
            self.inputs.iter().zip(feeds).map(feed).collect::<ort::Result<_>>().map_err(error)?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let results = session.run(feeds).map_err(error)?;
        let output = |name: &String| {
            let missing = || Error::Runtime(format!("the model gave no tensor `{name}`"));
            tensor(results.get(name.as_str()).ok_or_else(missing)?)?.ok_or_else(missing)
        };
        self.outputs.iter().map(output).collect()
    }
}

fn builder(threads: usize) -> Result<SessionBuilder> {
    let builder = ort::session::Session::builder(Runtime::start(None)?.environment()).map_err(error)?;
    builder.with_intra_threads(threads).map_err(error)
}

fn dtype(outlet: &Outlet) -> Option<DType> {
    match outlet.dtype().tensor_type()? {
        TensorElementType::Float32 => Some(DType::F32),
        TensorElementType::Float16 => Some(DType::F16),
        TensorElementType::Int64 => Some(DType::I64),
        TensorElementType::Uint8 => Some(DType::U8),
        _ => None,
    }
}
