//! Batches: several pictures in one run, of which each is finished before the next begins.
//!
//! The number of items is known when the first node of a batch is about to run. That node, and the following nodes that
//! process its results, are then replaced by one node per item; adapter nodes split arguments and join results at the
//! borders of the batch. Nodes are ordered as late as possible after those that they use, so all nodes of the first
//! picture come before those of the second. Each item is remembered separately: a changed line in a list of prompts
//! recomputes one picture, and a picture in a batch equals the same picture made alone.

mod adapter;
pub(crate) mod entries;

use std::collections::HashMap;
use std::sync::Arc;

use wuerst_core::{Batch, Error, Port, Result, Value};

use super::key;
use crate::graph::{Graph, Node, Role, ValueSource};

/// How a node of the graph makes several results; `None` if it makes one, or does not declare a batch.
pub(crate) fn of(graph: &Graph, node: usize, inputs: &[Option<Value>]) -> Option<Batch> {
    let Node { kind, args, role: Role::Whole | Role::Entry { .. }, .. } = &*graph.nodes[node] else {
        return None;
    };
    let signature = &kind.spec().signature;
    let given = |name: &str| {
        signature.input(name).is_some_and(|(index, port)| match args[index] {
            ValueSource::LeftOut => false,
            ValueSource::Input(input) => inputs[input].is_some() || port.default.is_some(),
            ValueSource::Literal(_) | ValueSource::Output { .. } => true,
        })
    };
    kind.batch(&given)
}

/// A graph whose batch was split into items.
pub(crate) struct Split {
    /// The earlier nodes in their places, followed by the new ones.
    pub(crate) graph: Graph,
    /// For each node of the batch, the nodes that replaced it.
    pub(crate) parts: HashMap<usize, Vec<usize>>,
}

/// Splits a batch of `count` items that begins with the node `first`; `plan` are the needed nodes, each after those that
/// it uses.
pub(crate) fn split(
    graph: &Graph,
    plan: &[usize],
    first: usize,
    count: usize,
    inputs: &[Option<Value>],
) -> Result<Split> {
    let mut splitter =
        Splitter { graph: graph.clone(), parts: HashMap::new(), cut: HashMap::new(), count, inputs };
    let begin = plan.iter().position(|&node| node == first).unwrap_or(plan.len());
    for &node in &plan[begin..] {
        let Some(batch) = of(graph, node, inputs) else { continue };
        let over = graph.nodes[node].kind.spec().signature.input(&batch.over).map(|(index, _)| index);
        let Some(over) = over.map(|index| &graph.nodes[node].args[index]) else { continue };
        if node == first || splitter.goes_on(over) {
            splitter.replace(node, batch).map_err(|error| error.in_node(&graph.nodes[node].id))?;
        }
    }
    splitter.join(graph.nodes.len());
    Ok(Split { graph: splitter.graph, parts: splitter.parts })
}

/// The value of a counting port `by` items after `first`.
///
/// # Errors
/// If the port does not allow the value.
pub(crate) fn nth(port: &Port, first: i128, by: i128) -> Result<Value> {
    let value = Value::Int(adapter::count(&port.name, first, by)?);
    port.allows(&value).map_err(|message| Error::invalid(&port.name, message))?;
    Ok(value)
}

struct Splitter<'a> {
    graph: Graph,
    parts: HashMap<usize, Vec<usize>>,
    /// Parts of results of nodes before the batch, by node, port and number.
    cut: HashMap<(usize, usize, usize), usize>,
    count: usize,
    inputs: &'a [Option<Value>],
}

