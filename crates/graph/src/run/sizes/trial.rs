//! A change that is tried: whether the graph would take other sizes.

use std::collections::HashSet;

use wuerst_core::{Ty, Value};

use super::{Others, Sizes};
use crate::graph::ValueSource;
use crate::run::values::Lengths;

/// The differences that are tried.
#[derive(Default)]
pub(super) struct Trial<'t> {
    /// An argument of a node, by their indices, with another value.
    pub(super) argument: Option<(usize, usize, &'t Value)>,
    /// Dimensions of nodes' results with another length, or with none that is known.
    pub(super) lengths: Vec<(usize, &'t str, Option<usize>)>,
    /// Inputs of the graph that are tensors, with other types.
    pub(super) inputs: Vec<(usize, Ty)>,
}

impl Trial<'_> {
    /// Whether nothing is otherwise.
    pub(super) fn is_none(&self) -> bool {
        self.argument.is_none() && self.lengths.is_empty() && self.inputs.is_empty()
    }

    pub(super) fn value(&self, step: usize, arg: usize) -> Option<&Value> {
        self.argument.filter(|(node, index, _)| (*node, *index) == (step, arg)).map(|(.., value)| value)
    }

    pub(super) fn input(&self, index: usize) -> Option<&Ty> {
        self.inputs.iter().find(|(input, _)| *input == index).map(|(_, ty)| ty)
    }

    pub(super) fn replaces(&self, step: usize, dim: &str) -> bool {
        self.lengths.iter().any(|(node, name, _)| *node == step && *name == dim)
    }

    pub(super) fn replace(&self, step: usize, lengths: &mut Lengths) {
        for (_, dim, length) in self.lengths.iter().filter(|(node, ..)| *node == step) {
            match length {
                Some(length) => lengths.insert((*dim).to_owned(), *length),
                None => lengths.remove(*dim),
            };
        }
    }

    /// The nodes of which something would be otherwise by itself.
    fn nodes(&self) -> HashSet<usize> {
        self.argument
            .iter()
            .map(|(step, ..)| *step)
            .chain(self.lengths.iter().map(|(step, ..)| *step))
            .collect()
    }
}

impl Sizes<'_> {
    /// Whether every node could have its arguments then.
    pub(super) fn takes(&self, trial: &Trial<'_>) -> bool {
        let (own, mut others) = (trial.nodes(), Others::new());
        for &step in self.given.plan {
            let reached = |source: &ValueSource| match source {
                ValueSource::Output { node: step, .. } => others.contains_key(step),
                ValueSource::Input(index) => trial.input(*index).is_some(),
                ValueSource::Literal(_) | ValueSource::LeftOut => false,
            };
            if own.contains(&step) || self.given.graph.nodes[step].args.iter().any(reached) {
                let (seen, fault) = self.seen(step, trial, &others);
                if fault.is_some() {
                    return false;
                }
                others.insert(step, seen);
            }
        }
        true
    }
}
