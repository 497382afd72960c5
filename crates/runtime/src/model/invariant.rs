//! The step-invariant part of a denoiser: run once, reused in every step.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{DynValue, Outlet, ValueType};
use wuerst_core::Tensor;
use wuerst_model::onnx::TensorType;

use crate::arena::ArenaStats;
use crate::device::{Operators, assigned};
use crate::tensor::input;

/// An input of a model, by name.
pub(crate) type Feed<'t> = (&'t str, Cow<'t, Tensor>);
/// An input by name, for ONNX Runtime.
pub(crate) type Input<'v> = (Cow<'v, str>, SessionInputValue<'v>);

/// A separate session for the part of a model whose outputs are equal in all steps.
pub(crate) struct InvariantPart {
    session: Mutex<Session>,
    /// Names of the weights that it reads.
    tensors: HashSet<String>,
    /// Bytes of weights that both parts hold.
    pub(crate) shared: u64,
    /// Allocator statistics between evaluations.
    idle: Option<ArenaStats>,
}

/// Outputs of the step-invariant part of a denoiser, for one picture with its conditions and size.
#[derive(Default)]
pub struct InvariantOutputs(OnceCell<Vec<(String, DynValue)>>);

impl InvariantPart {
    pub(crate) fn new(session: Session, tensors: HashSet<String>, shared: u64) -> InvariantPart {
        let idle = ArenaStats::of(&session);
        InvariantPart { session: Mutex::new(session), tensors, shared, idle }
    }

    /// Whether it reads a parameter, in any stored form.
    pub(crate) fn reads(&self, parameter: &str) -> bool {
        let ends = ["", ".T", ".int8"];
        ends.iter().any(|end| self.tensors.contains(&format!("{parameter}{end}")))
    }

    /// Adds its operators to those of the other part.
    pub(crate) fn count(&self, operators: &mut Operators) -> ort::Result<()> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        for (provider, own) in assigned(&session)? {
            let all = operators.entry(provider).or_default();
            own.into_iter().for_each(|(name, count)| *all.entry(name).or_default() += count);
        }
        Ok(())
    }

    /// Evaluates this part with its inputs from `feeds`, unless it was evaluated for this picture. Returns whether it ran.
    pub(crate) fn fill(
        &self,
        outputs: &InvariantOutputs,
        feeds: &[Feed<'_>],
        options: &RunOptions,
    ) -> ort::Result<bool> {
        if outputs.0.get().is_some() {
            return Ok(false);
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let inputs = taken(&session, feeds)?;
        let results = session.run_with_options(inputs, options)?;
        let values = results.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // No other thread can fill it: one thread samples a picture.
        let _ = outputs.0.set(values);
        Ok(true)
    }

    /// Peak bytes of an evaluation's own values, including the kept outputs.
    pub(crate) fn held(&self) -> u64 {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.idle.and_then(|idle| Some(ArenaStats::of(&session)?.most.saturating_sub(idle.in_use)));
        now.unwrap_or(0)
    }
}

impl InvariantOutputs {
    /// The outputs, as inputs of the other part.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = Input<'_>> {
        let values = self.0.get().into_iter().flatten();
        values.map(|(name, value)| (Cow::Borrowed(name.as_str()), value.into()))
    }

    /// Their bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = |value: &DynValue| match value.dtype() {
            ValueType::Tensor { ty, shape, .. } => ty.byte_size(shape.num_elements()).unwrap_or(0),
            _ => 0,
        };
        self.0.get().into_iter().flatten().map(|(_, value)| bytes(value) as u64).sum()
    }
}

/// Those of the feeds that the session takes as inputs.
pub(crate) fn taken<'f>(session: &Session, feeds: &'f [Feed<'_>]) -> ort::Result<Vec<Input<'f>>> {
    let takes = |name: &str| session.inputs().iter().any(|input| input.name() == name);
    let taken = feeds.iter().filter(|(name, _)| takes(name));
    taken.map(|(name, tensor)| Ok((Cow::Borrowed(*name), input(tensor)?))).collect()
}

/// Output types of a session, in terms of a model file; `None` if one is not a tensor.
pub(crate) fn types(session: &Session) -> Option<BTreeMap<String, TensorType>> {
    let ty = |outlet: &Outlet| match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            // ONNX Runtime uses the type codes of ONNX files.
            let element = ort::sys::ONNXTensorElementDataType::from(*ty) as i32;
            Some((outlet.name().to_owned(), TensorType { element, rank: shape.len() }))
        }
        _ => None,
    };
    session.outputs().iter().map(ty).collect()
}
