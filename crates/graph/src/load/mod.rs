//! Loads a graph file as a [`Graph`], or as a node kind of other graphs.

pub(crate) mod add;
mod expand;
mod known;
mod nested_changes;
mod subgraph;

use std::sync::Arc;

use wuerst_core::{Diagnostic, Error, Models, NodeKind, Registry, Result};

use crate::check;
use crate::check::scope::{Notes, Scope};
use crate::file::change::Change;
use crate::file::doc::Doc;
use crate::file::open::LONGEST;
use crate::file::problems::{Place, Problems};
use crate::file::yaml;
use crate::graph::Graph;
use crate::graph::index::Index;
use subgraph::Subgraph;

impl Graph {
    /// Reads and checks a graph file.
    ///
    /// # Errors
    /// [`Error::Graph`] with all problems, each with its place in `text`.
    pub fn load(text: &str, registry: &Registry) -> Result<Graph> {
        Graph::load_with(text, registry, &[])
    }

    /// Reads and checks a graph file with changes to its nodes.
    ///
    /// # Errors
    /// As [`Graph::load`]. Problems of a change have no line.
    pub fn load_with(text: &str, registry: &Registry, changes: &[Change<'_>]) -> Result<Graph> {
        Graph::load_for(text, registry, changes, registry.models())
    }

    /// Like `load_with`, with a separate resolver for names of models in changes.
    fn load_for(text: &str, registry: &Registry, changes: &[Change<'_>], host: &Models) -> Result<Graph> {
        load(text, registry, changes, host).map_err(Error::Graph)
    }
}

/// The [`Graph::warnings`] of a node kind that is a graph; empty for other kinds.
pub fn warnings(kind: &dyn NodeKind) -> &[Diagnostic] {
    Subgraph::of(kind).map_or(&[], |sub| sub.graph.warnings())
}

/// Reads, changes and checks a graph file. `host` resolves the names of models in changes.
fn load(
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
    let mut notes = Notes::default();
    let mut scope = Scope::read(&doc, registry, host, subgraph::models, &mut problems, &mut notes);
    nested_changes::change(&within, changed, &mut scope, &mut problems);
    let known = doc.nodes.iter().zip(&scope.nodes);
    let known = known.filter_map(|(entry, (_, kind))| Some((&entry.place, &**kind.as_ref()?)));
    expand::too_many(known, &mut problems);
    let graph = check::graph(&doc, scope, &mut problems).filter(|_| problems.is_empty()).map(|graph| {
        let graph = expand::expand(graph);
        let index = Arc::new(Index::of(&graph.inputs, &graph.nodes, &graph.outputs));
        let graph = Graph { index, ..graph };
        known::check(&graph, &doc, &mut problems, &mut notes.missing_defaults);
        graph
    });
    match graph {
        Some(graph) if problems.is_empty() => Ok(Graph {
            missing_defaults: notes.missing_defaults.sorted(),
            warnings: notes.warnings.sorted(),
            ..graph
        }),
        _ => Err(problems.and(notes.missing_defaults).sorted()),
    }
}

/// A nested graph with changes, checked again; places in errors refer to its own file.
fn changed(sub: &Subgraph, changes: &[Change<'_>], host: &Models) -> Result<Subgraph> {
    let graph = Graph::load_for(&sub.text, &sub.registry, changes, host)?;
    Subgraph::of_graph(sub.kind(), graph, Arc::clone(&sub.text), sub.registry.clone())
}
