//! Counts the work of a network that is equal in all steps, and the memory to keep its results.

use std::collections::BTreeMap;

use super::{bytes, elements, macs};
use crate::contract::STEPWISE;
use crate::record::{Id, NetworkGraph, NetworkNode, Op};

/// MACs that later sampling steps save: those of layers whose weights, by parameter name, are read by the step-invariant
/// part.
pub fn invariant(graph: &NetworkGraph, read: impl Fn(&str) -> bool) -> u64 {
    let changes = changing(graph);
    let counted =
        |(at, node): (usize, &NetworkNode)| match node.args.get(1).map(|weight| &graph.nodes[weight.0].op) {
            Some(Op::Param(n)) if read(&graph.params[*n].name) => match changes[at] {
                false => macs(graph, node),
                true => still(graph, node, &changes),
            },
            _ => 0,
        };
    graph.nodes.iter().enumerate().map(counted).sum()
}

/// For a layer over joined places: the fraction of places that do not change.
fn still(graph: &NetworkGraph, node: &NetworkNode, changes: &[bool]) -> u64 {
    let joined = &graph.nodes[node.args[0].0];
    macs(graph, node) / elements(&joined.shape).max(1) * still_numbers(graph, node, changes)
}

/// Input elements of a layer at places that do not change, if they are joined to places that change.
fn still_numbers(graph: &NetworkGraph, node: &NetworkNode, changes: &[bool]) -> u64 {
    if node.op != Op::Linear || !joins_places(&graph.nodes[node.args[0].0]) {
        return 0;
    }
    let joined = &graph.nodes[node.args[0].0];
    let parts = joined.args.iter().filter(|part: &&Id| !changes[part.0]);
    parts.map(|part| elements(graph.shape(*part))).sum()
}

fn joins_places(node: &NetworkNode) -> bool {
    matches!(node.op, Op::Concat(axis) if axis + 1 < node.shape.len())
}

/// Bytes kept from step to step when the step-invariant part is evaluated once: its outputs, and the unchanged parts of
/// layers over joined places.
pub(super) fn kept(graph: &NetworkGraph) -> u64 {
    let changes = changing(graph);
    let fixed = graph.fixed();
    // By value, since several operations may read it.
    let mut kept: BTreeMap<usize, u64> = BTreeMap::new();
    for (at, node) in graph.nodes.iter().enumerate().filter(|(at, _)| changes[*at]) {
        let still = still_numbers(graph, node, &changes);
        if still > 0 {
            // The part of the layer's result at unchanged places.
            kept.insert(at, bytes(node) * still / elements(graph.shape(node.args[0])));
        }
        if joins_places(node) {
            continue;
        }
        for arg in node.args.iter().filter(|arg| !changes[arg.0] && !fixed[arg.0]) {
            let source = narrowest(graph, *arg);
            if !matches!(graph.nodes[source.0].op, Op::Input(_)) {
                kept.insert(source.0, bytes(&graph.nodes[source.0]));
            }
        }
    }
    kept.values().sum()
}

/// Whether each value changes from step to step. A resize depends only on the extents of its reference image, which do
/// not change.
fn changing(graph: &NetworkGraph) -> Vec<bool> {
    let mut changes: Vec<bool> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        changes.push(match node.op {
            Op::Input(n) => STEPWISE.contains(&graph.inputs[n].name.as_str()),
            Op::CubicResize | Op::LinearResize => changes[node.args[0].0],
            _ => node.args.iter().any(|arg| changes[arg.0]),
        });
    }
    changes
}

/// The few channels before a 1×1 convolution, which layers read in place of its result.
fn narrowest(graph: &NetworkGraph, id: Id) -> Id {
    let node = &graph.nodes[id.0];
    match node.op {
        Op::ImageToTokens => narrowest(graph, node.args[0]),
        Op::Conv { groups: 1, .. } if graph.shape(node.args[1])[2..] == [1, 1] => {
            narrowest(graph, node.args[0])
        }
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::kept;
    use crate::contract::Sizes;
    use crate::count::invariant;
    use crate::prior::{PriorConfig, graph};

    #[test]
    fn step_invariant_macs_are_counted() {
        let config = PriorConfig { c: 64, c_cond: 32, depth: 2, nhead: 4, ..PriorConfig::default() };
        let sizes = Sizes { batch: 2, height: 6, width: 6, embedding: [0, 0], length: 7 };
        let network = graph(&config, &sizes).unwrap();
        let tokens = 2 * 7;
        // Two layers for all blocks, one for each, and of that keys and values.
        let mapped = tokens * (32 * 64 + 64 * 64);
        let (own, keys) = (2 * tokens * 64 * 64, 2 * 2 * tokens * 64 * 64);
        let named = |parts: &'static [&str]| move |name: &str| parts.iter().any(|part| name.contains(part));
        assert_eq!(invariant(&network, |_| false), 0);
        assert_eq!(invariant(&network, named(&["to_k", "to_v"])), keys);
        assert_eq!(invariant(&network, named(&["kv_mapper"])), own);
        assert_eq!(invariant(&network, |_| true), mapped + own + keys);
    }

    #[test]
    fn keys_and_values_are_kept() {
        let config = PriorConfig { c: 64, c_cond: 32, depth: 2, nhead: 4, ..PriorConfig::default() };
        let sizes = Sizes { batch: 2, height: 6, width: 6, embedding: [0, 0], length: 7 };
        // Of each of two blocks, in four bytes.
        assert_eq!(kept(&graph(&config, &sizes).unwrap()), 2 * 2 * (2 * 7 * 64 * 4));
    }
}
