//! Checks declarations: namespaces, inputs and node kinds that the graph refers to.

use std::sync::Arc;

use wuerst_core::{Models, NodeKind, Port, Registry, Ty};

use crate::file::doc::{Doc, Entry};
use crate::file::problems::Problems;
use crate::graph::each::Each;
use wuerst_core::did_you_mean;

/// Checks that the namespaces in `needs` are registered.
pub(super) fn needs(needs: &[Entry<String>], registry: &Registry, problems: &mut Problems) {
    let there = registry.namespaces();
    for need in needs.iter().filter(|need| !there.contains(need.name.as_str())) {
        let message = format!("nothing registered under `{}`: {}", need.name, need.value);
        problems.add(need.place.clone(), message);
    }
}

/// Checks that nodes may prefer the given devices. Reports lists under the old key separately.
pub(super) fn devices(doc: &Doc, registry: &Registry, problems: &mut Problems, warnings: &mut Problems) {
    for node in &doc.nodes {
        let devices = &node.value.devices;
        for Entry { place, value, .. } in devices {
            if let Err(message) = registry.device(value) {
                problems.add(place.clone(), message);
            }
        }
        if let Some(place) = &node.value.providers {
            let list: Vec<String> = devices.iter().map(|device| in_flow(&device.value)).collect();
            let message =
                format!("`providers` is now called `devices`: write `devices: [{}]`", list.join(", "));
            warnings.add(place.clone(), message);
        }
    }
}

/// Spelling of a device's name in a YAML list.
fn in_flow(device: &str) -> String {
    if device.contains(['{', ',']) { format!("\"{device}\"") } else { device.to_owned() }
}

/// Reads the declarations of the graph's inputs. Missing models and files among the defaults are reported separately.
pub(super) fn inputs<'a>(
    inputs: &'a [Entry<String>],
    models: &Models,
    problems: &mut Problems,
    missing: &mut Problems,
) -> Vec<(&'a str, Option<Port>)> {
    let mut declared = |input: &'a Entry<String>| {
        let port = Port::parse(&input.name, &input.value)
            .map_err(|error| problems.add(input.place.clone().within(error.column - 1), error.message))
            .ok();
        if let Some(port) = &port
            && let (Ty::Model | Ty::File, Some(default)) = (&port.ty, &port.default)
            && let Err(error) = port.admit(&port.name, default.clone(), models)
        {
            let before = input.value.find('"').unwrap_or(0);
            missing.add(input.place.clone().within(before), format!("the default: {error}"));
        }
        (input.name.as_str(), port)
    };
    inputs.iter().map(&mut declared).collect()
}

/// Looks up the kinds of the nodes. Old names are noted apart.
pub(super) fn kinds<'a>(
    doc: &'a Doc,
    registry: &Registry,
    problems: &mut Problems,
    warnings: &mut Problems,
) -> Vec<(&'a str, Option<Arc<dyn NodeKind>>)> {
    let there = registry.namespaces();
    let known = || registry.kinds().map(|kind| kind.spec().kind.as_str());
    let mut nodes = Vec::with_capacity(doc.nodes.len());
    for entry in &doc.nodes {
        let node = entry.value.kind.as_ref().and_then(|given| {
            let kind = given.value.as_str();
            let node = registry.get(kind).cloned();
            if let Some(new) = registry.renamed(kind) {
                warnings
                    .add(given.place.clone(), format!("`{kind}` is now called `{new}`: write `use: {new}`"));
            }
            if node.is_none() {
                let (space, _) = kind.split_once('.').unwrap_or((kind, ""));
                // The advice for a missing namespace is reported under `needs`.
                let needed = doc.needs.iter().any(|need| need.name == space) && !there.contains(space);
                let hint = match did_you_mean(kind, known()) {
                    _ if needed => String::new(),
                    hint if hint.is_empty() && !kind.contains('.') => without_namespace(kind, registry),
                    hint if hint.is_empty() => others(space, registry),
                    hint => hint,
                };
                problems.add(given.place.clone(), format!("no node kind `{kind}`{hint}"));
            }
            node
        });
        let node = node.and_then(|node| for_each(node, &entry.value.each, problems));
        nodes.push((entry.name.as_str(), node));
    }
    nodes
}

/// Wraps a kind to run for each entry of lists, if inputs with lists are named.
fn for_each(
    kind: Arc<dyn NodeKind>,
    each: &[Entry<String>],
    problems: &mut Problems,
) -> Option<Arc<dyn NodeKind>> {
    if each.is_empty() {
        return Some(kind);
    }
    let names: Vec<&str> = each.iter().map(|entry| entry.value.as_str()).collect();
    match Each::new(&kind, &names) {
        Ok(each) => Some(Arc::new(each)),
        Err((number, message)) => {
            problems.add(each[number].place.clone(), message);
            None
        }
    }
}

/// Suggests kinds with this name in any namespace, or lists the alternatives.
fn without_namespace(name: &str, registry: &Registry) -> String {
    let kinds = registry.kinds().map(|kind| kind.spec().kind.as_str());
    let named: Vec<String> = kinds
        .filter(|kind| kind.split_once('.').is_some_and(|(_, n)| n == name))
        .map(|k| format!("`{k}`"))
        .collect();
    if named.is_empty() { others(name, registry) } else { format!("; did you mean {}?", named.join(" or ")) }
}

/// Lists the alternatives: the kinds of the namespace, or the namespaces.
fn others(space: &str, registry: &Registry) -> String {
    let specs = registry.kinds().map(|kind| kind.spec());
    let kinds: Vec<&str> = specs.filter(|spec| spec.namespace() == space).map(|s| s.kind.as_str()).collect();
    match kinds.is_empty() {
        false => format!("; `{space}` has {}", kinds.join(", ")),
        true => {
            let spaces: Vec<&str> = registry.namespaces().into_iter().collect();
            let form = if space.is_empty() { "a kind is written `namespace.name`" } else { "" };
            match spaces.join(", ") {
                spaces if form.is_empty() => {
                    format!("; nothing is registered under `{space}`, only under {spaces}")
                }
                spaces => format!("; {form}, and there are the namespaces {spaces}"),
            }
        }
    }
}
