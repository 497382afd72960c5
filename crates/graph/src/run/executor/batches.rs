//! Batches in an executor: see [`batch`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use wuerst_core::{Batch, Error, Result};

use super::{Executor, Slot};
use crate::cache::rows;
use crate::graph::each::Each;
use crate::graph::{Output, Role, ValueSource};
use crate::run::batch::{self, entries};
use crate::run::key;
use crate::run::report::NodeReport;

impl Executor<'_> {
    /// Number of results that a node makes one by one, if more than one.
    pub(super) fn several(&self, node: usize) -> Result<Option<usize>> {
        let Some(batch) = batch::of(&self.graph, node, &self.inputs) else { return Ok(None) };
        let args = key::resolved(&self.graph, node, &self.inputs)?;
        let over = self.graph.nodes[node].kind.spec().signature.input(&batch.over);
        let count = match over.map(|(index, _)| &args[index]) {
            Some(ValueSource::Output { node, port }) => {
                self.slots[*node].results.as_ref().map(|r| r.rows[*port])
            }
            Some(source) => key::given(source, &self.inputs).as_ref().map(rows),
            None => None,
        };
        if let Some(count) = count.filter(|count| *count > Batch::MOST) {
            let message = format!("is a batch of {count}; the maximum is {}", Batch::MOST);
            return Err(Error::invalid(&*batch.over, message).in_node(&self.graph.nodes[node].id));
        }
        Ok(count.filter(|count| *count > 1))
    }

    /// Splits a batch into items.
    pub(super) fn split(&mut self, node: usize, count: usize) -> Result<()> {
        let plan = self.graph.needed(self.outputs);
        let split = batch::split(&self.graph, &plan, node, count, &self.inputs)?;
        self.graph = Cow::Owned(split.graph);
        self.slots.resize_with(self.graph.nodes.len(), Slot::default);
        self.progress.split(&split.parts, self.graph.nodes.len());
        self.parts.extend(split.parts);
        self.count_readers();
        Ok(())
    }

    /// Number of entries in the lists of a node that runs for each; `None` for other nodes.
    pub(super) fn entries(&mut self, node: usize) -> Result<Option<usize>> {
        let this = Arc::clone(&self.graph.nodes[node]);
        let Some(each) = Each::of(&*this.kind) else { return Ok(None) };
        let args = key::resolved(&self.graph, node, &self.inputs)?;
        let ports = &this.kind.spec().signature.inputs;
        let mut found: Option<(usize, &str)> = None;
        for (arg, source) in args.iter().enumerate().filter(|(arg, _)| each.list(*arg).is_some()) {
            let name = ports[arg].name.as_str();
            let refused = |message: String| Err(Error::invalid(name, message).in_node(&this.id));
            let count = match source {
                ValueSource::Output { node, port } => {
                    self.hold(*node, *port)?;
                    self.slots[*node].leases[*port].as_ref().map(|lease| entries::count(lease.value()))
                }
                source => key::given(source, &self.inputs).as_ref().map(entries::count),
            };
            match (count, found) {
                (None | Some(0), _) => return refused("is a list without entries".to_owned()),
                (Some(count), _) if count > Batch::MOST => {
                    return refused(format!("has {count} entries; the maximum is {}", Batch::MOST));
                }
                (Some(count), Some((other, first))) if count != other => {
                    let message =
                        format!("has {count} entries, and `{first}` has {other}: give lists of one length");
                    return refused(message);
                }
                (Some(count), None) => found = Some((count, name)),
                (Some(_), Some(_)) => {}
            }
        }
        Ok(found.map(|(count, _)| count))
    }

    /// Replaces a node by the nodes of each entry.
    pub(super) fn expand(&mut self, node: usize, count: usize) -> Result<()> {
        let Some(expanded) = entries::expand(&self.graph, node, count, &self.inputs)? else { return Ok(()) };
        self.graph = Cow::Owned(expanded.graph);
        self.slots.resize_with(self.graph.nodes.len(), Slot::default);
        self.progress.expanded(&self.graph, node, &expanded.nodes, &self.inputs, self.cache);
        self.parts.insert(node, expanded.nodes);
        self.count_readers();
        Ok(())
    }

    /// The report of a node, or of the nodes that replaced it, one per name.
    pub(super) fn reports(&mut self, node: usize) -> Vec<NodeReport> {
        let Some(parts) = self.parts.get(&node).cloned() else {
            return self.slots[node].report.take().into_iter().collect();
        };
        let mut all: Vec<NodeReport> = Vec::new();
        let mut at: HashMap<String, usize> = HashMap::new();
        for report in parts.into_iter().flat_map(|part| self.reports(part)).collect::<Vec<_>>() {
            match at.get(&report.node) {
                Some(&at) => all[at] = all[at].clone().and(report),
                None => {
                    at.insert(report.node.clone(), all.len());
                    all.push(report);
                }
            }
        }
        all
    }

    /// Reports one finished item of an output.
    pub(super) fn announce(&mut self, output: usize, node: usize) {
        let Output { source: ValueSource::Output { node: join, .. }, name, .. } = &self.graph.outputs[output]
        else {
            return;
        };
        let join = Arc::clone(&self.graph.nodes[*join]);
        if join.role != Role::Adapter {
            return;
        }
        let port = |source: &ValueSource| match *source {
            ValueSource::Output { node: part, port } if part == node => Some(port),
            _ => None,
        };
        let found = join.args.iter().enumerate().find_map(|(index, source)| Some((index, port(source)?)));
        let Some((index, port)) = found else { return };
        let name = name.clone();
        if self.held(node, port)
            && let Some(lease) = &self.slots[node].leases[port]
        {
            self.progress.part(&name, index, join.args.len(), lease.value());
        }
    }
}
