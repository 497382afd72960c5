//! Do wires lead somewhere? `$input`, `$node.port`, and `$$` for a plain dollar.

use super::Scope;
use crate::file::problems::{Place, Problems};
use crate::graph::Source;
use wuerst_core::did_you_mean;

/// Of more names than these none is listed.
const MOST_LISTED: usize = 12;

/// What a text in the file is.
pub(super) enum Read {
    /// A text, its `$$` undone.
    Text(String),
    Wire(Wire),
}

/// Names that lead to an input of the graph or to an output of a node.
pub(super) enum Wire {
    Input(String),
    Output { node: String, port: String },
}

/// Tells wires from texts.
///
/// # Errors
/// When it starts as a wire does, but is none.
pub(super) fn read(text: &str) -> Result<Read, String> {
    let Some(wire) = text.strip_prefix('$') else {
        return Ok(Read::Text(text.to_owned()));
    };
    if wire.starts_with('$') {
        return Ok(Read::Text(wire.to_owned()));
    }
    let name = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    match wire.split_once('.') {
        None if name(wire) => Ok(Read::Wire(Wire::Input(wire.to_owned()))),
        Some((node, port)) if name(node) && name(port) => {
            Ok(Read::Wire(Wire::Output { node: node.to_owned(), port: port.to_owned() }))
        }
        _ => {
            let forms = "a wire is `$input` or `$node.port`, and a text that starts with a dollar is `$$…`";
            Err(format!("`{text}` is no wire: {forms}"))
        }
    }
}

/// The text that is meant where there can be no wire.
///
/// # Errors
/// A sentence, when it is one.
pub(crate) fn plain(text: &str) -> Result<String, String> {
    match read(text)? {
        Read::Text(text) => Ok(text),
        Read::Wire(_) => {
            Err(format!("`{text}` is a wire, and from here none leads into a graph: give a value"))
        }
    }
}

impl Scope<'_> {
    /// Where a wire leads; `None` when nowhere, which is noted, or to something that is wrong itself.
    pub(super) fn resolve(&self, wire: &Wire, place: &Place, problems: &mut Problems) -> Option<Source> {
        match wire {
            Wire::Input(name) => {
                let found = self.input_named.get(name.as_str()).copied();
                if found.is_none() {
                    problems.missing(place.clone(), || self.no_input(name));
                }
                found.filter(|&index| self.inputs[index].1.is_some()).map(Source::Input)
            }
            Wire::Output { node, port } => {
                let Some(&step) = self.node_named.get(node.as_str()) else {
                    problems.missing(place.clone(), || self.no_node(node));
                    return None;
                };
                let signature = &self.nodes[step].1.as_ref()?.spec().signature;
                let found = signature.output(port);
                if found.is_none() {
                    let hint = match did_you_mean(port, signature.outputs.iter().map(|p| p.name.as_str())) {
                        hint if hint.is_empty() => format!("; it has {}", self.outputs_of(step)),
                        hint => hint,
                    };
                    problems.add(place.clone(), format!("`{node}` has no output `{port}`{hint}"));
                }
                found.map(|(port, _)| Source::Output { step, port })
            }
        }
    }

    /// A hint for a text that would be a wire if it began with a dollar.
    pub(super) fn unmarked_wire(&self, text: &str) -> String {
        let (name, is_node) = text.split_once('.').map_or((text, false), |(node, _)| (node, true));
        match (is_node, self.input_named.contains_key(name), self.node_named.get(name)) {
            (true, _, Some(_)) | (false, true, _) => format!("; did you mean `${text}`?"),
            (false, false, Some(&step)) => format!("; did you mean {}?", self.outputs_of(step)),
            _ => String::new(),
        }
    }

    fn no_input(&self, name: &str) -> String {
        if let Some(&step) = self.node_named.get(name) {
            return format!("`{name}` is a node, and a wire names its output: {}", self.outputs_of(step));
        }
        format!("no input `{name}`{}", near_or_all(name, self.inputs.iter().map(|(input, _)| *input)))
    }

    fn no_node(&self, name: &str) -> String {
        if self.input_named.contains_key(name) {
            return format!("`{name}` is an input, which is wired as `${name}`");
        }
        format!("no node `{name}`{}", near_or_all(name, self.nodes.iter().map(|(id, _)| *id)))
    }

    fn outputs_of(&self, step: usize) -> String {
        let (id, node) = &self.nodes[step];
        let ports = node.iter().flat_map(|node| &node.spec().signature.outputs);
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
