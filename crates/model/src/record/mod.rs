//! A network as data: a list of numbered operations that two readers share.
//!
//! Network code calls [`NetworkGraph::push`] and friends; nothing is computed. [`crate::onnx`] writes the list as an ONNX
//! model, the trainer evaluates it with gradients, [`crate::count`] adds up its costs. Recording needs the sizes of the
//! inputs and takes microseconds, so costs at another size are found by recording again at that size. No operation stores
//! the extent of a named [`Axis`] as a constant, so the written model works for every size.

mod op;
mod shape;

pub use op::{Extent, Op};
pub(crate) use shape::infer;

use std::collections::HashMap;

/// Element type of a recorded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DType {
    /// 32-bit floating point; a reader may compute in less.
    F32,
    /// 64-bit integers: token ids, masks, indices.
    I64,
}

/// One axis of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// Extent while recording.
    pub size: usize,
    /// Set if the extent is free at run time; equal names mean equal extents.
    pub name: Option<String>,
}

impl Axis {
    /// An axis with a constant extent.
    pub fn fixed(size: usize) -> Axis {
        Axis { size, name: None }
    }

    /// An axis that is free at run time, with extent `size` in this recording.
    pub fn named(name: &str, size: usize) -> Axis {
        Axis { size, name: Some(name.into()) }
    }
}

/// A value of a [`NetworkGraph`]: the index of the operation that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub usize);

/// An operation, its arguments and the shape of its result.
#[derive(Debug, Clone)]
pub struct NetworkNode {
    /// The operation.
    pub op: Op,
    /// Earlier values that it reads.
    pub args: Vec<Id>,
    /// Extents of the result in this recording.
    pub shape: Vec<usize>,
    /// Element type of the result.
    pub dtype: DType,
}

/// An input that the host feeds.
#[derive(Debug, Clone)]
pub struct Input {
    /// Name in the stage contract.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Extents, named if they are free.
    pub axes: Vec<Axis>,
}

/// Initial value of a parameter that is not read from a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Every element equal.
    Constant(f32),
    /// Normal random numbers with this standard deviation.
    Normal(f32),
    /// Uniform numbers in ±bound.
    Uniform(f32),
}

/// A tensor that is trained, or a buffer that is updated in training.
#[derive(Debug, Clone)]
pub struct Param {
    /// Name in the published checkpoints, so that no mapping table is needed.
    pub name: String,
    /// Extents.
    pub shape: Vec<usize>,
    /// Starting values.
    pub init: Init,
    /// False for running statistics, which the optimiser does not change.
    pub trainable: bool,
}

/// Values fixed by the network's definition.
#[derive(Debug, Clone)]
pub struct Constant {
    /// Extents; empty for a scalar.
    pub shape: Vec<usize>,
    /// Row-major elements.
    pub data: Vec<f32>,
}

/// A recorded network.
#[derive(Debug, Clone, Default)]
pub struct NetworkGraph {
    /// Operations in the order they were pushed; arguments come before results.
    pub nodes: Vec<NetworkNode>,
    /// Inputs that the host feeds.
    pub inputs: Vec<Input>,
    /// Parameters, which a checkpoint contains.
    pub params: Vec<Param>,
    /// Constants fixed by the definition.
    pub constants: Vec<Constant>,
    /// Named results.
    pub outputs: Vec<(String, Id)>,
    param_ids: HashMap<String, Id>,
    error: Option<RecordError>,
}

/// The first mismatch found while recording.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
#[error("operation {at} ({op}): {message}")]
pub struct RecordError {
    /// Number of the operation.
    pub at: usize,
    /// The operation, in Rust's debug form.
    pub op: String,
    /// Description of the mismatch.
    pub message: String,
}

impl NetworkGraph {
    /// Whether each value is the same in every evaluation: parameters, constants, and values that depend only on these.
    pub(crate) fn fixed(&self) -> Vec<bool> {
        self.following(|_| true).into_iter().map(|follows| !follows).collect()
    }

