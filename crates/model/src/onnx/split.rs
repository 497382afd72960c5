//! Splits a model into a step-invariant part and the rest.
//!
//! A diffusion model is evaluated many times, while only a few of its inputs change. The values that depend only on the
//! other inputs become a model of their own, whose results are inputs of the rest. Nodes and tensors stay byte for byte;
//! only names are read, so any model of any operator set can be split.

mod node;

use std::collections::{BTreeMap, HashMap, HashSet, TryReserveError};
use std::io::Cursor;

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use wuerst_read::wire::{Field, Reader, fields};

use super::proto::{DimensionProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto};
use super::survey::survey;
use node::SplitNode;

/// When a value is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    /// While the model is loaded: a weight, or a value that depends only on weights.
    Loading,
    /// Before the first step.
    Invariant,
    /// In each step anew.
    Step,
}

/// Element type (`TensorProto.DataType`) and number of dimensions of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorType {
    /// Code of the element type.
    pub element: i32,
    /// Number of dimensions; 0 if unknown.
    pub rank: usize,
}

/// How a model is split.
#[derive(Debug)]
pub struct ModelSplit<'a> {
    model: Vec<Field<'a>>,
    graph: Vec<Field<'a>>,
    nodes: Vec<SplitNode<'a>>,
    outputs: Vec<&'a str>,
    crossing: Vec<&'a str>,
}

/// The part of a model to write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Invariant,
    Step,
}

/// Field numbers of ModelProto, of GraphProto, and of messages with a name.
mod field {
    pub const GRAPH: u64 = 7;
    pub const TRAINING: u64 = 20;
    pub const FUNCTION: u64 = 25;
    pub const NODE: u64 = 1;
    pub const INITIALIZER: u64 = 5;
    pub const INPUT: u64 = 11;
    pub const OUTPUT: u64 = 12;
    pub const VALUE_INFO: u64 = 13;
    pub const QUANTIZATION: u64 = 14;
    pub const SPARSE: u64 = 15;
}