impl Splitter<'_> {
    /// Whether a node of the batch makes this source.
    fn goes_on(&self, source: &ValueSource) -> bool {
        matches!(source, ValueSource::Output { node, .. } if self.parts.contains_key(node))
    }

    fn push(&mut self, node: Node) -> usize {
        self.graph.nodes.push(Arc::new(node));
        self.graph.nodes.len() - 1
    }

    /// Adds the nodes that replace a node of the batch.
    fn replace(&mut self, node: usize, batch: Batch) -> Result<()> {
        let whole = Arc::clone(&self.graph.nodes[node]);
        let args = key::resolved(&self.graph, node, self.inputs)?;
        let ports = &whole.kind.spec().signature.inputs;
        let each = |port: &Port| port.name == batch.over || batch.each.iter().any(|name| *name == port.name);
        let mut parts = Vec::with_capacity(self.count);
        for index in 0..self.count {
            let mut own = Vec::with_capacity(args.len());
            for (port, source) in ports.iter().zip(&args) {
                own.push(match source {
                    source if each(port) => self.part(&whole.id, port, source, index),
                    source if batch.counts.as_deref() == Some(&*port.name) => {
                        self.counted(&whole.id, port, source, index)?
                    }
                    source => source.clone(),
                });
            }
            let boundaries =
                whole.boundaries.iter().filter(|boundary| !each(&ports[boundary.arg])).cloned().collect();
            let role = Role::One { index, of: self.count };
            parts.push(self.push(Node { args: own, boundaries, role, ..Node::clone(&whole) }));
        }
        self.parts.insert(node, parts);
        Ok(())
    }

    /// One item's part of an argument.
    fn part(&mut self, id: &str, port: &Port, source: &ValueSource, index: usize) -> ValueSource {
        let at = match *source {
            ValueSource::Output { node, port } => match self.parts.get(&node) {
                Some(parts) => return ValueSource::Output { node: parts[index], port },
                None => Some((node, port, index)),
            },
            ValueSource::Input(input) if self.inputs[input].is_none() => return ValueSource::LeftOut,
            ValueSource::LeftOut => return ValueSource::LeftOut,
            ValueSource::Input(_) | ValueSource::Literal(_) => None,
        };
        if let Some(&node) = at.and_then(|at| self.cut.get(&at)) {
            return ValueSource::Output { node, port: 0 };
        }
        let node = self.push(adapter::part(id, port, source.clone(), index, self.count));
        if let Some(at) = at {
            self.cut.insert(at, node);
        }
        ValueSource::Output { node, port: 0 }
    }

    /// One item's value of a counting port.
    fn counted(&mut self, id: &str, port: &Port, source: &ValueSource, index: usize) -> Result<ValueSource> {
        let by = i128::try_from(index).unwrap_or(i128::MAX);
        let known = match source {
            ValueSource::Output { .. } => {
                let node = self.push(adapter::counted(id, port, source.clone(), by));
                return Ok(ValueSource::Output { node, port: 0 });
            }
            _ => key::given(source, self.inputs),
        };
        let Some(Value::Int(first)) = known else { return Ok(ValueSource::Literal(Value::Int(by))) };
        nth(port, first, by).map(ValueSource::Literal)
    }

    /// Connects nodes after the batch (before `end`) and outputs to joined results.
    fn join(&mut self, end: usize) {
        let mut joined = HashMap::new();
        for at in 0..end {
            let uses = |source: &ValueSource| self.goes_on(source);
            if self.parts.contains_key(&at) || !self.graph.nodes[at].args.iter().any(uses) {
                continue;
            }
            let args = self.graph.nodes[at].args.clone();
            let args = args.into_iter().map(|source| self.joined(source, &mut joined)).collect();
            Arc::make_mut(&mut self.graph.nodes[at]).args = args;
        }
        for at in 0..self.graph.outputs.len() {
            let source = self.graph.outputs[at].source.clone();
            self.graph.outputs[at].source = self.joined(source, &mut joined);
        }
        // Arguments shared by all items may themselves be a whole batch.
        for at in end..self.graph.nodes.len() {
            let args = self.graph.nodes[at].args.clone();
            let args = args.into_iter().map(|source| self.joined(source, &mut joined)).collect();
            Arc::make_mut(&mut self.graph.nodes[at]).args = args;
        }
    }

    fn joined(&mut self, source: ValueSource, joined: &mut HashMap<(usize, usize), usize>) -> ValueSource {
        let ValueSource::Output { node, port } = source else { return source };
        let Some(parts) = self.parts.get(&node) else { return source };
        if let Some(&node) = joined.get(&(node, port)) {
            return ValueSource::Output { node, port: 0 };
        }
        let whole = Arc::clone(&self.graph.nodes[node]);
        let sources = parts.iter().map(|&node| ValueSource::Output { node, port }).collect();
        let at = self.push(adapter::joined(&whole.id, &whole.kind.spec().signature.outputs[port], sources));
        joined.insert((node, port), at);
        ValueSource::Output { node: at, port: 0 }
    }
}
