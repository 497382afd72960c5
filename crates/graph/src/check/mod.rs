//! Checks a graph. Each kind of check has a module of its own and reports all the problems it finds, so that one run
//! reports everything.
//!
//! A problem is reported once, at its cause: checks skip parts that depend on an unknown node or a wrong declaration.

mod arguments;
mod cycles;
mod declarations;
mod known;
mod loras;
mod notes;
pub(crate) mod scope;
mod types;
mod wires;

use std::sync::Arc;

use wuerst_core::{Args, Ty};

use self::known::Known;
use self::scope::{Argument, Scope};
use crate::file::doc::{Doc, Entry, NodeDoc};
use crate::file::problems::Problems;
use crate::file::wire::{self, Read};
use crate::graph::{Graph, Node, Output, Role, ValueSource};

/// The graph described by the file; `None` if there are problems, which are reported.
pub(crate) fn graph(doc: &Doc, scope: Scope<'_>, problems: &mut Problems) -> Option<Graph> {
    let arguments: Vec<Vec<Argument>> = doc
        .nodes
        .iter()
        .enumerate()
        .map(|(node, entry)| arguments::of_node(node, entry, &scope, problems))
        .collect();
    let order = cycles::order(doc, &scope, problems);
    let outputs: Vec<Option<ValueSource>> = doc.outputs.iter().map(|o| output(o, &scope, problems)).collect();
    let known: Vec<Option<Known>> = arguments.iter().map(|node| Known::of(node, &scope)).collect();
    let lengths = known::lengths(&known, &scope);
    let shapes = types::unify(&scope, &lengths, arguments.iter().flatten(), problems);
    let ask = |types: &dyn Fn(&Argument) -> Option<Ty>, problems: &mut Problems| {
        for ((entry, arguments), known) in doc.nodes.iter().zip(&arguments).zip(&known) {
            // A wrong argument is reported already, and could cause the node's complaint.
            let Some(known) = known else { continue };
            let types: Vec<Option<Ty>> = arguments.iter().map(types).collect();
            node_check(entry, (arguments.as_slice(), known, types.as_slice()), &scope, problems);
        }
    };
    ask(&|_| None, problems);
    if !problems.is_empty() {
        // If there are no other problems, a later phase checks the sizes, when more of them are known.
        ask(&|argument| argument.source.as_ref().map(|source| shapes.of_source(source)), problems);
        notes::texts_like_inputs(doc, &scope, problems);
        return None;
    }
    let mut remarks = Problems::default();
    notes::texts_like_inputs(doc, &scope, &mut remarks);
    notes::unused(doc, &arguments, &outputs, &mut remarks);

    // All of these exist now; `?` avoids a panic.
    let order = order?;
    let mut position = vec![0; order.len()];
    order.iter().enumerate().for_each(|(at, &node)| position[node] = at);
    let moved = |source: ValueSource| match source {
        ValueSource::Output { node, port } => ValueSource::Output { node: position[node], port },
        other => other,
    };
    let mut nodes: Vec<Option<Arc<Node>>> = Vec::new();
    for (index, (entry, arguments)) in doc.nodes.iter().zip(arguments).enumerate() {
        let args = arguments.into_iter().map(|a| a.source.map(moved)).collect::<Option<Vec<_>>>()?;
        let devices = entry.value.devices.iter().map(|device| device.value.clone()).collect();
        let kind = scope.nodes[index].1.clone()?;
        let ports = 0..kind.spec().signature.outputs.len();
        nodes.push(Some(Arc::new(Node {
            id: entry.name.clone(),
            kind,
            args,
            gives: ports.map(|port| shapes.of_source(&ValueSource::Output { node: index, port })).collect(),
            devices,
            loras: scope.loras[index].clone(),
            boundaries: Vec::new(),
            role: Role::Whole,
        })));
    }
    let named: Option<Vec<(&str, &ValueSource)>> = doc
        .outputs
        .iter()
        .zip(&outputs)
        .map(|(entry, source)| Some((&*entry.name, source.as_ref()?)))
        .collect();
    let interface = shapes.interface(&named?);
    let outputs = doc.outputs.iter().zip(outputs).map(|(entry, source)| {
        let source = source?;
        let (ty, role) = (shapes.of_source(&source), shapes.role_of(&source));
        Some(Output { name: entry.name.clone(), ty, role, source: moved(source) })
    });
    Some(Graph {
        outputs: outputs.collect::<Option<_>>()?,
        inputs: scope.inputs.into_iter().map(|(_, port)| port).collect::<Option<_>>()?,
        nodes: order.into_iter().map(|node| nodes[node].take()).collect::<Option<_>>()?,
        interface,
        models: scope.models.clone(),
        index: Arc::default(),
        missing_defaults: Vec::new(),
        warnings: Vec::new(),
        notes: remarks.sorted(),
    })
}

fn output(entry: &Entry<String>, scope: &Scope<'_>, problems: &mut Problems) -> Option<ValueSource> {
    match wire::read(&entry.value) {
        Err(message) => problems.add(entry.place.clone(), message),
        Ok(Read::Text(_)) => {
            let hint = scope.unmarked_wire(&entry.value);
            problems
                .add(entry.place.clone(), format!("wants a wire as `$node.port`, but this is text{hint}"));
        }
        Ok(Read::Wire(wire)) => return scope.resolve(&wire, &entry.place, problems),
    }
    None
}

/// Lets the node check its literals.
fn node_check(
    entry: &Entry<NodeDoc>,
    (arguments, known, types): (&[Argument], &Known, &[Option<Ty>]),
    scope: &Scope<'_>,
    problems: &mut Problems,
) {
    let Some(Some(kind)) = arguments.first().map(|a| &scope.nodes[a.node].1) else { return };
    let inputs = &kind.spec().signature.inputs;
    let args = Args::in_check(inputs, &known.values, &known.given).with_types(types);
    if let Err(refusal) = kind.check(&args) {
        let blamed = refusal.port.and_then(|port| arguments.iter().find(|a| inputs[a.port].name == port));
        let place = blamed.map_or_else(|| entry.place.clone().name(), |argument| argument.place.clone());
        // A wire of the wrong type is reported already, and the node would report it again.
        if !problems.has(&place) {
            problems.add(place, refusal.message);
        }
    }
}
