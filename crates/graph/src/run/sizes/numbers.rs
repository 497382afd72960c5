//! Suggests numbers that make sizes fit.

use wuerst_core::Value;

use super::advice::{Length, Root, around};
use super::arguments::Arguments;
use super::known::{Others, Sizes};
use super::trial::Trial;
use crate::graph::effective_inputs::allowed;
use crate::graph::{Node, ValueSource};

impl Sizes<'_> {
    /// Suggests values of the arguments behind a size.
    pub(super) fn numbers(&self, root: Root) -> Option<String> {
        let Root::Node(node) = root else { return None };
        let Node { kind, .. } = &*self.given.graph.nodes[node];
        let signature = &kind.spec().signature;
        let arguments = Arguments::of(self, node, &Trial::default(), &Others::new()).ok()?;
        let known = arguments.args(&signature.inputs);
        let told = self.lengths(root);
        let mut ways: Vec<(usize, &Length)> = Vec::new();
        for length in &told {
            let (port, _) = kind.value_for(&known, &length.0, length.1)?;
            ways.push((signature.input(port)?.0, length));
        }
        let mut parts: Vec<(String, String)> = Vec::new();
        for (arg, (dim, now)) in &ways {
            let (name, allows) = self.settable(node, *arg)?;
            if parts.iter().any(|(known, _)| *known == name) {
                continue;
            }
            // Lengths decided by other numbers need no change.
            let others = ways.iter().filter(|(other, _)| other != arg);
            let others: Vec<(usize, &str, Option<usize>)> =
                others.map(|(_, (dim, _))| (node, dim.as_str(), None)).collect();
            let taken = |length: usize| {
                let (_, value) = kind.value_for(&known, dim, length)?;
                let trial =
                    Trial { argument: Some((node, *arg, &value)), lengths: others.clone(), inputs: vec![] };
                (allows(&value) && self.takes(&trial)).then(|| value.to_string())
            };
            if taken(*now).is_some() {
                continue;
            }
            parts.push((name, either(&around(*now, taken))?));
        }
        match parts.split_first()? {
            ((_, value), rest) if rest.iter().all(|(_, other)| other == value) => {
                let mut names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
                // Pictures are called by their width first.
                names.sort_by_key(|name| !name.ends_with("width"));
                Some(format!("set {} to {value}", names.join(" and ")))
            }
            _ => {
                let parts: Vec<String> =
                    parts.iter().map(|(name, value)| format!("{name} to {value}")).collect();
                Some(format!("set {}", parts.join(" and ")))
            }
        }
    }

    /// Name under which a user sets an argument, and whether it allows a value.
    fn settable(&self, node: usize, arg: usize) -> Option<(String, impl Fn(&Value) -> bool)> {
        let graph = self.given.graph;
        let Node { id, kind, args, .. } = &*graph.nodes[node];
        let port = &kind.spec().signature.inputs[arg];
        let (name, input) = match args[arg] {
            ValueSource::Input(index) => (graph.inputs[index].name.clone(), Some(index)),
            ValueSource::Literal(_) | ValueSource::LeftOut => (format!("{id}.{}", port.name), None),
            ValueSource::Output { .. } => return None,
        };
        let allows = move |value: &Value| match input {
            Some(index) => graph.inputs[index].allows(value).is_ok() && allowed(graph, index, value).is_ok(),
            None => port.allows(value).is_ok(),
        };
        Some((name, allows))
    }
}

fn either(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join(" or "))
}
