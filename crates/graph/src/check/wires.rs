//! Checks that wires lead to an input or an output.

use super::scope::Scope;
use crate::file::problems::{Place, Problems};
use crate::file::wire::Wire;
use crate::graph::ValueSource;
use wuerst_core::did_you_mean;

/// If there are more names than this, none is listed.
const MOST_LISTED: usize = 12;

impl Scope<'_> {
    /// The source of a wire; `None` if it does not exist, which is reported, or is itself wrong.
    pub(super) fn resolve(&self, wire: &Wire, place: &Place, problems: &mut Problems) -> Option<ValueSource> {
        match wire {
            Wire::Input(name) => {
                let found = self.input_named.get(name.as_str()).copied();
                if found.is_none() {
                    problems.missing(place.clone(), || self.no_input(name));
                }
                found.filter(|&index| self.inputs[index].1.is_some()).map(ValueSource::Input)
            }
            Wire::Output { node: name, port } => {
                let Some(&node) = self.node_named.get(name.as_str()) else {
                    problems.missing(place.clone(), || self.no_node(name));
                    return None;
                };
                let signature = &self.nodes[node].1.as_ref()?.spec().signature;
                let found = signature.output(port);
                if found.is_none() {
                    let hint = match did_you_mean(port, signature.outputs.iter().map(|p| p.name.as_str())) {
                        hint if hint.is_empty() => format!("; it has {}", self.outputs_of(node)),
                        hint => hint,
                    };
                    problems.add(place.clone(), format!("`{name}` has no output `{port}`{hint}"));
                }
                found.map(|(port, _)| ValueSource::Output { node, port })
            }
        }
    }

    /// A hint for a text that would be a wire with a dollar in front.
    pub(super) fn unmarked_wire(&self, text: &str) -> String {
        let (name, is_node) = text.split_once('.').map_or((text, false), |(node, _)| (node, true));
        match (is_node, self.input_named.contains_key(name), self.node_named.get(name)) {
            (true, _, Some(_)) | (false, true, _) => format!("; did you mean `${text}`?"),
            (false, false, Some(&node)) => format!("; did you mean {}?", self.outputs_of(node)),
            _ => String::new(),
        }
    }

    fn no_input(&self, name: &str) -> String {
        if let Some(&node) = self.node_named.get(name) {
            return format!("`{name}` is a node, and a wire names its output: {}", self.outputs_of(node));
        }
        format!("no input `{name}`{}", near_or_all(name, self.inputs.iter().map(|(input, _)| *input)))
    }

    fn no_node(&self, name: &str) -> String {
        if self.input_named.contains_key(name) {
            return format!("`{name}` is an input, which is wired as `${name}`");
        }
        format!("no node `{name}`{}", near_or_all(name, self.nodes.iter().map(|(id, _)| *id)))
    }

    fn outputs_of(&self, node: usize) -> String {
        let (id, kind) = &self.nodes[node];
        let ports = kind.iter().flat_map(|kind| &kind.spec().signature.outputs);
        let wires: Vec<String> = ports.map(|port| format!("`${id}.{}`", port.name)).collect();
        if wires.is_empty() { format!("`${id}.…`") } else { wires.join(", ") }
    }
}

/// The nearest name, or all of them if they are few.
fn near_or_all<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let hint = did_you_mean(name, known.clone());
    if !hint.is_empty() {
        return hint;
    }
    match known.clone().take(MOST_LISTED + 1).count() {
        0 => "; the graph has none".to_owned(),
        count if count <= MOST_LISTED => format!("; there are {}", known.collect::<Vec<_>>().join(", ")),
        _ => String::new(),
    }
}
