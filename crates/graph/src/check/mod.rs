//! From a file to a [`Graph`]: every question about the file is asked in a module of its own, and each
//! notes all the problems it finds, so that one check reports everything.
//!
//! A problem is reported where it is made and not again where it is felt: what depends on an unknown
//! node or a wrong declaration is passed over.

mod arguments;
mod cycles;
mod declarations;
mod types;
mod wires;
mod within;

use std::collections::HashMap;
use std::sync::Arc;

use wuerst_core::{Args, Diagnostic, Models, Node, Port, Registry, Value};

use crate::file::change::Change;
use crate::file::doc::{Doc, Entry, NodeDoc};
use crate::file::problems::{Place, Problems};
use crate::file::yaml;
use crate::graph::{Graph, Output, Role, Source, Step};
use crate::load::add::too_many;
pub(crate) use wires::plain;

/// Longer files are refused unread: in this size fit graphs of fifty thousand nodes.
pub(crate) const LONGEST: usize = 4 << 20;

/// Reads, changes and checks a graph file. `host` is what the names of models mean in changes.
pub(crate) fn load(
    text: &str,
    registry: &Registry,
    changes: &[Change<'_>],
    host: &Models,
) -> Result<Graph, Vec<Diagnostic>> {
    if text.len() > LONGEST {
        let mut problems = Problems::default();
        let (is, most) = (text.len(), LONGEST >> 20);
        problems.add(Place::root(), format!("{is} bytes are too many: a graph file has at most {most} MiB"));
        return Err(problems.sorted());
    }
    let read = yaml::read(text);
    let mut problems = if read.cut { Problems::of_cut_file() } else { Problems::default() };
    for yaml::Problem { mark, path, message } in read.problems {
        problems.add(Place::at(path, mark), message);
    }
    let mut doc = Doc::read(read.tree, &mut problems);
    doc.change(changes.iter().filter(|change| change.within().is_none()), &mut problems);
    let within: Vec<(&str, Change<'_>)> = changes.iter().filter_map(Change::within).collect();
    let mut absent = Problems::default();
    let graph = check(&doc, registry, (&within, host), &mut problems, &mut absent);
    match graph {
        Some(graph) if problems.is_empty() => Ok(Graph { absent: absent.sorted(), ..graph }),
        _ => Err(problems.and(absent).sorted()),
    }
}

/// What names mean in one graph. `None` stands for what is wrong, and reported already.
struct Scope<'a> {
    inputs: Vec<(&'a str, Option<Port>)>,
    nodes: Vec<(&'a str, Option<Arc<dyn Node>>)>,
    /// Where in `inputs` and `nodes` a name is found.
    input_named: HashMap<&'a str, usize>,
    node_named: HashMap<&'a str, usize>,
    models: &'a Models,
    /// The same in what comes from whoever runs the graph.
    host: Models,
}

/// An argument: where it stands, the port that it is for, and what it is, as far as that is known.
struct Argument {
    place: Place,
    /// Index of the node in the file, and of the port in the node's signature.
    step: usize,
    port: usize,
    source: Option<Source>,
}

fn check(
    doc: &Doc,
    registry: &Registry,
    (within, host): (&[(&str, Change<'_>)], &Models),
    problems: &mut Problems,
    absent: &mut Problems,
) -> Option<Graph> {
    declarations::needs(&doc.needs, registry, problems);
    declarations::providers(doc, registry, problems);
    let mut scope = Scope {
        inputs: declarations::inputs(&doc.inputs, registry.models(), problems, absent),
        nodes: declarations::kinds(doc, registry, problems),
        input_named: named(&doc.inputs),
        node_named: named(&doc.nodes),
        models: registry.models(),
        host: host.by_host(),
    };
    within::change(within, &mut scope, problems);
    let arguments: Vec<Vec<Argument>> = doc
        .nodes
        .iter()
        .enumerate()
        .map(|(step, entry)| arguments::of_node(step, entry, &scope, problems))
        .collect();
    let order = cycles::order(doc, &scope, problems);
    let outputs: Vec<Option<Source>> = doc.outputs.iter().map(|o| output(o, &scope, problems)).collect();
    let shapes = types::unify(&scope, arguments.iter().flatten(), problems);
    let known = doc.nodes.iter().zip(&scope.nodes);
    let known = known.filter_map(|(entry, (_, node))| Some((&entry.place, &**node.as_ref()?)));
    too_many(known, problems);
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
        let providers = entry.value.providers.iter().map(|provider| provider.value.clone()).collect();
        let node = scope.nodes[index].1.clone()?;
        let ports = 0..node.spec().signature.outputs.len();
        steps.push(Some(Arc::new(Step {
            id: entry.name.clone(),
            node,
            args,
            gives: ports.map(|port| shapes.of_source(&Source::Output { step: index, port })).collect(),
            providers,
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
        models: registry.models().clone(),
        index: Arc::default(),
        absent: Vec::new(),
    })
}

fn named<T>(entries: &[Entry<T>]) -> HashMap<&str, usize> {
    entries.iter().enumerate().map(|(index, entry)| (entry.name.as_str(), index)).collect()
}

fn output(entry: &Entry<String>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Source> {
    match wires::read(&entry.value) {
        Err(message) => problems.add(entry.place.clone(), message),
        Ok(wires::Read::Text(_)) => {
            let hint = scope.unmarked_wire(&entry.value);
            problems
                .add(entry.place.clone(), format!("wants a wire as `$node.port`, but this is text{hint}"));
        }
        Ok(wires::Read::Wire(wire)) => return scope.resolve(&wire, &entry.place, problems),
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
