//! Applies a run's checks when the graph is loaded, using the files and numbers written in it.

use wuerst_core::{Error, Port, Value};

use crate::file::doc::Doc;
use crate::file::problems::{Place, Problems};
use crate::graph::Graph;
use crate::run::sizes::{Fault, Given, Sizes};

/// Adds certain problems to `problems`, and those caused by replaceable defaults of inputs to `defaults`.
pub(super) fn check(graph: &Graph, doc: &Doc, problems: &mut Problems, defaults: &mut Problems) {
    let nothing = vec![None; graph.inputs.len()];
    let default = |port: &Port| {
        port.default.as_ref().and_then(|value| port.admit(&port.name, value.clone(), &graph.models).ok())
    };
    let found = faults(graph, &graph.inputs.iter().map(default).collect::<Vec<_>>());
    if found.is_empty() {
        return;
    }
    let certain = faults(graph, &nothing);
    let same = |one: &Fault, other: &Fault| {
        (one.node, one.arg) == (other.node, other.arg) && one.error.to_string() == other.error.to_string()
    };
    for fault in found.iter().filter(|fault| !certain.iter().any(|other| same(fault, other))) {
        add(graph, doc, fault, defaults);
    }
    for fault in &certain {
        add(graph, doc, fault, problems);
    }
}

/// Reasons why nodes refuse their arguments, for these values of the inputs.
fn faults(graph: &Graph, inputs: &[Option<Value>]) -> Vec<Fault> {
    let plan: Vec<usize> = (0..graph.nodes.len()).collect();
    let mut sizes = Sizes::new(Given { graph, plan: &plan, inputs, resolved: false });
    plan.iter().filter_map(|&node| sizes.look(node).err()).collect()
}

fn add(graph: &Graph, doc: &Doc, fault: &Fault, problems: &mut Problems) {
    let node = &graph.nodes[fault.node];
    // For a node within a node that is a graph, this file contains the outer one.
    let (outer, inner) = node.id.split_once('/').map_or((node.id.as_str(), None), |(o, i)| (o, Some(i)));
    let port = fault.arg.map(|arg| node.kind.spec().signature.inputs[arg].name.as_str());
    let entry = doc.nodes.iter().find(|entry| entry.name == outer);
    let own = entry.zip(port.filter(|_| inner.is_none()));
    let given = own.and_then(|(entry, port)| entry.value.with.iter().find(|given| given.name == port));
    let place = match (given, entry) {
        (Some(given), _) => given.place.clone(),
        (None, Some(entry)) => entry.place.clone().name(),
        (None, None) => Place::root(),
    };
    let message = match &fault.error {
        Error::Invalid { message, .. } | Error::Refused { message, .. } => message.clone(),
        Error::Type { want, got, .. } => format!("wants {want}, but this is {got}"),
        other => other.to_string(),
    };
    problems.add(
        place,
        match (inner, port) {
            (Some(inner), Some(port)) => format!("`{inner}.{port}`: {message}"),
            (Some(inner), None) => format!("`{inner}`: {message}"),
            _ => message,
        },
    );
}
