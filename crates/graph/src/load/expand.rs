//! Nodes that are graphs give way to the nodes within.

use std::sync::Arc;

use wuerst_core::NodeKind;

use super::subgraph::Subgraph;
use crate::file::problems::{Place, Problems};
use crate::graph::{BoundaryCheck, Graph, Node, Output, ValueSource};

/// As many nodes may a graph have in all. Graphs in graphs in graphs could double it with each line of text.
const MOST: usize = 100_000;

/// How many nodes a node stands for.
fn size(kind: &dyn NodeKind) -> usize {
    Subgraph::of(kind).map_or(1, |sub| sub.graph.nodes.len())
}

/// Notes the node with which a graph gets too many nodes, those within graphs counted.
pub(crate) fn too_many<'a>(
    nodes: impl Iterator<Item = (&'a Place, &'a dyn NodeKind)>,
    problems: &mut Problems,
) {
    let mut sum = 0;
    for (place, kind) in nodes {
        let before = sum;
        sum += size(kind);
        if before <= MOST && sum > MOST {
            let kind = &kind.spec().kind;
            let message = format!("with the nodes in `{kind}` the graph has more than {MOST} nodes");
            problems.add(place.clone(), message);
        }
    }
}

/// The graph with the nodes of its graphs in their places, each after those that it uses as before.
pub(crate) fn expand(graph: Graph) -> Graph {
    if !graph.nodes.iter().any(|node| Subgraph::of(&*node.kind).is_some()) {
        return graph;
    }
    let mut nodes: Vec<Arc<Node>> = Vec::new();
    // Where the outputs of each node of the old graph come from now.
    let mut gives: Vec<Vec<ValueSource>> = Vec::new();
    for node in graph.nodes {
        let args = node.args.iter().map(|source| moved(source, &gives)).collect();
        let node = Node { args, ..Arc::unwrap_or_clone(node) };
        match Subgraph::of(&*node.kind) {
            None => {
                let (at, outputs) = (nodes.len(), node.kind.spec().signature.outputs.len());
                gives.push((0..outputs).map(|port| ValueSource::Output { node: at, port }).collect());
                nodes.push(Arc::new(node));
            }
            Some(sub) => {
                let within = Within { outer: &node, sub, begin: nodes.len() };
                gives.push(sub.graph.outputs.iter().map(|output| within.source(&output.source)).collect());
                nodes.extend(sub.graph.nodes.iter().map(|inner| Arc::new(within.node(inner))));
                // What is known of its outputs here is known of the nodes that they come from.
                for (output, ty) in sub.graph.outputs.iter().zip(&node.gives) {
                    if let ValueSource::Output { node, port } = output.source {
                        Arc::make_mut(&mut nodes[within.begin + node]).gives[port] = ty.clone();
                    }
                }
            }
        }
    }
    let outputs = graph.outputs.into_iter();
    let outputs = outputs.map(|output| Output { source: moved(&output.source, &gives), ..output }).collect();
    Graph { nodes, outputs, ..graph }
}

fn moved(source: &ValueSource, gives: &[Vec<ValueSource>]) -> ValueSource {
    match *source {
        ValueSource::Output { node, port } => gives[node][port].clone(),
        ref other => other.clone(),
    }
}

/// A node that is a graph.
struct Within<'a> {
    outer: &'a Node,
    sub: &'a Subgraph,
    /// The index of the first node within.
    begin: usize,
}

impl Within<'_> {
    fn source(&self, source: &ValueSource) -> ValueSource {
        match *source {
            ValueSource::Input(index) => match &self.outer.args[index] {
                ValueSource::Literal(value) => {
                    ValueSource::Literal(self.sub.spec.signature.inputs[index].ty.widen(value.clone()))
                }
                other => other.clone(),
            },
            ValueSource::Output { node, port } => ValueSource::Output { node: self.begin + node, port },
            ref other => other.clone(),
        }
    }

    fn node(&self, inner: &Node) -> Node {
        let arg = |(arg, source): (usize, &ValueSource)| match self.source(source) {
            // Without a default that cannot be had, since it was checked when the graph within was.
            ValueSource::LeftOut => match inner.default(arg, &self.sub.graph.models) {
                Ok(Some(default)) => ValueSource::Literal(default),
                Ok(None) | Err(_) => ValueSource::LeftOut,
            },
            source => source,
        };
        let boundary = |(arg, source): (usize, &ValueSource)| match *source {
            ValueSource::Input(index) => {
                let port = &self.sub.spec.signature.inputs[index];
                let default = port.default.clone();
                Some(BoundaryCheck {
                    arg,
                    name: format!("{}.{}", self.outer.id, port.name),
                    port: Arc::new(port.clone()),
                    default: default
                        .and_then(|value| port.admit(&port.name, value, &self.sub.graph.models).ok()),
                })
            }
            _ => None,
        };
        let own = inner.boundaries.iter().map(|boundary| BoundaryCheck {
            name: format!("{}/{}", self.outer.id, boundary.name),
            ..boundary.clone()
        });
        Node {
            id: format!("{}/{}", self.outer.id, inner.id),
            kind: Arc::clone(&inner.kind),
            args: inner.args.iter().enumerate().map(arg).collect(),
            gives: inner.gives.clone(),
            devices: if inner.devices.is_empty() { &self.outer.devices } else { &inner.devices }.clone(),
            boundaries: inner.args.iter().enumerate().filter_map(boundary).chain(own).collect(),
            role: inner.role,
        }
    }
}
