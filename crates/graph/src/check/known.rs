//! Arguments of nodes as far as they are known before a run.

use wuerst_core::{Args, KnownLength, Value};

use super::scope::{Argument, Scope};
use crate::graph::ValueSource;

/// Known arguments of a node, in the order of its signature.
pub(super) struct Known {
    /// The literals.
    pub(super) values: Vec<Option<Value>>,
    /// Whether each will have a value; `None` if that depends on the caller of the graph.
    pub(super) given: Vec<Option<bool>>,
}

impl Known {
    /// `None` if an argument is wrong.
    pub(super) fn of(arguments: &[Argument], scope: &Scope<'_>) -> Option<Known> {
        let mut known = Known { values: Vec::new(), given: Vec::new() };
        for argument in arguments {
            let (value, given) = match argument.source.as_ref()? {
                source @ ValueSource::Literal(_) => (source.literal(), Some(true)),
                ValueSource::LeftOut => (None, Some(false)),
                ValueSource::Output { .. } => (None, Some(true)),
                ValueSource::Input(index) => {
                    let optional = scope.inputs[*index].1.as_ref()?.optional;
                    (None, (!optional).then_some(true))
                }
            };
            known.values.push(value);
            known.given.push(given);
        }
        Some(known)
    }
}

/// A known length of a node's dimension: the node's index, and the index of the port that decides it.
pub(super) struct Length {
    pub(super) node: usize,
    pub(super) port: usize,
    pub(super) known: KnownLength,
}

/// Lengths that nodes derive from their arguments.
pub(super) fn lengths(known: &[Option<Known>], scope: &Scope<'_>) -> Vec<Length> {
    let mut lengths = Vec::new();
    for (node, known) in known.iter().enumerate() {
        let (Some(known), Some(kind)) = (known, &scope.nodes[node].1) else { continue };
        let signature = &kind.spec().signature;
        for known in kind.lengths(&Args::in_check(&signature.inputs, &known.values, &known.given)) {
            if let Some((port, _)) = signature.input(&known.port) {
                lengths.push(Length { node, port, known });
            }
        }
    }
    lengths
}