impl<'a> ModelSplit<'a> {
    /// Finds a split of an encoded model whose inputs `changing` change in each step, with constant extents. `None` if a
    /// split gains nothing, and if the model is damaged or contains unsupported constructs.
    pub fn of(model: &'a [u8], changing: &[&str]) -> Option<ModelSplit<'a>> {
        // Bounds the size and depth of the following reading.
        survey(&mut Reader::new(Cursor::new(model)), model.len() as u64).ok()?;
        let model = fields(model)?;
        let graph = model.iter().rfind(|field| field.number == field::GRAPH)?;
        let graph = fields(graph.content)?;
        let odd = |fields: &[Field<'_>], odd: &[u64]| fields.iter().any(|field| odd.contains(&field.number));
        // Functions hide their content.
        if odd(&model, &[field::TRAINING, field::FUNCTION])
            || odd(&graph, &[field::QUANTIZATION, field::SPARSE])
        {
            return None;
        }
        let mut when: HashMap<&str, When> = HashMap::new();
        for input in graph.iter().filter(|field| field.number == field::INPUT) {
            let name = name(input)?;
            when.insert(name, if changing.contains(&name) { When::Step } else { When::Invariant });
        }
        let initializers = graph.iter().filter(|field| field.number == field::INITIALIZER);
        initializers
            .map(|field| when.insert(tensor_name(field)?, When::Loading).or(Some(When::Loading)))
            .collect::<Option<Vec<_>>>()?;
        let mut nodes = vec![];
        for at in graph.iter().filter(|field| field.number == field::NODE) {
            let mut node = SplitNode::read(at.content)?;
            node.place(&when, changing)?;
            when.extend(node.outputs.iter().map(|name| (*name, node.when)));
            nodes.push(node);
        }
        let outputs: Vec<&str> =
            graph.iter().filter(|field| field.number == field::OUTPUT).map(name).collect::<Option<_>>()?;
        let mut split = ModelSplit { model, graph, nodes, outputs, crossing: vec![] };
        split.repeat_enlarging();
        split.cross(&when)?;
        Some(split)
    }

    /// Moves nodes that only enlarge a value to the per-step part, so that less is kept.
    fn repeat_enlarging(&mut self) {
        let mut read: HashSet<&str> = HashSet::new();
        for node in self.nodes.iter_mut().rev() {
            node.repeated = node.when == When::Invariant
                && node.enlarges()
                && node.outputs.iter().any(|name| read.contains(name));
            if node.when == When::Step || node.repeated {
                read.extend(&node.reads);
            }
        }
    }

    /// Finds the values that the second part reads from the first; `None` if a split gains nothing.
    fn cross(&mut self, when: &HashMap<&str, When>) -> Option<()> {
        // The noise itself would be known before the first step.
        if self.outputs.iter().any(|name| when.get(name) != Some(&When::Step)) {
            return None;
        }
        let step = self.part(Part::Step);
        let read: HashSet<&str> = step.iter().flat_map(|node| node.reads.iter().copied()).collect();
        let invariant = self.nodes.iter().filter(|node| node.when == When::Invariant && !node.repeated);
        self.crossing = invariant
            .flat_map(|node| node.outputs.iter().copied())
            .filter(|name| read.contains(name))
            .collect();
        let heavy = |node: &&SplitNode<'_>| node.when == When::Invariant && node.is_heavy();
        self.part(Part::Invariant).iter().any(heavy).then_some(())
    }

    /// The nodes of a part, in order.
    fn part(&self, part: Part) -> Vec<&SplitNode<'a>> {
        let ends = if part == Part::Invariant { &self.crossing } else { &self.outputs };
        let mut read: HashSet<&str> = ends.iter().copied().collect();
        let mut kept = vec![];
        for node in self.nodes.iter().rev() {
            let belongs = match (part, node.when) {
                (_, When::Loading) => true,
                (Part::Invariant, when) => when == When::Invariant,
                (Part::Step, when) => when == When::Step || node.repeated,
            };
            if belongs && node.outputs.iter().any(|name| read.contains(name)) {
                read.extend(&node.reads);
                kept.push(node);
            }
        }
        kept.reverse();
        kept
    }

    /// Names of the values that the first part passes to the second.
    pub fn crossing(&self) -> &[&'a str] {
        &self.crossing
    }

    /// Names of the tensors that the first part reads.
    pub fn tensors(&self) -> HashSet<&'a str> {
        self.tensors_of(Part::Invariant).into_iter().filter_map(tensor_name).collect()
    }

    /// Number of parameters in tensors that both parts hold.
    pub fn shared(&self) -> u64 {
        let (invariant, step) = (self.tensors(), self.tensors_of(Part::Step));
        let both = step
            .into_iter()
            .filter(|tensor| tensor_name(tensor).is_some_and(|name| invariant.contains(name)));
        both.map(numbers).fold(0, u64::saturating_add)
    }

