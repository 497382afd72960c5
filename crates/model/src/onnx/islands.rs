//! Selects the recorded values that an f16 model computes in f32.
//!
//! f16 ends at 65,504 and has eleven bits. A sum of squares over the places of a picture passes that end (21,300 at 64×64
//! latents of the shipped decoder), so response norms stay in f32 up to the factor that they give each channel. Resizing
//! matrices follow from extents. The last operations on single numbers give the model's f32 outputs: rounding what they
//! read to f16 would be the largest error of all. Batch norms have variances of any size.

use crate::record::{Id, NetworkGraph, NetworkNode, Op};

/// Whether each recorded value is computed in f32 in an f16 model. Inputs are f32.
pub fn wide(graph: &NetworkGraph) -> Vec<bool> {
    let fixed = graph.fixed();
    let mut wide: Vec<bool> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let island = match node.op {
            Op::Input(_) | Op::ReduceL2(_) | Op::BatchNorm { .. } => true,
            Op::CubicResize | Op::LinearResize => true,
            // A value computed from sums alone has one number for each channel.
            _ => elementwise(&node.op) && follows(graph, node, &wide, &fixed),
        };
        wide.push(island);
    }
    last_operations(graph, &fixed, &mut wide);
    wide
}

/// Whether all arguments except weights are computed in f32.
fn follows(graph: &NetworkGraph, node: &NetworkNode, wide: &[bool], fixed: &[bool]) -> bool {
    let summed = |id: Id| wide[id.0] && graph.shape(id).len() == 3 && graph.shape(id)[1] == 1;
    let mut changing = node.args.iter().filter(|arg| !fixed[arg.0]).peekable();
    changing.peek().is_some() && changing.all(|arg| summed(*arg))
}

/// Marks the element-wise operations at the end of the outputs.
fn last_operations(graph: &NetworkGraph, fixed: &[bool], wide: &mut [bool]) {
    let (mut read, mut read_in_f16) = (vec![false; graph.nodes.len()], vec![false; graph.nodes.len()]);
    graph.outputs.iter().for_each(|(_, id)| read[id.0] = true);
    for (at, node) in graph.nodes.iter().enumerate().rev() {
        wide[at] |= read[at] && !read_in_f16[at] && !fixed[at] && moves(&node.op);
        for arg in &node.args {
            read[arg.0] |= read[at];
            read_in_f16[arg.0] |= !wide[at];
        }
    }
}

/// Element-wise operations.
fn elementwise(op: &Op) -> bool {
    matches!(op, Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Abs | Op::Sigmoid | Op::Clip { .. })
        || matches!(op, Op::ReduceMean(axes) if axes == &[2])
}

/// Element-wise operations, and operations that only move elements.
fn moves(op: &Op) -> bool {
    elementwise(op) || matches!(op, Op::Slice { .. } | Op::DepthToSpace(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Sizes;
    use crate::decoder::{self, DecoderConfig};

    #[test]
    fn sums_cubic_matrices_and_last_operations_are_wide() {
        let sizes = Sizes { batch: 1, height: 16, width: 16, embedding: [2, 2], length: 3 };
        let graph = decoder::graph(&DecoderConfig::default(), &sizes).unwrap();
        let wide = wide(&graph);
        let all = |wanted: fn(&Op) -> bool| -> Vec<bool> {
            let of = graph.nodes.iter().zip(&wide).filter(|(node, _)| wanted(&node.op));
            of.map(|(_, wide)| *wide).collect()
        };
        assert!(all(|op| matches!(op, Op::ReduceL2(_) | Op::CubicResize | Op::Input(_))).iter().all(|w| *w));
        let narrow = all(|op| {
            matches!(
                op,
                Op::Linear | Op::Conv { .. } | Op::Attention { .. } | Op::LayerNorm { .. } | Op::Gelu
            )
        });
        assert!(narrow.iter().all(|wide| !wide));
        // Four operations of each response norm, and the scaling of the picture by its factor is not one of them.
        let norms = all(|op| matches!(op, Op::ReduceL2(_))).len();
        assert_eq!(all(|op| matches!(op, Op::ReduceMean(_))), vec![true; norms]);
        let large = |at: usize| graph.nodes[at].shape.len() == 3 && graph.nodes[at].shape[1] > 1;
        let scaled = (0..graph.nodes.len()).filter(|at| large(*at) && graph.nodes[*at].op == Op::Mul);
        assert!(scaled.clone().count() >= norms && scaled.into_iter().all(|at| !wide[at]));
        // The prediction, from the halves of the last convolution's result on.
        assert!(wide[graph.outputs[0].1.0]);
        assert_eq!(all(|op| matches!(op, Op::DepthToSpace(_))), [true]);
    }
}
