//! How much of a network's work is the same in all steps.

use super::{elements, multiply_adds};
use crate::contract::STEPWISE;
use crate::record::{Graph, Id, Node, Op};

/// Multiply-adds that need not be done again in each step of sampling: of layers whose weights, by the name of the parameter,
/// are read by what is evaluated before the first.
pub fn once(graph: &Graph, read: impl Fn(&str) -> bool) -> u64 {
    let changes = graph.following(|input| STEPWISE.contains(&input.name.as_str()));
    let counted = |(at, node): (usize, &Node)| match node.args.get(1).map(|weight| &graph.nodes[weight.0].op)
    {
        Some(Op::Param(n)) if read(&graph.params[*n].name) => match changes[at] {
            false => multiply_adds(graph, node),
            true => still(graph, node, &changes),
        },
        _ => 0,
    };
    graph.nodes.iter().enumerate().map(counted).sum()
}

/// The share of a layer of what is joined of places that change and places that stay.
fn still(graph: &Graph, node: &Node, changes: &[bool]) -> u64 {
    let joined = &graph.nodes[node.args[0].0];
    let (Op::Linear, Op::Concat(axis)) = (&node.op, &joined.op) else { return 0 };
    if axis + 1 == joined.shape.len() {
        return 0;
    }
    let parts = joined.args.iter().filter(|part: &&Id| !changes[part.0]);
    let numbers: u64 = parts.map(|part| elements(graph.shape(*part))).sum();
    multiply_adds(graph, node) / elements(&joined.shape).max(1) * numbers
}

#[cfg(test)]
mod tests {
    use crate::contract::Sizes;
    use crate::count::once;
    use crate::prior::{PriorConfig, graph};

    #[test]
    fn what_follows_from_the_text_is_counted() {
        let config = PriorConfig { c: 64, c_cond: 32, depth: 2, nhead: 4, ..PriorConfig::default() };
        let sizes = Sizes { batch: 2, height: 6, width: 6, embedding: [0, 0], length: 7 };
        let network = graph(&config, &sizes).unwrap();
        let tokens = 2 * 7;
        // Two layers for all blocks, one for each, and of that keys and values.
        let mapped = tokens * (32 * 64 + 64 * 64);
        let (own, kept) = (2 * tokens * 64 * 64, 2 * 2 * tokens * 64 * 64);
        let named = |parts: &'static [&str]| move |name: &str| parts.iter().any(|part| name.contains(part));
        assert_eq!(once(&network, |_| false), 0);
        assert_eq!(once(&network, named(&["to_k", "to_v"])), kept);
        assert_eq!(once(&network, named(&["kv_mapper"])), own);
        assert_eq!(once(&network, |_| true), mapped + own + kept);
    }
}
