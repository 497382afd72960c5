//! Memory use of attention in standard operators. ONNX Runtime splits queries, keys and values into heads, and stores the
//! scores of all pairs of tokens.

use super::arena::{Arena, Chunk};
use super::bytes;
use crate::record::{NetworkGraph, NetworkNode};

/// Bytes of intermediate values of attention in standard operators.
pub(super) struct Attended {
    /// Queries, keys and values by head, with their original sizes.
    heads: [u64; 3],
    scores: u64,
    /// The mask with a number for each flag; `None` without a mask.
    mask: Option<u64>,
    result: u64,
    /// Whether the values are also the queries or keys, and so needed until the end.
    shared: bool,
}

impl Attended {
    pub(super) fn of(graph: &NetworkGraph, node: &NetworkNode, heads: usize, causal: bool) -> Attended {
        let (batch, n, m) = (node.shape[0] as u64, node.shape[1] as u64, graph.shape(node.args[1])[1] as u64);
        let given = node.args.len() > 3;
        let along = |there: bool, length: u64| if there { length } else { 1 };
        Attended {
            heads: [0, 1, 2].map(|arg| bytes(&graph.nodes[node.args[arg].0])),
            scores: 4 * batch * heads as u64 * n * m,
            mask: (causal || given).then(|| 4 * along(given, batch) * along(causal, n) * m),
            result: bytes(node),
            shared: node.args[..2].contains(&node.args[2]),
        }
    }

    /// Allocates the intermediate values in the order of the operators, and returns the result; `ended` returns an
    /// argument that is not read afterwards.
    pub(super) fn take(&self, arena: &mut Arena, ended: &mut dyn FnMut(usize) -> Option<Chunk>) -> Chunk {
        let [queries, keys] = [0, 1].map(|arg| {
            let heads = arena.take(self.heads[arg]);
            if let Some(chunk) = if self.shared { None } else { ended(arg) } {
                arena.give_back(chunk);
            }
            heads
        });
        let mut scores = arena.take(self.scores);
        arena.give_back(queries);
        arena.give_back(keys);
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
        let values = arena.take(self.heads[2]);
        if let Some(chunk) = ended(2) {
            arena.give_back(chunk);
        }
        let result = arena.take(self.result);
        arena.give_back(shares);
        arena.give_back(values);
        result
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::Sizes;
    use crate::count::cost;
    use crate::text::clip::{self, ClipConfig};

    /// Bytes counted by ONNX Runtime's arena for the reference's encoders, which are causal and have a mask, over 77 tokens.
    #[test]
    fn masked_attention_holds_selected_scores() {
        let sizes = Sizes { batch: 1, height: 1, width: 1, embedding: [1, 1], length: 77 };
        for (hidden_size, held) in [(48, 359e3), (32, 339e3)] {
            let config = ClipConfig {
                hidden_size,
                intermediate_size: 2 * hidden_size,
                num_attention_heads: 4,
                num_hidden_layers: 2,
                ..ClipConfig::big_g()
            };
            let predicted = cost(&clip::graph(&config, &sizes).unwrap()).activation_bytes as f64;
            assert!((predicted / held - 1.).abs() < 0.05, "{predicted} predicted, {held} held");
        }
    }
}
