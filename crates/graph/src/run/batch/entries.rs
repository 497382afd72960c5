//! Replaces a node that runs for each entry of lists by one copy per entry, once their length is known.
//!
//! As in a batch, all nodes of the first entry come before those of the second, and each is remembered separately.

use std::collections::HashMap;
use std::sync::Arc;

use wuerst_core::{Error, Result, Value, entries};

use super::adapter;
use crate::cache::rows;
use crate::graph::each::{Each, TemplateNode};
use crate::graph::{Graph, Node, Role, ValueSource};
use crate::run::key;

/// Maximum number of nodes for all entries together.
const MOST_NODES: usize = 200_000;

/// A graph in which a node was replaced by the nodes of its entries.
pub(crate) struct Expanded {
    pub(crate) graph: Graph,
    /// Indices of the new nodes, without adapters.
    pub(crate) nodes: Vec<usize>,
}

/// Number of entries in a list.
pub(crate) fn count(value: &Value) -> usize {
    match value {
        Value::Text(text) => entries(text).len(),
        other => rows(other),
    }
}

/// Adds the nodes of each entry to the graph; all lists have `count` entries.
pub(crate) fn expand(
    graph: &Graph,
    at: usize,
    count: usize,
    inputs: &[Option<Value>],
) -> Result<Option<Expanded>> {
    let whole = Arc::clone(&graph.nodes[at]);
    let Some(each) = Each::of(&*whole.kind) else { return Ok(None) };
    let size = each.template.nodes.len();
    if size.saturating_mul(count) > MOST_NODES {
        let message =
            format!("{count} entries of {size} nodes are too many: there may be {MOST_NODES} in all");
        return Err(Error::invalid("each", message).in_node(&whole.id));
    }
    let args = key::resolved(graph, at, inputs)?;
    let ports = &each.inner().spec().signature.inputs;
    let mut expanded = Expanded { graph: graph.clone(), nodes: Vec::with_capacity(size * count) };
    let mut outputs: Vec<Vec<ValueSource>> = vec![Vec::with_capacity(count); each.template.outputs.len()];
    for index in 0..count {
        let mut own = Vec::with_capacity(args.len());
        for (arg, source) in args.iter().enumerate() {
            own.push(match each.list(arg) {
                Some(entry) => {
                    let item = adapter::item(&whole.id, (&ports[arg], entry), source.clone(), index);
                    ValueSource::Output { node: push(&mut expanded.graph, item), port: 0 }
                }
                None => source.clone(),
            });
        }
        let begin = expanded.graph.nodes.len();
        for TemplateNode { node, defaults } in &each.template.nodes {
            let arg = |(source, default): (&ValueSource, &ValueSource)| match source {
                ValueSource::Input(input) => match &own[*input] {
                    ValueSource::LeftOut => default.clone(),
                    other => other.clone(),
                },
                other => moved(other, begin),
            };
            let args = node.args.iter().zip(defaults).map(arg).collect();
            let (id, role) = (format!("{}{}", whole.id, node.id), Role::Entry { index, of: count });
            let node = push(&mut expanded.graph, Node { id, args, role, ..node.clone() });
            expanded.nodes.push(node);
        }
        for (all, source) in outputs.iter_mut().zip(&each.template.outputs) {
            all.push(match source {
                ValueSource::Input(input) => own[*input].clone(),
                other => moved(other, begin),
            });
        }
    }
    let mut lists = HashMap::new();
    let gives = &each.inner().spec().signature.outputs;
    for (port, sources) in outputs.into_iter().enumerate() {
        let list = adapter::listed(&whole.id, (&gives[port], each.gives(port)), sources);
        lists.insert(port, push(&mut expanded.graph, list));
    }
    let replaced = |source: &mut ValueSource| {
        if let ValueSource::Output { node, port } = source
            && *node == at
        {
            *source = ValueSource::Output { node: lists[port], port: 0 };
        }
    };
    for node in &mut expanded.graph.nodes {
        let uses = |source: &ValueSource| matches!(source, ValueSource::Output { node, .. } if *node == at);
        if node.args.iter().any(uses) {
            Arc::make_mut(node).args.iter_mut().for_each(replaced);
        }
    }
    expanded.graph.outputs.iter_mut().for_each(|output| replaced(&mut output.source));
    Ok(Some(expanded))
}

fn push(graph: &mut Graph, node: Node) -> usize {
    graph.nodes.push(Arc::new(node));
    graph.nodes.len() - 1
}

fn moved(source: &ValueSource, begin: usize) -> ValueSource {
    match *source {
        ValueSource::Output { node, port } => ValueSource::Output { node: begin + node, port },
        ref other => other.clone(),
    }
}
