//! Costs of a recorded network: parameters, MACs, and memory for intermediate values.
//!
//! Counts hold for the recorded sizes. Recording takes microseconds, so costs at another size are found by recording
//! at that size.

mod arena;
mod attention;
mod invariant;

use std::collections::HashMap;

use arena::{Arena, Chunk};
use attention::Attended;
pub use invariant::invariant;
use invariant::kept;

use crate::onnx::{self, Operators};
use crate::record::{DType, Id, NetworkGraph, NetworkNode, Op};

/// Costs of one evaluation of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Parameters in the checkpoint, running statistics included.
    pub params: u64,
    /// Bytes of the parameters as f32; half as many as f16.
    pub param_bytes: u64,
    /// Multiply-accumulate operations in matrix products, convolutions and attention. Elementwise work (norms,
    /// activations) is not counted.
    pub macs: u64,
    /// Peak bytes of intermediate values in f32, including outputs, evaluated in recorded order and freed after their
    /// last use, in chunks of ONNX Runtime's arena.
    pub activation_bytes: u64,
    /// Bytes that the arena takes from the system for these values, and keeps.
    pub arena_bytes: u64,
    /// Additional bytes kept from step to step, if the step-invariant part is evaluated once (as on the CPU).
    pub kept_bytes: u64,
}

/// Properties other than the network that determine memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WrittenAs {
    /// The operators of the model.
    pub operators: Operators,
    /// Whether its large weights lie in a data file, from which they are mapped. Only small ones are then in the arena, where
    /// intermediate values have to find room around them.
    pub mapped: bool,
}

/// Adds up the costs of a recorded network in standard operators.
pub fn cost(graph: &NetworkGraph) -> Cost {
    cost_as(graph, WrittenAs::default())
}

/// Adds up the costs of a recorded network when written like this.
pub fn cost_as(graph: &NetworkGraph, written: WrittenAs) -> Cost {
    let params = graph.parameters();
    let arena = evaluated(graph, written);
    Cost {
        params,
        param_bytes: 4 * params,
        macs: graph.nodes.iter().fold(0, |sum: u64, node| sum.saturating_add(macs(graph, node))),
        activation_bytes: arena.most,
        arena_bytes: arena.taken,
        kept_bytes: kept(graph),
    }
}

fn elements(shape: &[usize]) -> u64 {
    shape.iter().fold(1, |all, n| all.saturating_mul(*n as u64))
}

/// MACs of one operation at its recorded sizes.
pub fn macs(graph: &NetworkGraph, node: &NetworkNode) -> u64 {
    let shape = |arg: usize| graph.shape(node.args[arg]);
    let last = |shape: &[usize]| shape.last().copied().unwrap_or(1) as u64;
    let out = elements(&node.shape);
    match node.op {
        Op::Linear | Op::MatMul => out.saturating_mul(last(shape(0))),
        Op::Conv { .. } => out.saturating_mul(elements(&shape(1)[1..])),
        Op::ConvTranspose { .. } => elements(shape(0)).saturating_mul(elements(&shape(1)[1..])),
        // Scores, and the mixture of values.
        Op::Attention { .. } => out.saturating_mul(2 * shape(1)[1] as u64),
        // Columns first, then rows.
        Op::CubicResize | Op::LinearResize => {
            resized_columns(graph, node) * last(shape(0)) + out * shape(0)[2] as u64
        }
        _ => 0,
    }
}

/// Elements of an image after resizing its columns but not its rows.
fn resized_columns(graph: &NetworkGraph, node: &NetworkNode) -> u64 {
    let x = graph.shape(node.args[0]);
    elements(&x[..3]) * node.shape[3] as u64
}

