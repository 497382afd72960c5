//! Determines the sizes of nodes' results in order, and whether the nodes accept their arguments.

use wuerst_core::{Dim, Error, KnownLength, Port, Ty};

use super::arguments::Arguments;
use super::known::{Fault, Others, Seen, Sizes};
use super::trial::Trial;
use crate::graph::{Node, ValueSource};
use crate::run::values::Lengths;

impl Sizes<'_> {
    /// Determines the sizes of a node's results; nodes that it uses come first.
    ///
    /// # Errors
    /// The reason why it refuses its arguments, with advice for sizes.
    pub(crate) fn look(&mut self, node: usize) -> Result<(), Fault> {
        let (seen, fault) = self.seen(node, &Trial::default(), &Others::new());
        self.nodes[node] = seen;
        fault.map_or(Ok(()), |fault| Err(self.advised(fault)))
    }

    /// Finds the types of a node, and the reason if it refuses its arguments.
    fn seen(&self, node: usize, trial: &Trial<'_>, others: &Others) -> (Seen, Option<Fault>) {
        let Node { kind, gives, .. } = &*self.given.graph.nodes[node];
        let signature = &kind.spec().signature;
        let fault = |arg: Option<usize>, error: Error| Fault { node, arg, error };
        let arguments = match Arguments::of(self, node, trial, others) {
            Ok(arguments) => arguments,
            Err(error) => {
                return (Seen { gives: gives.clone(), ..Seen::default() }, Some(fault(None, error)));
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
            && let Err(refusal) = kind.check(&args)
        {
            wrong = Some(fault(refusal.port.as_deref().and_then(index), refusal.into()));
        }
        let mut told = kind.lengths(&args);
        told.retain(|known| !trial.replaces(node, &known.dim));
        for KnownLength { dim, length, port } in &told {
            let bound = *lengths.entry(dim.clone()).or_insert(*length);
            if bound != *length && wrong.is_none() {
                let message = format!("makes `{dim}` {length}, where another argument makes it {bound}");
                wrong = Some(fault(index(port), Error::invalid(port.as_str(), message)));
            }
        }
        if wrong.is_none() {
            wrong = arguments.count(&**kind).err().map(|(arg, error)| fault(Some(arg), error));
        }
        trial.replace(node, &mut lengths);
        let result = |(port, before): (&Port, &Ty)| {
            resolved(&port.ty, if trial.is_none() { before } else { &port.ty }, &lengths)
        };
        let gives = signature.outputs.iter().zip(gives).map(result).collect();
        let (results, unused) = match wrong {
            None => (kind.known_results(&args), kind.unused(&args)),
            Some(_) => (Vec::new(), None),
        };
        (Seen { gives, told, results, unused }, wrong)
    }
}

impl Sizes<'_> {
    /// Whether every node would accept its arguments.
    pub(super) fn takes(&self, trial: &Trial<'_>) -> bool {
        let (own, mut others) = (trial.nodes(), Others::new());
        for &node in self.given.plan {
            let reached = |source: &ValueSource| match source {
                ValueSource::Output { node, .. } => others.contains_key(node),
                ValueSource::Input(index) => trial.input(*index).is_some(),
                ValueSource::Literal(_) | ValueSource::LeftOut => false,
            };
            if own.contains(&node) || self.given.graph.nodes[node].args.iter().any(reached) {
                let (seen, fault) = self.seen(node, trial, &others);
                if fault.is_some() {
                    return false;
                }
                others.insert(node, seen);
            }
        }
        true
    }
}

/// A type with the lengths known now and before.
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
