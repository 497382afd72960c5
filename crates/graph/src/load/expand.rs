//! Replaces nodes that are graphs by the nodes within.

use std::sync::Arc;

use wuerst_core::{Models, NodeKind};

use super::subgraph::Subgraph;
use crate::file::problems::{Place, Problems};
use crate::graph::each::{Each, Template, TemplateNode};
use crate::graph::{BoundaryCheck, Graph, Node, Output, ValueSource};

/// Maximum number of nodes in a graph. Nested graphs could double it with each line of text.
const MOST: usize = 100_000;

/// Number of nodes that a node stands for.
fn size(kind: &dyn NodeKind) -> usize {
    let kind = Each::of(kind).map_or(kind, |each| &**each.inner());
    Subgraph::of(kind).map_or(1, |sub| sub.graph.nodes.len())
}

/// Reports the node at which a graph exceeds the maximum number of nodes, including those of nested graphs.
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

/// The graph with nested graphs replaced by their nodes, each after those that it uses.
pub(crate) fn expand(graph: Graph) -> Graph {
    let expands = |kind: &dyn NodeKind| Subgraph::of(kind).is_some() || Each::of(kind).is_some();
    if !graph.nodes.iter().any(|node| expands(&*node.kind)) {
        return graph;
    }
    let mut nodes: Vec<Arc<Node>> = Vec::new();
    // New sources of the outputs of each old node.
    let mut gives: Vec<Vec<ValueSource>> = Vec::new();
    for node in graph.nodes {
        let args = node.args.iter().map(|source| moved(source, &gives)).collect();
        let mut node = Node { args, ..Arc::unwrap_or_clone(node) };
        if let Some(each) = Each::of(&*node.kind).filter(|each| each.template.nodes.is_empty()) {
            node.kind = Arc::new(each.with_template(template(&node, each, &graph.models)));
        }
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
                // Types known for the outputs here also hold for the nodes that they come from.
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

/// The nodes that replace a node, for one entry of its lists.
fn template(node: &Node, each: &Each, models: &Models) -> Template {
    let inner = each.inner();
    let args = (0..node.args.len()).map(ValueSource::Input).collect();
    let outer = Node { kind: Arc::clone(inner), args, ..node.clone() };
    let with_defaults = |node: Node, models: &Models| {
        let default = |(arg, source): (usize, &ValueSource)| match source {
            // A missing default was reported when the node's graph was checked.
            ValueSource::Input(_) => match node.default(arg, models) {
                Ok(Some(default)) => ValueSource::Literal(default),
                Ok(None) | Err(_) => ValueSource::LeftOut,
            },
            _ => ValueSource::LeftOut,
        };
        let defaults = node.args.iter().enumerate().map(default).collect();
        let id = node.id[outer.id.len()..].to_owned();
        TemplateNode { node: Node { id, ..node }, defaults }
    };
    match Subgraph::of(&**inner) {
        Some(sub) => {
            let within = Within { outer: &outer, sub, begin: 0 };
            let nodes =
                sub.graph.nodes.iter().map(|node| with_defaults(within.node(node), &sub.graph.models));
            let outputs = sub.graph.outputs.iter().map(|output| within.source(&output.source)).collect();
            Template { nodes: nodes.collect(), outputs }
        }
        None => {
            let outputs = 0..inner.spec().signature.outputs.len();
            let outputs = outputs.map(|port| ValueSource::Output { node: 0, port }).collect();
            let gives = inner.spec().signature.outputs.iter().map(|port| port.ty.clone()).collect();
            Template { nodes: vec![with_defaults(Node { gives, ..outer.clone() }, models)], outputs }
        }
    }
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
            // Ignores a default that does not exist; the check of the inner graph has reported it.
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
            loras: inner.loras.clone(),
            boundaries: inner.args.iter().enumerate().filter_map(boundary).chain(own).collect(),
            role: inner.role,
        }
    }
}