/// Simulates an evaluation in the arena: allocates results, and frees values after their last use.
fn evaluated(graph: &NetworkGraph, WrittenAs { operators, mapped }: WrittenAs) -> Arena {
    let roots = roots(graph);
    let sums = onnx::sums(graph, operators);
    // Each with the operation in whose place it is computed.
    let late = attention::late(graph);
    let waiting = sums.iter().map(|(norm, sum)| (sum.0, norm.0)).chain(late.clone()).collect();
    let last = last_reads(graph, &roots, &waiting);
    let mut ending: Vec<Vec<usize>> = vec![vec![]; graph.nodes.len() + 1];
    for (at, last) in last.iter().enumerate().filter(|(at, _)| roots[*at] == *at) {
        ending[*last].push(at);
    }
    let quantized = onnx::chosen(graph, operators);
    let fixed = graph.fixed();
    let mut arena = Arena::with(if mapped { onnx::bytes_inside(graph) } else { 0 });
    // Flags of what is seen, which all layers share until the end.
    let mut visible = None;
    let mut chunks: Vec<Option<Chunk>> = vec![None; graph.nodes.len()];
    for (at, node) in graph.nodes.iter().enumerate() {
        if let Op::Attention { heads, causal } = node.op
            && (causal || node.args.len() > 3 || operators == Operators::Standard)
        {
            // Arguments are freed after their last use, while they are split into heads.
            let mut ended = |arg: usize| {
                let root = roots[node.args[arg].0];
                ending[at].contains(&root).then(|| chunks[root].take()).flatten()
            };
            chunks[at] = Some(Attended::of(graph, node, heads, causal, &late).take(
                &mut arena,
                &mut visible,
                &mut ended,
            ));
            ending[at].iter().filter_map(|end| chunks[*end].take()).for_each(|chunk| arena.give_back(chunk));
            continue;
        }
        // Norm and sum are results of one operator, which writes over no argument.
        if let Some(sum) = sums.get(&Id(at)) {
            chunks[at] = Some(arena.take(bytes(node)));
            chunks[sum.0] = Some(arena.take(bytes(&graph.nodes[sum.0])));
            ending[at].iter().filter_map(|end| chunks[*end].take()).for_each(|chunk| arena.give_back(chunk));
            continue;
        }
        match reused_argument(graph, at, &roots, &last, &fixed) {
            _ if waiting.contains_key(&at) => {}
            Some(root) => chunks[at] = chunks[root].take(),
            // Inputs belong to the caller, parameters and constants are counted elsewhere, and values that depend only on
            // these are computed while loading.
            None if roots[at] == at && !fixed[at] && !matches!(node.op, Op::Input(_)) => {
                chunks[at] = Some(arena.take(bytes(node)));
            }
            None => {}
        }
        let own = if quantized[at] { rounded(graph, node) } else { workspace(graph, node) };
        let own: Vec<Chunk> = own.into_iter().map(|bytes| arena.take(bytes)).collect();
        own.into_iter().for_each(|chunk| arena.give_back(chunk));
        ending[at].iter().filter_map(|end| chunks[*end].take()).for_each(|chunk| arena.give_back(chunk));
    }
    arena
}

/// Bytes of a value; 0 for parameters and constants.
fn bytes(node: &NetworkNode) -> u64 {
    let width = match node.dtype {
        DType::F32 => 4,
        DType::I64 => 8,
    };
    match node.op {
        Op::Param(_) | Op::Constant(_) => 0,
        _ => width * elements(&node.shape),
    }
}

/// The value that owns each value's memory: itself, unless it is a view.
fn roots(graph: &NetworkGraph) -> Vec<usize> {
    let mut roots: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    for (at, node) in graph.nodes.iter().enumerate() {
        roots.push(match node.op {
            Op::Reshape(_) | Op::StopGradient | Op::Dropout(_) => roots[node.args[0].0],
            _ => at,
        });
    }
    roots
}

/// For each owner of memory, the last operation that reads it or a view of it. Outputs are read after the end. An operation in
/// `waiting` reads its arguments when the operation that it waits for runs.
fn last_reads(graph: &NetworkGraph, roots: &[usize], waiting: &HashMap<usize, usize>) -> Vec<usize> {
    let mut last: Vec<usize> = (0..graph.nodes.len()).collect();
    for (at, node) in graph.nodes.iter().enumerate() {
        // Of some arguments only the extents matter.
        let read = match node.op {
            Op::Prefix | Op::TokensToImage | Op::CubicResize | Op::LinearResize => &node.args[..1],
            _ => &node.args[..],
        };
        let at = waiting.get(&at).copied().unwrap_or(at);
        for arg in read {
            let last = &mut last[roots[arg.0]];
            *last = at.max(*last);
        }
    }
    let outputs = graph.outputs.iter().map(|(_, id)| id);
    outputs.for_each(|id| last[roots[id.0]] = graph.nodes.len());
    last
}

/// An argument that the result can overwrite: it has the same size and is not read afterwards.
fn reused_argument(
    graph: &NetworkGraph,
    at: usize,
    roots: &[usize],
    last: &[usize],
    fixed: &[bool],
) -> Option<usize> {
    let node = &graph.nodes[at];
    let single = matches!(
        node.op,
        Op::Add
            | Op::Sub
            | Op::Mul
            | Op::Div
            | Op::Abs
            | Op::Sigmoid
            | Op::Relu
            | Op::LeakyRelu(_)
            | Op::Clip { .. }
            // Fused into a preceding convolution.
            | Op::BatchNorm { .. }
    );
    let fits = |arg: &Id| {
        let root = roots[arg.0];
        let made = !fixed[root] && !matches!(graph.nodes[root].op, Op::Input(_));
        made && last[root] == at && bytes(&graph.nodes[root]) == bytes(node)
    };
    node.args.iter().filter(|_| single).find(|arg| fits(arg)).map(|arg| roots[arg.0])
}

