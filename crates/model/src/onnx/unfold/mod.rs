//! How much memory a model's constants take once ONNX Runtime has computed what follows from them alone.
//!
//! ONNX Runtime evaluates such nodes while it loads a model, so that a few bytes (`Expand`, `ConstantOfShape`) become as
//! many gigabytes as their author likes. Here only sizes are followed: through all graphs, and through the model's own
//! functions, once for each call, as ONNX Runtime inlines them.

mod evaluate;
mod graph;
mod numbers;
mod sizes;
mod value;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::{BufRead, Seek};

use wuerst_read::wire::{Reader, Wire, WireError};

use super::head::Head;
use super::tensor::{TensorError, bits};
use evaluate::Evaluation;
use graph::{Function, OnnxGraph};

/// Bytes that the constants of any model may take.
const ROOM: u64 = 64 << 20;
/// Bytes that they may take for each byte of the model's weights.
const GROWTH: u64 = 8;
/// Elements that a node may make of a size that the model fixes.
const FIXED: u64 = 1 << 27;
/// Nodes after functions are inlined.
const NODES: u64 = 200_000;
/// Names and attributes that are looked at after functions are inlined, in addition to one for each byte of the file.
const WORK: u64 = 2_000_000;
/// Functions that call each other.
const CALLS: usize = 16;

/// Why a model's constants are not computed.
#[derive(Debug, thiserror::Error)]
pub enum UnfoldError {
    /// It cannot be read.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A tensor is damaged.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// Constants that take too much memory.
    #[error(
        "the node {node} makes the model's constants larger than {most} bytes, which is the most for its weights"
    )]
    TooLarge {
        /// Name and operator.
        node: String,
        /// How many bytes there may be.
        most: u64,
    },
    /// A node that makes too much of anything.
    #[error("the node {node} makes {elements} numbers at once; the most is {FIXED}")]
    Fixed {
        /// Name and operator.
        node: String,
        /// How many.
        elements: u64,
    },
    /// A constant of which the size is not known.
    #[error(
        "the node {node} computes a constant of unknown size: store the constant instead, as onnxsim does"
    )]
    Unknown {
        /// Name and operator.
        node: String,
    },
    /// Functions that call functions, without end or too often.
    #[error(
        "its functions call each other more than {CALLS} deep, or make more than {NODES} nodes with {WORK} inputs, outputs \
         and attributes"
    )]
    Calls,
}

/// Bytes of what is computed of constants alone, in the model that the reader reads.
///
/// # Errors
/// When it is more than is allowed, or cannot be told; and when the model is damaged.
pub(super) fn bytes<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    length: u64,
    head: &Head,
) -> Result<u64, UnfoldError> {
    let (mut functions, mut graph) = (HashMap::new(), OnnxGraph::default());
    reader.go(0)?;
    while reader.at() < length {
        match reader.next(length)? {
            (7, Wire::Bytes(end)) => graph = OnnxGraph::read(reader, end)?,
            (25, Wire::Bytes(end)) => {
                let function = Function::read(reader, end)?;
                functions.insert((function.domain.clone(), function.name.clone()), function);
            }
            (_, other) => reader.skip(other)?,
        }
    }
    let weights = head
        .tensors
        .iter()
        .map(|tensor| tensor.elements().saturating_mul(bits(tensor.element).unwrap_or(8)) / 8);
    let weights = weights.fold(0, u64::saturating_add);
    let most = ROOM.saturating_add(weights.max(length).saturating_mul(GROWTH));
    let mut evaluation = Evaluation { functions: &functions, most, bytes: 0, nodes: 0, work: WORK + length };
    evaluation.graph(&graph, &mut vec![], HashMap::new(), &[], 0)?;
    Ok(evaluation.bytes)
}
