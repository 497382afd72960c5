//! Memory use of attention in standard operators. ONNX Runtime splits queries, keys and values into heads, and stores the
//! scores of all pairs of tokens.

use std::collections::HashMap;

use super::arena::{Arena, Chunk};
use super::bytes;
use crate::record::{NetworkGraph, NetworkNode, Op};

/// Bytes of intermediate values of attention in standard operators.
pub(super) struct Attended {
    /// Queries, keys and values by head, with their original sizes.
    heads: [u64; 3],
    scores: u64,
    /// The mask with a number for each flag; `None` without a mask.
    mask: Option<u64>,
    /// Bytes of the numbers of positions, of the flags of what is not after a position, and of the flags that are given: where
    /// there are both, they become one.
    flags: Option<[u64; 3]>,
    /// Bytes of the flags of what is seen, which layers share.
    visible: u64,
    result: u64,
    /// Whether the values are also the queries or keys, and so needed until the end.
    shared: bool,
    /// Which of queries, keys and values are layers that are computed when they are split, not before: ONNX Runtime computes
    /// those of a value last that is read last, so that values come after the scores.
    late: [bool; 3],
}

/// Layers that attention with a mask alone reads, by their numbers, with that of the attention.
pub(super) fn late(graph: &NetworkGraph) -> HashMap<usize, usize> {
    let mut readers = vec![0; graph.nodes.len()];
    graph.nodes.iter().flat_map(|node| &node.args).for_each(|arg| readers[arg.0] += 1);
    graph.outputs.iter().for_each(|(_, id)| readers[id.0] += 1);
    let masked = |node: &NetworkNode| match node.op {
        Op::Attention { causal, .. } => causal || node.args.len() > 3,
        _ => false,
    };
    let attentions = graph.nodes.iter().enumerate().filter(|(_, node)| masked(node));
    let layers = attentions.flat_map(|(at, node)| node.args[..3].iter().map(move |arg| (arg.0, at)));
    layers.filter(|(layer, _)| graph.nodes[*layer].op == Op::Linear && readers[*layer] == 1).collect()
}

impl Attended {
    pub(super) fn of(
        graph: &NetworkGraph,
        node: &NetworkNode,
        heads: usize,
        causal: bool,
        late: &HashMap<usize, usize>,
    ) -> Attended {
        let (batch, n, m) = (node.shape[0] as u64, node.shape[1] as u64, graph.shape(node.args[1])[1] as u64);
        let given = node.args.len() > 3;
        let along = |there: bool, length: u64| if there { length } else { 1 };
        Attended {
            heads: [0, 1, 2].map(|arg| bytes(&graph.nodes[node.args[arg].0])),
            scores: 4 * batch * heads as u64 * n * m,
            mask: (causal || given).then(|| 4 * along(given, batch) * along(causal, n) * m),
            visible: along(given, batch) * along(causal, n) * m,
            flags: (causal && given).then(|| [8 * m, n * m, batch * m]),
            result: bytes(node),
            shared: node.args[..2].contains(&node.args[2]),
            late: [0, 1, 2].map(|arg: usize| late.contains_key(&node.args[arg].0)),
        }
    }

    /// Allocates the intermediate values in the order of the operators, and returns the result; `ended` returns an
    /// argument that is not read afterwards. `visible` has the flags of the mask once they are computed.
    pub(super) fn take(
        &self,
        arena: &mut Arena,
        visible: &mut Option<Chunk>,
        ended: &mut dyn FnMut(usize) -> Option<Chunk>,
    ) -> Chunk {
        let mut split = |arena: &mut Arena, arg: usize| {
            let layer = self.late[arg].then(|| arena.take(self.heads[arg]));
            let heads = arena.take(self.heads[arg]);
            let given = if self.shared && arg < 2 { None } else { ended(arg) };
            layer.or(given).into_iter().for_each(|chunk| arena.give_back(chunk));
            heads
        };
        // The values read last are computed first.
        let order = if self.late[0] && self.late[1] { [1, 0] } else { [0, 1] };
        let split_before = order.map(|arg| split(arena, arg));
        let mut scores = arena.take(self.scores);
        split_before.into_iter().for_each(|heads| arena.give_back(heads));
        if let Some([positions, order, given]) = self.flags.filter(|_| visible.is_none()) {
            let positions = arena.take(positions);
            let order_flags = arena.take(order);
            arena.give_back(positions);
            let given_flags = arena.take(given);
            *visible = Some(arena.take(self.visible));
            [order_flags, given_flags].into_iter().for_each(|chunk| arena.give_back(chunk));
        }
        if let Some(mask) = self.mask {
            // The kernel of Where first selects the visible scores and the replacements, each with the extent of the
            // mask, and then joins them.
            let (seen, rest) = (arena.take(self.scores), arena.take(mask));
            let all = arena.take(self.scores);
            [seen, rest, scores].into_iter().for_each(|chunk| arena.give_back(chunk));
            scores = all;
        }
        let shares = arena.take(self.scores);
        arena.give_back(scores);
        let values = split(arena, 2);
        let result = arena.take(self.result);
        arena.give_back(shares);
        arena.give_back(values);
        result
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::Sizes;
    use crate::count::{WrittenAs, cost_as};
    use crate::onnx::Operators;
    use crate::text::Activation;
    use crate::text::clip::{self, ClipConfig};

    /// Bytes counted by ONNX Runtime's arena for causal encoders with a mask, over 77 tokens: the reference's, and those of the
    /// mid-size model `--for cpu`, the larger of which has a data file.
    #[test]
    fn text_encoders_hold_measured_bytes() {
        let sizes = Sizes { batch: 1, height: 1, width: 1, embedding: [1, 1], length: 77 };
        let reference = (2, 2, 4, WrittenAs::default());
        let mid_size = |mapped| (4, 4, 0, WrittenAs { operators: Operators::OnnxRuntime, mapped });
        for (hidden_size, (num_hidden_layers, inner, heads, written), held) in [
            (48, reference, 359e3),
            (32, reference, 339e3),
            (512, mid_size(false), 1.43e6),
            (768, mid_size(true), 3.14e6),
        ] {
            let config = ClipConfig {
                hidden_size,
                intermediate_size: inner * hidden_size,
                num_attention_heads: if heads > 0 { heads } else { hidden_size / 64 },
                num_hidden_layers,
                hidden_act: if heads > 0 { Activation::Gelu } else { Activation::QuickGelu },
                ..ClipConfig::big_g()
            };
            let predicted = cost_as(&clip::graph(&config, &sizes).unwrap(), written).activation_bytes as f64;
            assert!(
                (predicted / held - 1.).abs() < 0.05,
                "{hidden_size}: {predicted} predicted, {held} held"
            );
        }
    }
}
