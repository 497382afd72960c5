//! Tests a change: whether the graph would accept other sizes.

use std::collections::HashSet;

use wuerst_core::{Ty, Value};

use crate::run::values::Lengths;

/// Changes to test.
#[derive(Default)]
pub(super) struct Trial<'t> {
    /// An argument of a node, by their indices, with another value.
    pub(super) argument: Option<(usize, usize, &'t Value)>,
    /// Dimensions of nodes' results with another length, or with an unknown one.
    pub(super) lengths: Vec<(usize, &'t str, Option<usize>)>,
    /// Tensor inputs of the graph, with other types.
    pub(super) inputs: Vec<(usize, Ty)>,
}

impl Trial<'_> {
    /// Whether there are no changes.
    pub(super) fn is_none(&self) -> bool {
        self.argument.is_none() && self.lengths.is_empty() && self.inputs.is_empty()
    }

    pub(super) fn value(&self, node: usize, arg: usize) -> Option<&Value> {
        self.argument.filter(|(own, index, _)| (*own, *index) == (node, arg)).map(|(.., value)| value)
    }

    pub(super) fn input(&self, index: usize) -> Option<&Ty> {
        self.inputs.iter().find(|(input, _)| *input == index).map(|(_, ty)| ty)
    }

    pub(super) fn replaces(&self, node: usize, dim: &str) -> bool {
        self.lengths.iter().any(|(own, name, _)| *own == node && *name == dim)
    }

    pub(super) fn replace(&self, node: usize, lengths: &mut Lengths) {
        for (_, dim, length) in self.lengths.iter().filter(|(own, ..)| *own == node) {
            match length {
                Some(length) => lengths.insert((*dim).to_owned(), *length),
                None => lengths.remove(*dim),
            };
        }
    }

    /// Nodes with changes of their own.
    pub(super) fn nodes(&self) -> HashSet<usize> {
        self.argument
            .iter()
            .map(|(node, ..)| *node)
            .chain(self.lengths.iter().map(|(node, ..)| *node))
            .collect()
    }
}