    fn tensors_of(&self, part: Part) -> Vec<&Field<'a>> {
        let nodes = self.part(part);
        let read: HashSet<&str> = nodes.iter().flat_map(|node| node.reads.iter().copied()).collect();
        let tensors = self.graph.iter().filter(|field| field.number == field::INITIALIZER);
        tensors.filter(|tensor| tensor_name(tensor).is_some_and(|name| read.contains(name))).collect()
    }

    /// The first part, encoded: from the unchanging inputs to [`ModelSplit::crossing`], without their types.
    ///
    /// # Errors
    /// Memory is short.
    pub fn invariant(&self) -> Result<Vec<u8>, TryReserveError> {
        let untyped = |name: &&str| ValueInfoProto { name: (*name).into(), r#type: None };
        self.encode(Part::Invariant, &[], &self.crossing.iter().map(untyped).collect::<Vec<_>>())
    }

    /// The second part, encoded: from the other inputs and [`ModelSplit::crossing`], which have these types, to the
    /// model's outputs. `None` if a type is missing.
    ///
    /// # Errors
    /// Memory is short.
    pub fn step(&self, types: &BTreeMap<String, TensorType>) -> Result<Option<Vec<u8>>, TryReserveError> {
        let typed = |name: &&str| {
            let ty = types.get(*name)?;
            let dim = vec![DimensionProto::default(); ty.rank];
            let shape = (ty.rank > 0).then_some(TensorShapeProto { dim });
            let tensor = TensorTypeProto { elem_type: ty.element, shape };
            Some(ValueInfoProto {
                name: (*name).into(),
                r#type: Some(TypeProto { tensor_type: Some(tensor) }),
            })
        };
        let inputs = self.crossing.iter().map(typed).collect::<Option<Vec<_>>>();
        inputs.map(|inputs| self.encode(Part::Step, &inputs, &[])).transpose()
    }

    fn encode(
        &self,
        part: Part,
        inputs: &[ValueInfoProto],
        outputs: &[ValueInfoProto],
    ) -> Result<Vec<u8>, TryReserveError> {
        let nodes = self.part(part);
        let made: HashSet<&str> = nodes.iter().flat_map(|node| node.outputs.iter().copied()).collect();
        let read: HashSet<&str> = nodes.iter().flat_map(|node| node.reads.iter().copied()).collect();
        let mut graph = vec![];
        for field in &self.graph {
            let kept = match field.number {
                field::NODE => false,
                field::INITIALIZER => tensor_name(field).is_some_and(|name| read.contains(name)),
                field::INPUT => name(field).is_some_and(|name| read.contains(name)),
                field::OUTPUT => part == Part::Step,
                field::VALUE_INFO => name(field).is_some_and(|name| made.contains(name)),
                _ => true,
            };
            if kept {
                append(field.whole, &mut graph)?;
            }
        }
        nodes.iter().try_for_each(|node| put(field::NODE, node.bytes, &mut graph))?;
        inputs.iter().try_for_each(|input| put(field::INPUT, &input.encode_to_vec(), &mut graph))?;
        outputs.iter().try_for_each(|output| put(field::OUTPUT, &output.encode_to_vec(), &mut graph))?;
        let mut model = vec![];
        let mut others = self.model.iter().filter(|field| field.number != field::GRAPH);
        others.try_for_each(|field| append(field.whole, &mut model))?;
        put(field::GRAPH, &graph, &mut model)?;
        Ok(model)
    }
}

/// Appends bytes; a model may contain many.
fn append(bytes: &[u8], to: &mut Vec<u8>) -> Result<(), TryReserveError> {
    to.try_reserve(bytes.len())?;
    to.extend_from_slice(bytes);
    Ok(())
}

/// Appends a field with bytes.
fn put(number: u64, content: &[u8], to: &mut Vec<u8>) -> Result<(), TryReserveError> {
    let (mut key, length) = ([0; 20], content.len() as u64);
    let mut rest = key.as_mut_slice();
    encode_key(number as u32, WireType::LengthDelimited, &mut rest);
    encode_varint(length, &mut rest);
    let unused = rest.len();
    append(&key[..20 - unused], to)?;
    append(content, to)
}

/// The name of a ValueInfoProto.
fn name<'a>(info: &Field<'a>) -> Option<&'a str> {
    fields(info.content)?.iter().find(|field| field.number == 1)?.text()
}

/// The name of a TensorProto.
pub(super) fn tensor_name<'a>(tensor: &Field<'a>) -> Option<&'a str> {
    fields(tensor.content)?.iter().find(|field| field.number == 8)?.text()
}

/// Number of elements of a TensorProto; its extents may be packed.
fn numbers(tensor: &Field<'_>) -> u64 {
    let mut count = 1u64;
    for field in fields(tensor.content).unwrap_or_default().iter().filter(|field| field.number == 1) {
        let mut packed = field.content;
        if packed.is_empty() {
            count = count.saturating_mul(field.value);
        }
        while let (false, Ok(extent)) = (packed.is_empty(), prost::encoding::decode_varint(&mut packed)) {
            count = count.saturating_mul(extent);
        }
    }
    count
}

#[cfg(test)]
mod tests;
