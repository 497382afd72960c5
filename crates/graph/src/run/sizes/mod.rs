//! Sizes that a run will meet, as far as they follow from what is known before it: a picture that no model takes is
//! refused before minutes of work, and not after them.

mod advice;
mod arguments;
mod numbers;
mod pictures;
mod trial;

use std::collections::HashMap;

use wuerst_core::{Dim, Error, KnownLength, Port, Ty, Value};

use self::arguments::Arguments;
use self::trial::Trial;
use super::values::Lengths;
use crate::graph::{Graph, Node};

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
    pub(crate) step: usize,
    /// The argument to blame, by index, if it is one alone.
    pub(crate) arg: Option<usize>,
    pub(crate) error: Error,
}

/// The types that are known of a graph.
pub(crate) struct Sizes<'a> {
    given: Given<'a>,
    nodes: Vec<Seen>,
}

/// The types that are known of a node.
#[derive(Clone, Default)]
struct Seen {
    /// The types of its results.
    gives: Vec<Ty>,
    /// The lengths that it told by itself.
    told: Vec<KnownLength>,
}

/// Nodes of which something else is known than in [`Sizes`].
type Others = HashMap<usize, Seen>;

impl<'a> Sizes<'a> {
    pub(crate) fn new(given: Given<'a>) -> Sizes<'a> {
        Sizes { given, nodes: vec![Seen::default(); given.graph.nodes.len()] }
    }

    /// Looks at a node; those that it uses have been looked at.
    ///
    /// # Errors
    /// Why it cannot have its arguments; with what would do, where sizes are to blame.
    pub(crate) fn look(&mut self, step: usize) -> Result<(), Fault> {
        let (seen, fault) = self.seen(step, &Trial::default(), &Others::new());
        self.nodes[step] = seen;
        fault.map_or(Ok(()), |fault| Err(self.advised(fault)))
    }

    /// The types that are known of a node.
    fn of<'s>(&'s self, others: &'s Others, step: usize) -> &'s Seen {
        others.get(&step).unwrap_or(&self.nodes[step])
    }

    /// Finds the types of a node, and why it cannot have its arguments.
    fn seen(&self, step: usize, trial: &Trial<'_>, others: &Others) -> (Seen, Option<Fault>) {
        let Node { kind: node, gives, .. } = &*self.given.graph.nodes[step];
        let signature = &node.spec().signature;
        let fault = |arg: Option<usize>, error: Error| Fault { step, arg, error };
        let arguments = match Arguments::of(self, step, trial, others) {
            Ok(arguments) => arguments,
            Err(error) => {
                return (Seen { gives: gives.clone(), told: Vec::new() }, Some(fault(None, error)));
            }
        };
        let (ports, args) = (&signature.inputs, arguments.args(&signature.inputs));
        let (mut lengths, mut wrong) = (Lengths::new(), None);
        for (arg, port) in ports.iter().enumerate() {
            if let Err(error) = arguments.bind(arg, port, &mut lengths) {
                wrong.get_or_insert(fault(Some(arg), error));
            }
        }
        let index = |port: &str| signature.input(port).map(|(arg, _)| arg);
        if wrong.is_none()
            && let Err(refusal) = node.check(&args)
        {
            wrong = Some(fault(refusal.port.as_deref().and_then(index), refusal.into()));
        }
        let mut told = node.lengths(&args);
        told.retain(|known| !trial.replaces(step, &known.dim));
        for KnownLength { dim, length, port } in &told {
            let bound = *lengths.entry(dim.clone()).or_insert(*length);
            if bound != *length && wrong.is_none() {
                let message = format!("makes `{dim}` {length}, where another argument makes it {bound}");
                wrong = Some(fault(index(port), Error::invalid(port.as_str(), message)));
            }
        }
        if wrong.is_none() {
            wrong = arguments.count(&**node).err().map(|(arg, error)| fault(Some(arg), error));
        }
        trial.replace(step, &mut lengths);
        let result = |(port, before): (&Port, &Ty)| {
            resolved(&port.ty, if trial.is_none() { before } else { &port.ty }, &lengths)
        };
        let gives = signature.outputs.iter().zip(gives).map(result).collect();
        (Seen { gives, told }, wrong)
    }
}

/// A type with the lengths that are known now, and those that were known before.
fn resolved(ty: &Ty, before: &Ty, lengths: &Lengths) -> Ty {
    let (Ty::Tensor { dtype, dims }, Ty::Tensor { dims: before, .. }) = (ty, before) else {
        return before.clone();
    };
    let dim = |(dim, before): (&Dim, &Dim)| match dim {
        Dim::Named(name) => lengths.get(name).map_or_else(|| before.clone(), |length| Dim::Fixed(*length)),
        fixed => fixed.clone(),
    };
    Ty::Tensor { dtype: *dtype, dims: dims.iter().zip(before).map(dim).collect() }
}