    /// Whether each value depends on one of these inputs.
    pub(crate) fn following(&self, wanted: impl Fn(&Input) -> bool) -> Vec<bool> {
        let mut follows: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let input = matches!(node.op, Op::Input(n) if wanted(&self.inputs[n]));
            follows.push(input || node.args.iter().any(|arg| follows[arg.0]));
        }
        follows
    }

    /// An empty recording.
    pub fn new() -> NetworkGraph {
        NetworkGraph::default()
    }

    /// Declares an input of the network.
    pub fn input(&mut self, name: &str, dtype: DType, axes: &[Axis]) -> Id {
        let op = Op::Input(self.inputs.len());
        self.inputs.push(Input { name: name.into(), dtype, axes: axes.to_vec() });
        self.source(op, axes.iter().map(|a| a.size).collect(), dtype)
    }

    /// A trained tensor. A known name returns the existing tensor.
    pub fn param(&mut self, name: &str, shape: &[usize], init: Init) -> Id {
        self.add_param(name, shape, init, true)
    }

    /// A tensor that training updates but does not train, such as a running mean.
    pub fn buffer(&mut self, name: &str, shape: &[usize], init: Init) -> Id {
        self.add_param(name, shape, init, false)
    }

    fn add_param(&mut self, name: &str, shape: &[usize], init: Init, trainable: bool) -> Id {
        if let Some(&id) = self.param_ids.get(name) {
            return id;
        }
        let op = Op::Param(self.params.len());
        self.params.push(Param { name: name.into(), shape: shape.to_vec(), init, trainable });
        let id = self.source(op, shape.to_vec(), DType::F32);
        self.param_ids.insert(name.into(), id);
        id
    }

    /// A tensor of fixed values.
    pub fn constant(&mut self, shape: &[usize], data: Vec<f32>) -> Id {
        let op = Op::Constant(self.constants.len());
        self.constants.push(Constant { shape: shape.to_vec(), data });
        self.source(op, shape.to_vec(), DType::F32)
    }

    /// A fixed number that broadcasts against any shape.
    pub fn scalar(&mut self, value: f32) -> Id {
        self.constant(&[], vec![value])
    }

    /// Adds an operation and infers the shape of its result.
    ///
    /// The first mismatch is stored and reported by [`NetworkGraph::finish`]; later ones would follow from it.
    pub fn push(&mut self, op: Op, args: &[Id]) -> Id {
        let shapes: Vec<&[usize]> = args.iter().map(|id| self.shape(*id)).collect();
        let shape = shape::infer(&op, &shapes);
        let dtype = if op == Op::ArgMin { DType::I64 } else { DType::F32 };
        let shape = shape.unwrap_or_else(|message| {
            let (at, op) = (self.nodes.len(), format!("{op:?}"));
            self.error.get_or_insert(RecordError { at, op, message });
            args.first().map(|id| self.shape(*id).to_vec()).unwrap_or_default()
        });
        self.nodes.push(NetworkNode { op, args: args.to_vec(), shape, dtype });
        Id(self.nodes.len() - 1)
    }

    /// Records that the network is invalid, for example because its configuration contradicts itself, and returns a
    /// placeholder value. [`NetworkGraph::finish`] reports it unless an earlier error exists.
    pub fn reject(&mut self, network: &str, message: impl Into<String>) -> Id {
        let error = RecordError { at: self.nodes.len(), op: network.into(), message: message.into() };
        self.error.get_or_insert(error);
        self.scalar(0.)
    }

    fn source(&mut self, op: Op, shape: Vec<usize>, dtype: DType) -> Id {
        self.nodes.push(NetworkNode { op, args: vec![], shape, dtype });
        Id(self.nodes.len() - 1)
    }

    /// Parameters in a checkpoint, running statistics included.
    pub fn parameters(&self) -> u64 {
        self.params.iter().map(|p| p.shape.iter().product::<usize>() as u64).sum()
    }

    /// Extents of a value in this recording.
    pub fn shape(&self, id: Id) -> &[usize] {
        &self.nodes[id.0].shape
    }

    /// Names a result.
    pub fn output(&mut self, name: &str, id: Id) {
        self.outputs.push((name.into(), id));
    }

    /// The recording, or the first mismatch.
    pub fn finish(self) -> Result<NetworkGraph, RecordError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// For each value, the last operation that reads it (or itself); outputs and sources live to the end.
    pub fn last_uses(&self) -> Vec<usize> {
        let mut last: Vec<usize> = (0..self.nodes.len()).collect();
        for (at, node) in self.nodes.iter().enumerate() {
            for arg in &node.args {
                last[arg.0] = at;
            }
        }
        for (_, id) in &self.outputs {
            last[id.0] = self.nodes.len();
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_follow_operations() {
        let mut g = NetworkGraph::new();
        let x = g.input(
            "x",
            DType::F32,
            &[Axis::named("b", 2), Axis::fixed(3), Axis::named("h", 8), Axis::named("w", 6)],
        );
        let w = g.param("w", &[5, 3, 4, 4], Init::Constant(0.));
        let y = g.push(Op::Conv { stride: 2, pads: [1; 4], groups: 1 }, &[x, w]);
        assert_eq!(g.shape(y), [2, 5, 4, 3]);
        let tokens = g.push(Op::ImageToTokens, &[y]);
        assert_eq!(g.shape(tokens), [2, 12, 5]);
        let back = g.push(Op::TokensToImage, &[tokens, y]);
        assert_eq!(g.shape(back), [2, 5, 4, 3]);
        let split = g.push(Op::Reshape(vec![Extent::Keep, Extent::Infer]), &[back]);
        assert_eq!(g.shape(split), [2, 60]);
        assert!(g.finish().is_ok());
    }

    #[test]
    fn first_misfit_is_reported() {
        let mut g = NetworkGraph::new();
        let x = g.input("x", DType::F32, &[Axis::fixed(2), Axis::fixed(7)]);
        let w = g.param("w", &[4, 6], Init::Constant(0.));
        let y = g.push(Op::Linear, &[x, w]);
        g.push(Op::Slice { axis: 9, start: 0, end: 1 }, &[y]);
        let error = g.finish().map(|_| ()).unwrap_err();
        assert_eq!(error.message, "features: 7 given, 6 wanted");
    }

    #[test]
    fn one_name_is_one_parameter() {
        let mut g = NetworkGraph::new();
        let a = g.param("a", &[2], Init::Constant(0.));
        assert_eq!(g.param("a", &[2], Init::Constant(0.)), a);
        assert_eq!(g.params.len(), 1);
    }
}
