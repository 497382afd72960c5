//! Notes: reports of allowed constructs that are usually mistakes. The graph still runs.

use wuerst_core::Ty;

use super::scope::{Argument, Scope};
use crate::file::doc::{Doc, Given};
use crate::file::problems::Problems;
use crate::file::yaml::Data;
use crate::graph::ValueSource;

/// Reports texts that equal the name of an input or a node's output, and that a dollar would make a wire.
pub(super) fn texts_like_inputs(doc: &Doc, scope: &Scope<'_>, notes: &mut Problems) {
    for (index, entry) in doc.nodes.iter().enumerate() {
        let Some(kind) = &scope.nodes[index].1 else { continue };
        for given in &entry.value.with {
            let Given::Tree(tree) = &given.value else { continue };
            let Data::Text(text) = &tree.data else { continue };
            let Some((_, port)) = kind.spec().signature.input(&given.name) else { continue };
            // A text that is not allowed has a problem reported already.
            let fits = port.ty == Ty::Text && port.choices.is_empty();
            // A single word that equals a node's name is usually meant as text.
            let named = text.contains('.') || scope.input_named.contains_key(text.as_str());
            let hint = if fits && named { scope.unmarked_wire(text) } else { String::new() };
            if !hint.is_empty() {
                notes.note(given.place.clone(), || format!("this is the text \"{text}\"{hint}"));
            }
        }
    }
}

/// Reports inputs that nothing reads, and nodes that no output needs.
pub(super) fn unused(
    doc: &Doc,
    arguments: &[Vec<Argument>],
    outputs: &[Option<ValueSource>],
    notes: &mut Problems,
) {
    let mut inputs = vec![false; doc.inputs.len()];
    let mut nodes = vec![false; doc.nodes.len()];
    let mut open = Vec::new();
    let mut mark = |source: &ValueSource, open: &mut Vec<usize>, needed: bool| match *source {
        ValueSource::Input(index) => inputs[index] = true,
        ValueSource::Output { node, .. } if needed && !nodes[node] => {
            nodes[node] = true;
            open.push(node);
        }
        _ => {}
    };
    outputs.iter().flatten().for_each(|source| mark(source, &mut open, true));
    while let Some(node) = open.pop() {
        arguments[node].iter().filter_map(|a| a.source.as_ref()).for_each(|s| mark(s, &mut open, true));
    }
    // Inputs read only by unused nodes are reported together with these nodes.
    arguments.iter().flatten().filter_map(|a| a.source.as_ref()).for_each(|s| mark(s, &mut open, false));
    for (entry, used) in doc.inputs.iter().zip(&inputs) {
        if !used {
            let name = &entry.name;
            notes.note(entry.place.clone().name(), || {
                format!("nothing reads this input: wire it as `${name}`, or remove it")
            });
        }
    }
    for (entry, used) in doc.nodes.iter().zip(&nodes) {
        if !used {
            let message = "no output of the graph needs this node, so it does not run: wire one of its outputs, or remove it";
            notes.note(entry.place.clone().name(), || message.to_owned());
        }
    }
}
