//! Advice for sizes that do not fit, in terms of the user's arguments: numbers to set, or sizes of pictures.

use std::collections::BTreeSet;

use wuerst_core::{Dim, Error, Port, Ty, Value};

use super::known::{Fault, Sizes};
use crate::graph::{Node, ValueSource};

/// Maximum distance of suggested sizes: published models make every multiple of 128.
const FURTHEST: usize = 256;

/// Larger graphs get no advice, since finding it would take long.
const MOST_NODES: usize = 1000;

/// Origin of a size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Root {
    /// A node that derives it from a number or a file.
    Node(usize),
    /// A tensor input of the graph.
    Input(usize),
}

/// A dimension with its present length.
pub(super) type Length = (String, usize);

impl Sizes<'_> {
    /// Adds advice to a fault, if any is found.
    pub(super) fn advised(&self, fault: Fault) -> Fault {
        let Some(advice) = self.advice(&fault) else { return fault };
        let error = match fault.error {
            Error::Invalid { what, message } => Error::invalid(what, format!("{message}; {advice}")),
            Error::Type { what, want, got } => {
                Error::invalid(what, format!("wants {want}, but this is {got}; {advice}"))
            }
            other => other,
        };
        Fault { error, ..fault }
    }

    fn advice(&self, fault: &Fault) -> Option<String> {
        if self.given.plan.len() > MOST_NODES {
            return None;
        }
        let args = &self.given.graph.nodes[fault.node].args;
        let blamed = &args[fault.arg?];
        let mut roots = self.roots(blamed);
        if roots.is_empty() {
            return None;
        }
        // If two arguments do not fit each other, either may change.
        for other in args {
            roots.extend(
                self.roots(other).into_iter().filter(|root| !roots.contains(root)).collect::<Vec<_>>(),
            );
        }
        let numbers = roots.iter().find_map(|root| self.numbers(*root));
        numbers.or_else(|| roots.iter().find_map(|root| self.pictures(*root)))
    }

    /// Origins of the sizes on a wire.
    fn roots(&self, wire: &ValueSource) -> Vec<Root> {
        let (mut roots, mut open, mut met) = (Vec::new(), vec![wire], BTreeSet::new());
        let mut add = |root: Root| {
            if !roots.contains(&root) {
                roots.push(root)
            }
        };
        while let Some(source) = open.pop() {
            let (node, port) = match *source {
                ValueSource::Output { node, port } => (node, port),
                ValueSource::Input(index) if matches!(self.given.inputs[index], Some(Value::Tensor(_))) => {
                    add(Root::Input(index));
                    continue;
                }
                _ => continue,
            };
            if !met.insert((node, port)) {
                continue;
            }
            let Node { kind, args, .. } = &*self.given.graph.nodes[node];
            let signature = &kind.spec().signature;
            if !matches!(signature.outputs[port].ty, Ty::Tensor { .. }) {
                // A number, possibly derived from sizes.
                open.extend(args);
            }
            for dim in names(&signature.outputs[port].ty) {
                match self.nodes[node].told.iter().find(|told| told.dim == dim) {
                    Some(told) => match signature.input(&told.port) {
                        Some((_, Port { ty: Ty::Model, .. })) | None => {}
                        Some((arg, Port { ty: Ty::Tensor { .. }, .. })) => open.push(&args[arg]),
                        Some((arg, _)) if matches!(args[arg], ValueSource::Output { .. }) => {
                            open.push(&args[arg]);
                        }
                        Some(_) => add(Root::Node(node)),
                    },
                    None => {
                        let same = signature.inputs.iter().zip(args);
                        open.extend(
                            same.filter(|(port, _)| names(&port.ty).any(|name| name == dim))
                                .map(|(_, wire)| wire),
                        );
                    }
                }
            }
        }
        roots
    }

    /// Dimensions that originate here, in the order of its type.
    pub(super) fn lengths(&self, root: Root) -> Vec<Length> {
        match root {
            Root::Node(node) => {
                let signature = &self.given.graph.nodes[node].kind.spec().signature;
                let own = |port: &str| {
                    let port = signature.input(port).map(|(_, port)| &port.ty);
                    port.is_some_and(|ty| !matches!(ty, Ty::Model | Ty::Tensor { .. }))
                };
                let told = self.nodes[node].told.iter().filter(|told| own(&told.port));
                told.map(|told| (told.dim.clone(), told.length)).collect()
            }
            Root::Input(index) => match (&self.given.graph.inputs[index].ty, &self.given.inputs[index]) {
                (Ty::Tensor { dims, .. }, Some(Value::Tensor(tensor))) => {
                    let named = dims.iter().zip(tensor.shape()).filter_map(|(dim, length)| match dim {
                        Dim::Named(name) => Some((name.clone(), *length)),
                        Dim::Fixed(_) => None,
                    });
                    named.collect()
                }
                _ => Vec::new(),
            },
        }
    }
}

/// The nearest accepted lengths, below and above.
pub(super) fn around<T>(length: usize, taken: impl Fn(usize) -> Option<T>) -> Vec<T> {
    let below = (1..=FURTHEST).map_while(|d| length.checked_sub(d).filter(|l| *l > 0)).find_map(&taken);
    let above = (1..=FURTHEST).map_while(|d| length.checked_add(d)).find_map(&taken);
    below.into_iter().chain(above).collect()
}

fn names(ty: &Ty) -> impl Iterator<Item = &str> {
    let dims = if let Ty::Tensor { dims, .. } = ty { dims.as_slice() } else { &[] };
    dims.iter().filter_map(|dim| if let Dim::Named(name) = dim { Some(name.as_str()) } else { None })
}
