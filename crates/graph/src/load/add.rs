//! Adds graph files as node kinds, in the order of their dependencies.

use std::fmt;

use wuerst_core::{Error, Models, Registry};

use super::subgraph::Subgraph;
use crate::file::doc::Doc;
use crate::file::problems::{Place, Problems};
use crate::file::yaml;
use crate::graph::Graph;

/// A graph file to be added as a node kind.
#[derive(Clone, Debug)]
pub struct GraphKind<'a> {
    /// The kind.
    pub kind: &'a str,
    /// The text of the file.
    pub text: &'a str,
    /// Resolves names of models and files in the graph; `None` resolves them as in any graph.
    pub models: Option<Models>,
}

/// Reason why a graph file cannot be a node kind.
#[derive(Debug)]
pub struct AddGraphError {
    /// Index of the graph file.
    pub index: usize,
    /// The error; places refer to the graph file's text.
    pub error: Error,
}

impl fmt::Display for AddGraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for AddGraphError {}

/// Adds graphs as node kinds, all or, after an error, none. They may use each other, in any order, but not themselves.
///
/// # Errors
/// The first graph that cannot be added, with the reason: its kind's name is taken or malformed, it uses itself directly
/// or through others, an output is optional, or an error of [`Graph::load`](crate::Graph::load).
pub fn add_graphs(registry: &mut Registry, graphs: &[GraphKind<'_>]) -> Result<(), AddGraphError> {
    // A name that is taken keeps its meaning here; the conflict is reported when the graph is added.
    let new: Vec<&str> =
        graphs.iter().map(|one| if registry.get(one.kind).is_none() { one.kind } else { "" }).collect();
    let uses: Vec<Vec<Use>> = graphs.iter().map(|one| uses(one.text, &new)).collect();
    let mut with = registry.clone();
    for index in order(&uses, graphs)? {
        let GraphKind { kind, text, models } = &graphs[index];
        let mut seen = with.clone();
        if let Some(models) = models {
            seen.set_models(models.clone());
        }
        let add = Graph::load(text, &seen)
            .and_then(|graph| Subgraph::of_graph(kind, graph, (*text).into(), seen))
            .and_then(|graph| with.add(graph));
        add.map_err(|error| AddGraphError { index, error })?;
    }
    *registry = with;
    Ok(())
}

/// A use of another graph that is added at the same time.
struct Use {
    graph: usize,
    place: Place,
}

fn uses(text: &str, new: &[&str]) -> Vec<Use> {
    // Problems are reported when the graph is loaded.
    let doc = Doc::read(yaml::read(text).tree, &mut Problems::default());
    let kinds = doc.nodes.into_iter().filter_map(|node| node.value.kind);
    let used = |kind: crate::file::doc::Entry<String>| {
        let graph = new.iter().position(|name| *name == kind.value)?;
        Some(Use { graph, place: kind.place })
    };
    kinds.filter_map(used).collect()
}

/// Indices of the graphs, each after those that it uses.
fn order(uses: &[Vec<Use>], graphs: &[GraphKind<'_>]) -> Result<Vec<usize>, AddGraphError> {
    let mut order = Vec::with_capacity(uses.len());
    // Quadratic, which suffices for the handful of graphs that a host adds.
    while order.len() < uses.len() {
        let ready =
            |at: &usize| !order.contains(at) && uses[*at].iter().all(|one| order.contains(&one.graph));
        match (0..uses.len()).find(ready) {
            Some(next) => order.push(next),
            None => return Err(circle(uses, &order, graphs)),
        }
    }
    Ok(order)
}

/// The error when each remaining graph uses another remaining one: following these uses leads to a cycle.
fn circle(uses: &[Vec<Use>], done: &[usize], graphs: &[GraphKind<'_>]) -> AddGraphError {
    let mut path: Vec<usize> = (0..uses.len()).find(|at| !done.contains(at)).into_iter().collect();
    while let Some(&last) = path.last() {
        let Some(next) = uses[last].iter().find(|one| !done.contains(&one.graph)) else { break };
        if let Some(from) = path.iter().position(|&at| at == next.graph) {
            path.drain(..from);
            break;
        }
        path.push(next.graph);
    }
    let index = path.first().copied().unwrap_or(0);
    let names: Vec<&str> = path.iter().chain(&[index]).map(|&at| graphs[at].kind).collect();
    let to = path.get(1).copied().unwrap_or(index);
    let place =
        uses[index].iter().find(|one| one.graph == to).map_or_else(Place::root, |one| one.place.clone());
    let mut problems = Problems::default();
    problems.add(place, format!("a graph cannot be a node of itself: {}", names.join(" -> ")));
    AddGraphError { index, error: Error::Graph(problems.sorted()) }
}
