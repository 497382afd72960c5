//! Is the graph right? Every question about the file is asked in a module of its own, and each notes all the problems it finds, so that one check reports everything.
//!
//! A problem is reported where it is made and not again where it is felt: what depends on an unknown
//! node or a wrong declaration is passed over.

mod arguments;
mod cycles;
mod declarations;
pub(crate) mod scope;
mod types;
mod wires;

use std::sync::Arc;

use wuerst_core::{Args, Value};

use self::scope::{Argument, Scope};
use crate::file::doc::{Doc, Entry, NodeDoc};
use crate::file::problems::Problems;
use crate::file::wire::{self, Read};
use crate::graph::{Graph, Output, Role, Source, Step};

/// The graph that the file describes; `None` when something is wrong with it, which is noted.
pub(crate) fn graph(doc: &Doc, scope: Scope<'_>, problems: &mut Problems) -> Option<Graph> {
    let arguments: Vec<Vec<Argument>> = doc
        .nodes
        .iter()
        .enumerate()
        .map(|(step, entry)| arguments::of_node(step, entry, &scope, problems))
        .collect();
    let order = cycles::order(doc, &scope, problems);
    let outputs: Vec<Option<Source>> = doc.outputs.iter().map(|o| output(o, &scope, problems)).collect();
    let shapes = types::unify(&scope, arguments.iter().flatten(), problems);
    for (entry, arguments) in doc.nodes.iter().zip(&arguments) {
        node_check(entry, arguments, &scope, problems);
    }
    if !problems.is_empty() {
        return None;
    }

    // From here on nothing can be missing; `?` says so without a panic.
    let order = order?;
    let mut position = vec![0; order.len()];
    order.iter().enumerate().for_each(|(at, &step)| position[step] = at);
    let moved = |source: Source| match source {
        Source::Output { step, port } => Source::Output { step: position[step], port },
        other => other,
    };
    let mut steps: Vec<Option<Arc<Step>>> = Vec::new();
    for (index, (entry, arguments)) in doc.nodes.iter().zip(arguments).enumerate() {
        let args = arguments.into_iter().map(|a| a.source.map(moved)).collect::<Option<Vec<_>>>()?;
        let devices = entry.value.devices.iter().map(|device| device.value.clone()).collect();
        let node = scope.nodes[index].1.clone()?;
        let ports = 0..node.spec().signature.outputs.len();
        steps.push(Some(Arc::new(Step {
            id: entry.name.clone(),
            node,
            args,
            gives: ports.map(|port| shapes.of_source(&Source::Output { step: index, port })).collect(),
            devices,
            gates: Vec::new(),
            role: Role::Whole,
        })));
    }
    let named: Option<Vec<(&str, &Source)>> = doc
        .outputs
        .iter()
        .zip(&outputs)
        .map(|(entry, source)| Some((&*entry.name, source.as_ref()?)))
        .collect();
    let interface = shapes.interface(&named?);
    let outputs = doc.outputs.iter().zip(outputs).map(|(entry, source)| {
        let source = source?;
        let ty = shapes.of_source(&source);
        Some(Output { name: entry.name.clone(), ty, source: moved(source) })
    });
    Some(Graph {
        outputs: outputs.collect::<Option<_>>()?,
        inputs: scope.inputs.into_iter().map(|(_, port)| port).collect::<Option<_>>()?,
        nodes: order.into_iter().map(|step| steps[step].take()).collect::<Option<_>>()?,
        interface,
        models: scope.models.clone(),
        index: Arc::default(),
        missing_defaults: Vec::new(),
        warnings: Vec::new(),
    })
}

fn output(entry: &Entry<String>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Source> {
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

/// Asks the node itself about its literals.
fn node_check(entry: &Entry<NodeDoc>, arguments: &[Argument], scope: &Scope<'_>, problems: &mut Problems) {
    let Some(Some(node)) = arguments.first().map(|a| &scope.nodes[a.step].1) else { return };
    let known: Option<Vec<Option<Value>>> = arguments
        .iter()
        .map(|argument| match argument.source.as_ref()? {
            Source::Literal(value) => Some(Some(value.clone())),
            Source::Input(_) | Source::Output { .. } | Source::LeftOut => Some(None),
        })
        .collect();
    // A wrong argument is reported already, and may be what the node would complain about.
    let Some(known) = known else { return };
    let inputs = &node.spec().signature.inputs;
    if let Err(refusal) = node.check(&Args::new(inputs, &known)) {
        let blamed = refusal.port.and_then(|port| arguments.iter().find(|a| inputs[a.port].name == port));
        let place = blamed.map_or_else(|| entry.place.clone().name(), |argument| argument.place.clone());
        problems.add(place, refusal.message);
    }
}
