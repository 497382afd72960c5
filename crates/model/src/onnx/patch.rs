//! Replaces weights of a stored model by merged ones while it is loaded, without a copy of the model.
//!
//! Only the changed tensors are read, merged and encoded as they were stored: in f32 or f16, transposed or not. Those inside the
//! model are replaced there; those in a data file are handed over by name, which ONNX Runtime takes in place of the file's.

use std::collections::HashSet;

use half::f16;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use wuerst_read::wire::{Field, fields};

use super::builder::TRANSPOSED;
use super::proto::{TensorProto, elem};
use super::split::tensor_name;
use super::store::{encode, transpose};
use super::stored::Stored;
use super::weights::{BoxError, Weight, Weights};
use crate::lora::Adapters;

/// Field numbers of ModelProto's graph and of its initialisers.
pub(super) const GRAPH: u64 = 7;
pub(super) const INITIALIZER: u64 = 5;

/// A model with merged weights.
#[derive(Debug)]
pub struct Patched {
    /// The model, whose unchanged external data stays in its files.
    pub model: Vec<u8>,
    /// Weights to take in place of external data.
    pub outside: Vec<MergedTensor>,
}

/// A merged weight, by the name of its tensor.
#[derive(Debug)]
pub struct MergedTensor {
    /// Name of the tensor.
    pub name: String,
    /// Extents, as stored.
    pub shape: Vec<usize>,
    /// Row-major numbers.
    pub data: Vec<f32>,
    /// Whether the model stores it as f16, whose range the numbers do not exceed.
    pub half: bool,
}

/// Replaces the weights that `adapters` change in an encoded model, whose tensors `stored` reads.
///
/// # Errors
/// If the model is damaged or a weight cannot be read, or if a merged weight is not finite in the type in which it is stored.
pub fn patched(model: &[u8], stored: &Stored, adapters: &Adapters) -> Result<Patched, BoxError> {
    let damaged = || BoxError::from("is not a readable ONNX model");
    let mut patched = Patched { model: Vec::with_capacity(model.len()), outside: vec![] };
    for field in fields(model).ok_or_else(damaged)? {
        if field.number != GRAPH {
            patched.model.extend_from_slice(field.whole);
            continue;
        }
        let mut graph = Vec::with_capacity(field.content.len());
        for field in fields(field.content).ok_or_else(damaged)? {
            match changed(&field, adapters) {
                Some(tensor) => {
                    let merged = merged(&tensor, stored, adapters)?;
                    if tensor.data_location == Some(1) {
                        patched.outside.push(merged);
                        graph.extend_from_slice(field.whole);
                    } else {
                        let raw_data = Some(encode(&merged.data, merged.half));
                        push(INITIALIZER, &TensorProto { raw_data, ..tensor }.encode_to_vec(), &mut graph);
                    }
                }
                None => graph.extend_from_slice(field.whole),
            }
        }
        push(GRAPH, &graph, &mut patched.model);
    }
    Ok(patched)
}

/// The name of the parameter that a tensor of this name and rank holds.
fn parameter(name: &str, rank: usize) -> &str {
    name.strip_suffix(TRANSPOSED).filter(|_| rank == 2).unwrap_or(name)
}

/// The initialiser in a field of the graph, if its weight changes. Its bytes are read later.
fn changed(field: &Field<'_>, adapters: &Adapters) -> Option<TensorProto> {
    if field.number != INITIALIZER {
        return None;
    }
    let name = tensor_name(field)?;
    if !adapters.changes(name) && !name.strip_suffix(TRANSPOSED).is_some_and(|name| adapters.changes(name)) {
        return None;
    }
    let tensor = TensorProto::decode(field.content).ok()?;
    adapters.changes(parameter(&tensor.name, tensor.dims.len())).then_some(tensor)
}

/// Appends a field with this content.
pub(super) fn push(number: u64, content: &[u8], to: &mut Vec<u8>) {
    encode_key(number as u32, WireType::LengthDelimited, to);
    encode_varint(content.len() as u64, to);
    to.extend_from_slice(content);
}

/// The weight in a tensor, merged, in the form in which the tensor stores it.
fn merged(tensor: &TensorProto, stored: &Stored, adapters: &Adapters) -> Result<MergedTensor, BoxError> {
    let name = parameter(&tensor.name, tensor.dims.len());
    let mut weight = stored.weight(name)?;
    adapters.apply(name, &mut weight)?;
    let Weight { mut shape, mut data } = weight;
    let half = tensor.data_type == elem::FLOAT16;
    if let Some(number) = data.iter().find(|number| !number.is_finite()) {
        return Err(format!("`{name}` becomes {number} with the LoRA: lower its strength").into());
    }
    if half && data.iter().any(|number| !f16::from_f32(*number).is_finite()) {
        let message = format!(
            "`{name}` exceeds the range of f16 with the LoRA: lower its strength, or use the f32 model"
        );
        return Err(message.into());
    }
    if let ([rows, columns], true) = (&shape[..], name != tensor.name) {
        data = transpose(&data, *rows, *columns);
        shape.reverse();
    }
    Ok(MergedTensor { name: tensor.name.clone(), shape, data, half })
}

/// Names of the initialisers of an encoded model; none of a damaged one.
pub fn initializers(model: &[u8]) -> HashSet<&str> {
    let graphs = fields(model).unwrap_or_default().into_iter().filter(|field| field.number == GRAPH);
    let all = graphs.flat_map(|graph| fields(graph.content).unwrap_or_default());
    all.filter(|field| field.number == INITIALIZER).filter_map(|field| tensor_name(&field)).collect()
}
