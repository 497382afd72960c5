//! What is known of a graph's sizes before a run.

use std::collections::HashMap;

use wuerst_core::{Error, KnownLength, Ty, Value};

use crate::graph::Graph;

/// A graph, and what is known of its inputs.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) graph: &'a Graph,
    /// The nodes that are looked at, each after those that it uses.
    pub(crate) plan: &'a [usize],
    /// The values of the graph's inputs.
    pub(crate) inputs: &'a [Option<Value>],
    /// Whether an input without a value is left out; else it may still be set.
    pub(crate) resolved: bool,
}

/// Why a node cannot have its arguments.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The node, by index.
    pub(crate) node: usize,
    /// The argument to blame, by index, if it is one alone.
    pub(crate) arg: Option<usize>,
    pub(crate) error: Error,
}

/// The types that are known of a graph.
pub(crate) struct Sizes<'a> {
    pub(super) given: Given<'a>,
    pub(super) nodes: Vec<Seen>,
}

/// The types that are known of a node.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// The types of its results.
    pub(super) gives: Vec<Ty>,
    /// The lengths that it told by itself.
    pub(super) told: Vec<KnownLength>,
    /// Its results, as far as they are known without a run.
    pub(super) results: Vec<Option<Value>>,
}

/// Nodes of which something else is known than in [`Sizes`].
pub(super) type Others = HashMap<usize, Seen>;

impl<'a> Sizes<'a> {
    pub(crate) fn new(given: Given<'a>) -> Sizes<'a> {
        Sizes { given, nodes: vec![Seen::default(); given.graph.nodes.len()] }
    }

    /// The types that are known of a node.
    pub(super) fn of<'s>(&'s self, others: &'s Others, node: usize) -> &'s Seen {
        others.get(&node).unwrap_or(&self.nodes[node])
    }
}
