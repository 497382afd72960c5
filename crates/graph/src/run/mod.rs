//! Runs graphs incrementally, one node after another.
//!
//! A node's *key* is a digest of its kind, its version and the digests of its arguments. First every needed node is
//! resolved, after its arguments: if the cache remembers its key, the digests of its results are recalled; otherwise it
//! runs. If a node runs and returns the same results as before, the nodes after it need not run (early cut-off). Then the
//! values of the outputs are fetched; an evicted value is computed again. [`Executor`](crate::run::executor::Executor)
//! does the work.

mod batch;
mod digest;
mod executor;
pub(crate) mod inputs;
mod key;
mod progress;
pub(crate) mod report;
pub(crate) mod sizes;
mod unused;
mod values;

use std::time::Instant;

use wuerst_core::{CancellationToken, Error, Observer, Result, Value};

use crate::cache::Cache;
use crate::graph::each::Each;
use crate::graph::{Graph, Node};
use executor::Executor;
use inputs::{Inputs, Ready};
use progress::Progress;
use report::Report;

/// Computes outputs of a graph.
pub struct Run<'a> {
    graph: &'a Graph,
    inputs: &'a Inputs,
    cache: &'a Cache,
    cancel: &'a CancellationToken,
    observer: &'a mut dyn Observer,
    report: Report,
}

impl<'a> Run<'a> {
    /// A run of `graph` on `inputs`. Does not compute yet.
    pub fn new(
        graph: &'a Graph,
        inputs: &'a Inputs,
        cache: &'a Cache,
        cancel: &'a CancellationToken,
        observer: &'a mut dyn Observer,
    ) -> Run<'a> {
        Run { graph, inputs, cache, cancel, observer, report: Report::default() }
    }

    /// The value of one output, by name.
    ///
    /// # Errors
    /// As [`Run::outputs`].
    pub fn output(&mut self, name: &str) -> Result<Value> {
        let mut values = self.outputs(&[name])?;
        values.pop().ok_or_else(|| Error::Internal("a run without a result".to_owned()))
    }

    /// The values of outputs, by name; each is finished before work on the next begins.
    ///
    /// # Errors
    /// Before any node runs: an unknown name, a missing or refused input. Otherwise the error of a node, with its name.
    /// Finished nodes stay remembered in any case.
    pub fn outputs(&mut self, names: &[&str]) -> Result<Vec<Value>> {
        let begun = Instant::now();
        self.report = Report::default();
        let outputs = names.iter().map(|name| self.graph.output(name)).collect::<Result<Vec<_>>>()?;
        let plan = self.graph.needed(&outputs);
        let Ready { inputs, in_vain } = self.inputs.ready(self.graph, (&plan, &outputs), self.cancel)?;
        let mut names = Vec::with_capacity(plan.len());
        for &node in &plan {
            let Node { id, kind, .. } = &*self.graph.nodes[node];
            match Each::of(&**kind) {
                Some(each) => {
                    names.extend(each.template.nodes.iter().map(|within| format!("{id}{}", within.node.id)));
                }
                None => names.push(id.clone()),
            }
        }
        let ids: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut progress = Progress::new(self.graph, &plan, &inputs, self.cache, self.observer);
        progress.begin(&ids);
        for (node, message) in in_vain {
            progress.warn(&self.graph.nodes[node].id, &message);
        }
        let mut executor = Executor::new(self.graph, self.cache, self.cancel, inputs, progress, &outputs);
        let values: Result<Vec<Value>> = outputs.iter().map(|_| executor.next()).collect();
        self.report = Report { nodes: executor.finish(&plan, values.is_ok()), duration: begun.elapsed() };
        values
    }

    /// Report of the last call of [`Run::outputs`], also if it failed.
    pub fn report(&self) -> &Report {
        &self.report
    }
}
