//! Evaluates a recorded network on libtorch, with gradients.
//!
//! The second reader of [`wuerst_model::record`], next to the ONNX writer. The [`Mode`] sets the precision: matrix
//! products and convolutions may run in bfloat16 with f32 master weights. Layers that only element-wise operations
//! separate from an output stay in f32, because stages B and C divide by their results.

mod op;
mod weights;

pub use weights::Weights;

use tch::{Kind, Tensor};
use wuerst_model::count;
use wuerst_model::record::{DType, Id, NetworkGraph, Op};

/// How a network is evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mode {
    /// Dropout drops, batch norms use the batch.
    pub training: bool,
    /// Precision of matrix products and convolutions, and of the operations between them; f64 is possible with feeds and
    /// weights in f64.
    pub kind: Kind,
}

impl Mode {
    /// The mode of exported models: no dropout, f32.
    pub const INFERENCE: Mode = Mode { training: false, kind: Kind::Float };

    /// Precision of operations that need at least f32.
    fn exact(self) -> Kind {
        if self.kind == Kind::Double { Kind::Double } else { Kind::Float }
    }
}

/// A recorded network prepared for repeated evaluation.
pub struct Evaluator {
    graph: NetworkGraph,
    last_uses: Vec<usize>,
    exact: Vec<bool>,
}

impl Evaluator {
    /// Prepares a recording.
    pub fn new(graph: NetworkGraph) -> Evaluator {
        let (last_uses, exact) = (graph.last_uses(), exact(&graph));
        Evaluator { graph, last_uses, exact }
    }

    /// The recording.
    pub fn graph(&self) -> &NetworkGraph {
        &self.graph
    }

    /// MACs of one evaluation at the recorded sizes.
    pub fn macs(&self) -> u64 {
        count::cost(&self.graph).macs
    }

    /// Computes the outputs, in the order of the recording.
    ///
    /// `feeds` are the inputs in the order of the recording; extents of named axes may differ from it. A value is dropped
    /// after its last reader, so that memory stays low without gradients.
    pub fn run(&self, weights: &Weights, feeds: &[Tensor], mode: Mode) -> Vec<Tensor> {
        assert_eq!(feeds.len(), self.graph.inputs.len(), "one feed per input");
        let mut values: Vec<Option<Tensor>> = vec![];
        values.resize_with(self.graph.nodes.len(), || None);
        for (at, node) in self.graph.nodes.iter().enumerate() {
            let kind = if self.exact[at] { mode.exact() } else { mode.kind };
            let value = match &node.op {
                Op::Input(n) => feeds[*n].shallow_clone(),
                Op::Param(n) => weights.at(&self.graph.params[*n].name),
                Op::Constant(n) => {
                    let c = &self.graph.constants[*n];
                    let shape: Vec<i64> = c.shape.iter().map(|n| *n as i64).collect();
                    Tensor::from_slice(&c.data).reshape(shape).to_device(weights.device())
                }
                op => {
                    let args: Vec<&Tensor> = node.args.iter().map(|id| value(&values, *id)).collect();
                    op::apply(op, &args, Mode { kind, ..mode })
                }
            };
            values[at] = Some(value);
            for arg in &node.args {
                if self.last_uses[arg.0] == at {
                    values[arg.0] = None;
                }
            }
        }
        self.graph.outputs.iter().map(|(_, id)| value(&values, *id).shallow_clone()).collect()
    }
}

fn value(values: &[Option<Tensor>], id: Id) -> &Tensor {
    values[id.0].as_ref().expect("arguments come before results and live to their last use")
}

/// Whether only element-wise operations separate each value from an output: the head layers and the operations after them.
fn exact(graph: &NetworkGraph) -> Vec<bool> {
    let mut exact = vec![false; graph.nodes.len()];
    for (_, id) in &graph.outputs {
        exact[id.0] = true;
    }
    for (at, node) in graph.nodes.iter().enumerate().rev() {
        let through = matches!(
            node.op,
            Op::Add
                | Op::Sub
                | Op::Mul
                | Op::Div
                | Op::Abs
                | Op::Sigmoid
                | Op::Slice { .. }
                | Op::DepthToSpace(_)
                | Op::Clip { .. }
                | Op::Concat(_)
                | Op::StopGradient
                | Op::Transpose(_)
        );
        if exact[at] && through {
            for arg in &node.args {
                exact[arg.0] = graph.nodes[arg.0].dtype == DType::F32;
            }
        }
    }
    exact
}