/// Bytes of the intermediates of an int8 product: scaled activations and rounded activations.
fn rounded(graph: &NetworkGraph, node: &NetworkNode) -> Vec<u64> {
    let scaled = bytes(&graph.nodes[node.args[0].0]);
    vec![scaled, scaled / 4]
}

/// Peak bytes inside a composite's operators or kernels, without arguments and result.
fn workspace(graph: &NetworkGraph, node: &NetworkNode) -> Vec<u64> {
    let bytes_of = |arg: usize| bytes(&graph.nodes[node.args[arg].0]);
    match node.op {
        // Fused: queries, keys and values by head; the scores of a few tokens at a time are negligible.
        Op::Attention { .. } => vec![bytes_of(0), bytes_of(1), bytes_of(2)],
        Op::ReduceL2(_) => vec![bytes_of(0)],
        // ONNX Runtime's kernel adds the bias and computes the error function in a separate buffer.
        Op::Gelu => vec![bytes(node)],
        Op::SpaceToDepth(_) => vec![bytes(node)],
        Op::CubicResize | Op::LinearResize => vec![4 * resized_columns(graph, node)],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Sizes;
    use crate::decoder::{self, DecoderConfig};
    use crate::prior::{self, PriorConfig};
    use crate::record::{Axis, Extent, Init};
    use crate::text::clip::{self, ClipConfig};
    use crate::vqgan::{self, VqganConfig};

    fn giga(graph: &NetworkGraph) -> f64 {
        cost(graph).macs as f64 / 1e9
    }

    #[test]
    fn published_networks_at_1024_pixels() {
        let sizes = Sizes { batch: 1, height: 24, width: 24, embedding: [24, 24], length: 77 };
        let prior = prior::graph(&PriorConfig::default(), &sizes).unwrap();
        assert_eq!(cost(&prior).params, 993_636_896);
        assert!((giga(&prior) / 577. - 1.).abs() < 0.005, "{}", giga(&prior));

        let latents = Sizes { height: 256, width: 256, ..sizes };
        let decoder = decoder::graph(&DecoderConfig::default(), &latents).unwrap();
        assert!((giga(&decoder) / 1428. - 1.).abs() < 0.005, "{}", giga(&decoder));
        // Attention scores at the 64×64 level alone are 684 MB, and softmax holds them twice.
        let bytes = |operators| cost_as(&decoder, WrittenAs { operators, mapped: false }).activation_bytes;
        assert!(bytes(Operators::Standard) > 2 * 684_000_000);
        assert!(bytes(Operators::OnnxRuntime) < 684_000_000);

        let vqgan = vqgan::decoder_graph(&VqganConfig::default(), &latents).unwrap();
        assert!((giga(&vqgan) / 1086. - 1.).abs() < 0.005, "{}", giga(&vqgan));

        let text = clip::graph(&ClipConfig::big_g(), &sizes).unwrap();
        assert!((giga(&text) / 48.9 - 1.).abs() < 0.005, "{}", giga(&text));
    }

    #[test]
    fn memory_is_freed_shared_and_reused() {
        let mut g = NetworkGraph::new();
        let x = g.input("x", DType::F32, &[Axis::fixed(10), Axis::fixed(10)]);
        let w = g.param("w", &[20, 10], Init::Constant(0.));
        // x is the caller's; a takes 800 bytes, or four grains; b is a view; c is written over it; d takes a grain.
        let a = g.push(Op::Linear, &[x, w]);
        let b = g.push(Op::Reshape(vec![Extent::Fixed(200)]), &[a]);
        let c = g.push(Op::Relu, &[b]);
        let d = g.push(Op::Slice { axis: 0, start: 0, end: 50 }, &[c]);
        g.output("d", d);
        let cost = cost(&g.finish().unwrap());
        assert_eq!((cost.activation_bytes, cost.arena_bytes), (5 * 256, 1 << 20));
        assert_eq!(cost.macs, 10 * 10 * 20);
    }

    #[test]
    fn int8_products_hold_activations_twice() {
        let mut g = NetworkGraph::new();
        let x = g.input("x", DType::F32, &[1, 8, 8, 256].map(Axis::fixed));
        let w = g.param("w", &[512, 256], Init::Constant(0.));
        let y = g.push(Op::Linear, &[x, w]);
        g.output("y", y);
        let g = g.finish().unwrap();
        let bytes = |operators| cost_as(&g, WrittenAs { operators, mapped: false }).activation_bytes;
        // The result, and the activations scaled, in four bytes, and rounded, in one.
        let (result, rounded) = (64 * 512 * 4, 64 * 256 * 5);
        assert_eq!([Operators::OnnxRuntime, Operators::Int8].map(bytes), [result, result + rounded]);
    }
}
