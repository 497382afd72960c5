//! Lookup tables for the parts of a graph, which may have tens of thousands of nodes and inputs.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use wuerst_core::Port;

use super::node::{BoundaryCheck, Node, Output, ValueSource};

/// Indices of a graph's parts. Names and nodes keep their places while the graph lives.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) inputs: HashMap<String, usize>,
    pub(crate) outputs: HashMap<String, usize>,
    pub(crate) nodes: HashMap<String, usize>,
    /// The boundaries of a name, by node and number.
    boundaries: HashMap<String, Vec<(usize, usize)>>,
    /// For each input, the arguments (node and number) that were wired to it when the graph was loaded.
    readers: HashMap<usize, Vec<(usize, usize)>>,
}

impl Index {
    pub(crate) fn of(inputs: &[Port], nodes: &[Arc<Node>], outputs: &[Output]) -> Index {
        let mut index = Index {
            inputs: numbered(inputs.iter().map(|port| port.name.clone())),
            outputs: numbered(outputs.iter().map(|output| output.name.clone())),
            nodes: numbered(nodes.iter().map(|node| node.id.clone())),
            ..Index::default()
        };
        for (at, node) in nodes.iter().enumerate() {
            for (number, boundary) in node.boundaries.iter().enumerate() {
                index.boundaries.entry(boundary.name.clone()).or_default().push((at, number));
            }
            for (arg, source) in node.args.iter().enumerate() {
                if let ValueSource::Input(input) = *source {
                    index.readers.entry(input).or_default().push((at, arg));
                }
            }
        }
        index
    }

    /// The boundaries with this name, each with the index of its node.
    pub(crate) fn boundaries<'a>(
        &self,
        nodes: &'a [Arc<Node>],
        name: &str,
    ) -> Vec<(usize, &'a BoundaryCheck)> {
        let places = self.boundaries.get(name).into_iter().flatten();
        places.map(|&(node, number)| (node, &nodes[node].boundaries[number])).collect()
    }

    /// The arguments (node and number) that an input is wired to, without those replaced later.
    pub(crate) fn readers<'a>(
        &'a self,
        nodes: &'a [Arc<Node>],
        input: usize,
    ) -> impl Iterator<Item = (usize, usize)> + 'a {
        let places = self.readers.get(&input).into_iter().flatten().copied();
        places.filter(move |&(node, arg)| nodes[node].args[arg] == ValueSource::Input(input))
    }
}

fn numbered<K: Hash + Eq>(names: impl Iterator<Item = K>) -> HashMap<K, usize> {
    names.enumerate().map(|(at, name)| (name, at)).collect()
}
