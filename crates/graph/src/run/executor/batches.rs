//! How an executor treats a batch: see [`batch`].

use std::borrow::Cow;
use std::sync::Arc;

use wuerst_core::{Batch, Error, Result};

use super::{Executor, Slot};
use crate::cache::rows;
use crate::graph::{Output, Role, ValueSource};
use crate::run::batch;
use crate::run::key;

impl Executor<'_> {
    /// How many results a node is to make, if it is more than one and it can make them one by one.
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
            let message = format!("is a batch of {count}, and {} are the most", Batch::MOST);
            return Err(Error::invalid(&*batch.over, message).in_node(&self.graph.nodes[node].id));
        }
        Ok(count.filter(|count| *count > 1))
    }

    /// Makes single results of a batch.
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

    /// Shows a result that is one of those that an output joins.
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
