//! Completions, hovers, definitions and renames.

use std::fs;

use serde_json::{Value as Json, json};
use wuerst::core::{NodeKind, Port, Registry, Ty};
use wuerst::graph::{OutlineNode, describe};

use super::document::{Document, Symbol, is_name, touches_name};

/// Maximum number of proposed models.
const MOST_MODELS: usize = 1000;

/// Completions possible at a place.
pub(super) fn completion(document: &Document, at: usize, registry: &Registry) -> Json {
    let before = document.before(at);
    let item =
        |label: &str, kind: u32, detail: String| json!({ "label": label, "kind": kind, "detail": detail });
    let last = before.rfind(|c| !(is_name(c) || c == '.')).map_or(0, |end| end + 1);
    let last = (last..=before.len()).find(|at| before.is_char_boundary(*at)).unwrap_or(before.len());
    let (head, word) = before.split_at(last);
    if head.ends_with('$') {
        return wires(document, word, registry);
    }
    let key = head.trim_end().strip_suffix(':').map(|key| {
        let start = key.rfind(|c| !is_name(c)).map_or(0, |end| end + 1);
        key.get(start..).unwrap_or_default()
    });
    if key == Some("use") {
        let kinds = registry.kinds().map(|kind| kind.spec());
        return kinds.map(|spec| item(&spec.kind, 3, first_sentence(&spec.about))).collect();
    }
    let Some(node) = document.node_at(at) else { return json!([]) };
    let kind = node.kind.as_ref().and_then(|kind| registry.get(kind));
    match (key, kind) {
        (Some(key), Some(kind)) => value(document, kind.spec().signature.input(key).map(|(_, port)| port)),
        (None, Some(kind)) if head.trim().is_empty() || head.trim_end().ends_with(['{', ',']) => {
            let given = |port: &&Port| node.arguments.iter().all(|(name, _)| *name != port.name);
            let ports = kind.spec().signature.inputs.iter().filter(given);
            ports.map(|port| item(&port.name, 5, format!("{port}  {}", port.about))).collect()
        }
        _ => json!([]),
    }
}

/// Inputs and nodes, or the outputs of a node.
fn wires(document: &Document, word: &str, registry: &Registry) -> Json {
    if let Some((name, _)) = word.split_once('.') {
        let kind = document.node(name).and_then(|node| registry.get(node.kind.as_ref()?));
        let outputs = kind.map(|kind| kind.spec().signature.outputs.as_slice()).unwrap_or_default();
        return outputs
            .iter()
            .map(|port| json!({ "label": port.name, "kind": 5, "detail": format!("{port}  {}", port.about) }))
            .collect();
    }
    let inputs = document.outline.inputs.iter();
    let inputs = inputs.map(|input| json!({ "label": input.name, "kind": 6, "detail": input.declaration }));
    let nodes = document.outline.nodes.iter();
    let nodes = nodes.map(|node| json!({ "label": node.name, "kind": 9, "detail": node.kind }));
    inputs.chain(nodes).collect()
}

/// Values of an argument: models, choices, or true and false.
fn value(document: &Document, port: Option<&Port>) -> Json {
    let labels =
        |labels: Vec<String>| labels.iter().map(|label| json!({ "label": label, "kind": 12 })).collect();
    match port {
        Some(port) if port.ty == Ty::Model => {
            let entries = document.models.as_ref().and_then(|folder| fs::read_dir(folder).ok());
            let files =
                entries.into_iter().flatten().flatten().take(MOST_MODELS).map(|entry| entry.file_name());
            let names = files.filter_map(|file| file.to_str()?.strip_suffix(".onnx").map(str::to_owned));
            let mut names: Vec<String> = names.collect();
            names.sort();
            labels(names)
        }
        Some(port) if port.ty == Ty::Bool => labels(vec!["true".into(), "false".into()]),
        Some(port) => labels(port.choices.clone()),
        None => json!([]),
    }
}

/// Description of the name at a place.
pub(super) fn hover(document: &Document, at: usize, registry: &Registry) -> Json {
    let shown = |text: String| json!({ "contents": { "kind": "markdown", "value": text } });
    let code = |text: &str| format!("```\n{}\n```", text.trim_end());
    let kind_of = |name: &str| document.node(name).and_then(|node| registry.get(node.kind.as_ref()?));
    let wires = document.wires();
    let wire = wires.iter().find(|wire| {
        let end = wire.place.end + wire.port.map_or(0, |port| port.len() + 1);
        (wire.place.start - 1..=end).contains(&at)
    });
    if let Some(wire) = wire {
        let Some(name) = wire.port else {
            let input = document.outline.inputs.iter().find(|input| input.name == wire.name);
            return input
                .map_or(Json::Null, |input| shown(code(&format!("{}: {}", input.name, input.declaration))));
        };
        let port = kind_of(wire.name).and_then(|kind| Some(kind.spec().signature.output(name)?.1.clone()));
        return port.map_or(Json::Null, |port| shown(format!("{}\n{}", code(&port.to_string()), port.about)));
    }
    let word = document.word_at(at);
    if let Some(kind) = registry.get(word) {
        return shown(code(&describe(kind.spec())));
    }
    let node = document.node_at(at);
    let kind = node.and_then(|node| registry.get(node.kind.as_ref()?));
    let position = document.position(at);
    let is_argument = |node: &OutlineNode| {
        node.arguments.iter().any(|(name, place)| name == word && touches_name(position, *place, name))
    };
    match (node, kind) {
        (Some(node), Some(kind)) if node.name == word => shown(code(&describe(kind.spec()))),
        (Some(node), Some(kind)) if is_argument(node) => argument(&**kind, word).map_or(Json::Null, shown),
        _ => Json::Null,
    }
}

fn argument(kind: &dyn NodeKind, name: &str) -> Option<String> {
    let (_, port) = kind.spec().signature.input(name)?;
    Some(format!("```\n{port}\n```\n{}", port.about))
}

/// Location of a name's declaration.
pub(super) fn definition(document: &Document, at: usize, uri: &str) -> Json {
    let place = document.symbol_at(at).and_then(|symbol| document.declaration(symbol));
    place.map_or(Json::Null, |place| json!({ "uri": uri, "range": document.range(&place) }))
}

/// The edits that give an input or a node another name.
pub(super) fn rename(document: &Document, at: usize, uri: &str, new: &str) -> Result<Json, String> {
    let begins = new.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let Some(symbol) = document.symbol_at(at) else {
        return Err("no input or node has its name here".into());
    };
    let (old, node) = match symbol {
        Symbol::Input(name) => (name, false),
        Symbol::Node(name) => (name, true),
    };
    if !begins || !new.chars().all(|c| is_name(c) && (node || c != '-')) {
        return Err(format!("`{new}` is not a name: a letter, then letters, digits and `_`"));
    }
    let outline = &document.outline;
    let taken = match symbol {
        Symbol::Input(_) => outline.inputs.iter().any(|input| input.name == new),
        Symbol::Node(_) => document.node(new).is_some(),
    };
    if taken && new != old {
        return Err(format!("`{new}` is there already: take another name"));
    }
    let uses = document.wires().into_iter().filter(|wire| wire.name == old && wire.port.is_some() == node);
    let places = document.declaration(symbol).into_iter().chain(uses.map(|wire| wire.place));
    let edits: Vec<Json> =
        places.map(|place| json!({ "range": document.range(&place), "newText": new })).collect();
    Ok(json!({ "changes": { uri: edits } }))
}

fn first_sentence(about: &str) -> String {
    about.split_inclusive(". ").next().unwrap_or_default().trim().to_owned()
}
