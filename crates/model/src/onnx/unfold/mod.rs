//! Bounds the memory of a model's constants, including those that ONNX Runtime computes from them.
//!
//! ONNX Runtime evaluates such nodes while loading a model, so a few bytes (`Expand`, `ConstantOfShape`) can become any
//! number of gigabytes. This module follows only sizes: through all graphs, and through the model's own functions, once
//! for each call, as ONNX Runtime inlines them.

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

/// Bytes allowed for the constants of any model.
const ROOM: u64 = 64 << 20;
/// Bytes allowed for each byte of the model's weights.
const GROWTH: u64 = 8;
/// Maximum number of elements of a result with a size fixed by the model.
const FIXED: u64 = 1 << 27;
/// Nodes after functions are inlined.
const NODES: u64 = 200_000;
/// Maximum number of names and attributes processed after functions are inlined, in addition to one for each byte of the
/// file.
const WORK: u64 = 2_000_000;
/// Maximum nesting of function calls.
const CALLS: usize = 16;

/// Reason why a model's constants are refused.
#[derive(Debug, thiserror::Error)]
pub enum UnfoldError {
    /// It cannot be read.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A tensor is damaged.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// Constants take too much memory.
    #[error(
        "the node {node} makes the model's constants larger than {most} bytes, the maximum for its weights"
    )]
    TooLarge {
        /// The node's name and operator.
        node: String,
        /// Maximum number of bytes.
        most: u64,
    },
    /// A node makes too many elements.
    #[error("the node {node} makes {elements} numbers at once; the most is {FIXED}")]
    Fixed {
        /// The node's name and operator.
        node: String,
        /// Number of elements.
        elements: u64,
    },
    /// A constant of unknown size.
    #[error(
        "the node {node} computes a constant of unknown size: store the constant instead, as onnxsim does"
    )]
    Unknown {
        /// The node's name and operator.
        node: String,
    },
    /// Recursive functions, or too many calls.
    #[error(
        "its functions call each other more than {CALLS} deep, or make more than {NODES} nodes with {WORK} inputs, outputs \
         and attributes"
    )]
    Calls,
}

/// Bytes of constants computed from other constants, in the model of this reader.
///
/// # Errors
/// If they exceed the limit or cannot be determined; and if the model is damaged.
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
