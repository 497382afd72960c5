//! Sizes of a graph that are known before a run.

use std::collections::HashMap;

use wuerst_core::{Error, KnownLength, Ty, Unused, Value};

use crate::graph::Graph;

/// A graph with the known values of its inputs.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) graph: &'a Graph,
    /// Nodes to check, each after those that it uses.
    pub(crate) plan: &'a [usize],
    /// The values of the graph's inputs.
    pub(crate) inputs: &'a [Option<Value>],
    /// Whether inputs without a value are left out; otherwise they may still be set.
    pub(crate) resolved: bool,
}

/// Reason why a node refuses its arguments.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The node, by index.
    pub(crate) node: usize,
    /// Index of the argument to blame, if it is a single one.
    pub(crate) arg: Option<usize>,
    pub(crate) error: Error,
}

/// Known types of a graph.
pub(crate) struct Sizes<'a> {
    pub(super) given: Given<'a>,
    pub(super) nodes: Vec<Seen>,
}

/// Known types of a node.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// Types of its results.
    pub(super) gives: Vec<Ty>,
    /// Lengths that the node itself derives.
    pub(super) told: Vec<KnownLength>,
    /// Results that are known without a run.
    pub(super) results: Vec<Option<Value>>,
    /// Arguments without effect.
    pub(super) unused: Option<Unused>,
}

/// Nodes with other types than in [`Sizes`].
pub(super) type Others = HashMap<usize, Seen>;

impl<'a> Sizes<'a> {
    pub(crate) fn new(given: Given<'a>) -> Sizes<'a> {
        Sizes { given, nodes: vec![Seen::default(); given.graph.nodes.len()] }
    }

    pub(crate) fn given(&self) -> Given<'a> {
        self.given
    }

    /// Arguments of a node without effect.
    pub(crate) fn unused(&self, node: usize) -> Option<&Unused> {
        self.nodes[node].unused.as_ref()
    }

    /// Known types of a node.
    pub(super) fn of<'s>(&'s self, others: &'s Others, node: usize) -> &'s Seen {
        others.get(&node).unwrap_or(&self.nodes[node])
    }
}
