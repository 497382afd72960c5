//! Runs the nodes that outputs need, each at most once.

mod batches;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wuerst_core::{
    Args, CancellationToken, Ctx, Digest, Error, NodeSpec, Origin, Port, Result, Saved, Usage, Value, memory,
};

use super::key;
use super::progress::Progress;
use super::report::{CacheHit, NodeReport, Outcome, RunReason};
use super::values::{self, Lengths};
use crate::cache::{Arguments, Cache, Lease, Results};
use crate::graph::{Graph, Node, Output, ValueSource};

/// One call of [`Run::outputs`](crate::Run::outputs).
pub(crate) struct Executor<'a> {
    /// The graph; owned once a batch was split.
    graph: Cow<'a, Graph>,
    /// Requested outputs, and the number of those delivered.
    outputs: &'a [usize],
    given: usize,
    /// The nodes that replaced nodes of a batch.
    parts: HashMap<usize, Vec<usize>>,
    cache: &'a Cache,
    cancel: &'a CancellationToken,
    /// The graph's inputs.
    inputs: Vec<Option<Value>>,
    progress: Progress<'a>,
    slots: Vec<Slot>,
    /// Files saved by nodes.
    saved: Saved,
}

/// State of a node in an executor.
#[derive(Default)]
struct Slot {
    /// Its arguments, with models and files in their present state on disk.
    args: Vec<ValueSource>,
    /// Digests of its results, once resolved.
    results: Option<Results>,
    /// Whether it has run, and so read its arguments.
    ran: bool,
    /// Its results that are held in memory.
    leases: Vec<Option<Lease>>,
    /// Number of arguments and outputs that still have to read it. At zero its results are released.
    readers: usize,
    /// Whether it, or a node before it, ran because of changed arguments.
    disturbed: bool,
    report: Option<NodeReport>,
}

impl<'a> Executor<'a> {
    pub(crate) fn new(
        graph: &'a Graph,
        cache: &'a Cache,
        cancel: &'a CancellationToken,
        inputs: Vec<Option<Value>>,
        progress: Progress<'a>,
        outputs: &'a [usize],
    ) -> Executor<'a> {
        let slots = graph.nodes.iter().map(|_| Slot::default()).collect();
        let (graph, parts) = (Cow::Borrowed(graph), HashMap::new());
        let saved = Saved::default();
        let mut executor =
            Executor { graph, outputs, given: 0, parts, cache, cancel, inputs, progress, slots, saved };
        executor.count_readers();
        executor
    }

    /// The reports of the nodes that were resolved.
    pub(crate) fn finish(mut self, plan: &[usize], success: bool) -> Vec<NodeReport> {
        if success {
            self.progress.end();
        }
        plan.iter().flat_map(|&node| self.reports(node)).collect()
    }

    /// The value of the next output.
    pub(crate) fn next(&mut self) -> Result<Value> {
        let output = self.outputs[self.given];
        self.settle_all(output)?;
        let Output { name, ty, source, .. } = self.graph.outputs[output].clone();
        let value = match source {
            ValueSource::Output { node, port } => {
                self.hold(node, port)?;
                let value = self.slots[node].leases[port].as_ref().map(|lease| lease.value().clone());
                self.read(node);
                value.ok_or_else(|| Error::Internal("a held value is gone".to_owned()))?
            }
            other => {
                let left_out = || Error::invalid(name, "this output is an input that was left out");
                key::given(&other, &self.inputs).ok_or_else(left_out)?
            }
        };
        self.given += 1;
        Ok(ty.widen(value))
    }

    /// Resolves every node that an output needs.
    fn settle_all(&mut self, output: usize) -> Result<()> {
        'again: loop {
            for node in self.graph.needed_but(&[output], |node| self.slots[node].results.is_some()) {
                if let Some(count) = self.entries(node)? {
                    self.expand(node, count)?;
                    continue 'again;
                }
                if let Some(count) = self.several(node)? {
                    self.split(node, count)?;
                    continue 'again;
                }
                self.resolve(node)?;
                self.announce(output, node);
            }
            return Ok(());
        }
    }

    /// Counts the readers of each node's results, among the unresolved nodes.
    fn count_readers(&mut self) {
        let wanted = &self.outputs[self.given..];
        self.slots.iter_mut().for_each(|slot| slot.readers = 0);
        for node in self.graph.needed(wanted) {
            let outputs = self.graph.nodes[node].kind.spec().signature.outputs.len();
            self.slots[node].leases.resize_with(outputs, || None);
            if !self.slots[node].ran {
                used(&self.graph, node).for_each(|used| self.slots[used].readers += 1);
            }
        }
        for &output in wanted {
            if let ValueSource::Output { node, .. } = self.graph.outputs[output].source {
                self.slots[node].readers += 1;
            }
        }
    }

    /// Determines the digests of a node's results; the digests of its arguments are known.
    fn resolve(&mut self, node: usize) -> Result<()> {
        self.cancel.check()?;
        let this = Arc::clone(&self.graph.nodes[node]);
        let args = key::resolved(&self.graph, node, &self.inputs);
        let args = args.and_then(|args| key::fresh(args, self.cancel));
        self.slots[node].args = args.map_err(|error| error.in_node(&this.id))?;
        let spec = this.kind.spec();
        let arguments = self.arguments(node)?;
        let changed = self.cache.note(&this.place(), &spec.kind, arguments.clone());
        self.slots[node].disturbed = used(&self.graph, node).any(|used| self.slots[used].disturbed);
        if spec.pure && self.recall(node, &arguments, changed.as_deref()) {
            return Ok(());
        }
        while let Some((used, port)) = self.missing(node) {
            self.hold(used, port)?;
        }
        self.slots[node].disturbed = true;
        self.execute(node, reason(spec, changed))
    }

    /// Whether a node's results are remembered, in memory or in the cache folder.
    fn recall(&mut self, node: usize, arguments: &Arguments, changed: Option<&[usize]>) -> bool {
        let key = key::key(self.graph.nodes[node].kind.spec(), arguments);
        let hit = match changed {
            Some([]) if self.slots[node].disturbed => CacheHit::CutOff,
            Some([]) => CacheHit::Unchanged,
            _ => CacheHit::Remembered,
        };
        if let Some(results) = self.cache.recall(key)
            && self.reuse(node, &results, hit, Duration::ZERO)
        {
            return true;
        }
        self.restore(node, key)
    }

    /// Uses remembered results for a node. Refuses those with another number of outputs, from a node kind that did not
    /// raise its version.
    fn reuse(&mut self, node: usize, results: &Results, hit: CacheHit, duration: Duration) -> bool {
        let this = Arc::clone(&self.graph.nodes[node]);
        let slot = &mut self.slots[node];
        if results.digests.len() != slot.leases.len() {
            return false;
        }
        slot.results = Some(results.clone());
        let (kind, bytes, usage) = (this.kind.spec().kind.clone(), results.bytes, Usage::default());
        let report =
            NodeReport { node: this.id.clone(), kind, outcome: Outcome::Reused(hit), duration, bytes, usage };
        slot.report = Some(report);
        self.progress.reused(node, &this);
        results.warnings.iter().for_each(|message| self.progress.warn(&this.id, message));
        true
    }

    /// Loads the node's results from the cache folder, if they exist.
    fn restore(&mut self, node: usize, key: Digest) -> bool {
        let begun = Instant::now();
        let Some((values, warnings)) = self.cache.restore(key) else { return false };
        let outputs = &self.graph.nodes[node].kind.spec().signature.outputs;
        let good = |(port, value): (&Port, &Value)| port.ty.holds(value) && values::finite(value).is_ok();
        if values.len() != outputs.len() || !outputs.iter().zip(&values).all(good) {
            return false;
        }
        let (results, leases) = self.cache.keep_all(values);
        let results = Results { warnings: warnings.into(), ..results };
        self.cache.remember(key, results.clone());
        self.slots[node].leases = leases;
        self.reuse(node, &results, CacheHit::Stored, begun.elapsed())
    }

    /// Makes a resolved node's result available, and runs nodes whose results were evicted.
    fn hold(&mut self, node: usize, port: usize) -> Result<()> {
        let mut wanted = vec![(node, port)];
        while let Some(&(node, port)) = wanted.last() {
            if self.held(node, port) {
                wanted.pop();
                continue;
            }
            let spec = self.graph.nodes[node].kind.spec();
            if spec.pure && self.cache.has_folder() {
                let key = key::key(spec, &self.arguments(node)?);
                if self.restore(node, key) {
                    continue;
                }
            }
            match self.missing(node) {
                Some(used) => wanted.push(used),
                None => self.execute(node, RunReason::Evicted)?,
            }
        }
        Ok(())
    }

    /// Whether a result is held, after trying to fetch it from the store.
    fn held(&mut self, node: usize, port: usize) -> bool {
        let slot = &mut self.slots[node];
        if slot.leases[port].is_none() {
            slot.leases[port] = slot.results.as_ref().and_then(|r| self.cache.find(r.digests[port]));
        }
        slot.leases[port].is_some()
    }

    /// The first argument of a node whose value is not held.
    fn missing(&mut self, node: usize) -> Option<(usize, usize)> {
        (0..self.slots[node].args.len()).find_map(|index| {
            let ValueSource::Output { node, port } = self.slots[node].args[index] else { return None };
            (!self.held(node, port)).then_some((node, port))
        })
    }

    fn arguments(&self, node: usize) -> Result<Arguments> {
        let Node { id, kind, loras, .. } = &*self.graph.nodes[node];
        let result = |node: usize, port: usize| self.slots[node].results.as_ref().map(|r| r.digests[port]);
        key::arguments((&**kind, loras), &self.slots[node].args, &self.inputs, result)
            .map_err(|e| e.in_node(id))
    }

    /// Runs a node whose arguments are held, unless another job is computing the same result.
    fn execute(&mut self, node: usize, reason: RunReason) -> Result<()> {
        let this = Arc::clone(&self.graph.nodes[node]);
        let Node { id, kind, devices, loras, .. } = &*this;
        let spec = kind.spec();
        self.cancel.check()?;
        let in_node = |error: Error| error.in_node(id);
        let (args, lengths) = self.args(node).map_err(in_node)?;
        // Most nodes allocate a few times the size of their arguments, and check for themselves if they need more.
        let given: usize = args.iter().flatten().map(Value::bytes).sum();
        memory::check(given.saturating_mul(4)).map_err(in_node)?;
        // Computed from the present arguments: one that was recomputed may differ in its last bits.
        let key = key::key(spec, &self.arguments(node)?);
        let waiting = Instant::now();
        let claim = if spec.pure { Some(self.cache.claim(key, self.cancel)?) } else { None };
        if spec.pure && self.shared(node, key, &reason, waiting) {
            return Ok(());
        }
        self.progress.started(node, &this);
        let begun = Instant::now();
        // Results of a pure function do not depend on origins.
        let origins = if spec.pure { vec![] } else { self.origins(node) };
        let ctx = Ctx::new(id, self.cancel, &mut self.progress);
        let mut ctx =
            ctx.with_devices(devices).with_loras(loras).with_saved(&self.saved).with_origins(&origins);
        let results = kind.run(&mut ctx, &Args::new(&spec.signature.inputs, &args)).map_err(in_node)?;
        let (duration, usage) = (begun.elapsed(), ctx.usage());
        let warnings: Arc<[String]> = Arc::from(ctx.warnings());
        values::results(&spec.signature, &results, lengths).map_err(in_node)?;
        let took = duration.saturating_sub(usage.loading);
        if let Some((sort, steps, declared_ms)) = self.progress.finished(node, &this) {
            self.cache.measure(sort, took, steps, declared_ms);
        }
        if spec.pure
            && let Some(problem) = self.cache.store(key, (&results, &warnings), took)
        {
            self.progress.warn(id, &problem);
        }
        let (results, leases) = self.cache.keep_all(results);
        let results = Results { warnings, ..results };
        if spec.pure {
            self.cache.remember(key, results.clone());
        }
        drop(claim);
        let (kind, outcome, bytes) = (spec.kind.clone(), Outcome::Ran(reason), results.bytes);
        let slot = &mut self.slots[node];
        slot.report = Some(NodeReport { node: id.clone(), kind, outcome, duration, bytes, usage });
        slot.results = Some(results);
        slot.leases = leases;
        slot.ran = true;
        for source in &this.args {
            if let ValueSource::Output { node, .. } = *source {
                self.read(node);
            }
        }
        Ok(())
    }

    /// Whether another job computed the node's results while this one waited.
    fn shared(&mut self, node: usize, key: Digest, reason: &RunReason, waiting: Instant) -> bool {
        let Some(results) = self.cache.recall(key) else { return false };
        if *reason == RunReason::Evicted {
            // The digests are known, the values are wanted.
            let values: Vec<Option<Lease>> =
                results.digests.iter().map(|&digest| self.cache.find(digest)).collect();
            if values.iter().any(Option::is_none) {
                return false;
            }
            self.slots[node].leases = values;
        }
        self.reuse(node, &results, CacheHit::Shared, waiting.elapsed())
    }

    /// Whether a model made each argument of a node.
    fn origins(&self, node: usize) -> Vec<Option<Origin>> {
        let all = self.graph.origins(&|index| self.inputs[index].is_some());
        let origin = |source: &ValueSource| match source {
            ValueSource::Output { node, .. } => all[*node],
            _ => None,
        };
        self.graph.nodes[node].args.iter().map(origin).collect()
    }

    /// A node's arguments, converted to the types of its signature.
    fn args(&self, node: usize) -> Result<(Vec<Option<Value>>, Lengths)> {
        let ports = &self.graph.nodes[node].kind.spec().signature.inputs;
        let value = |(port, source): (&Port, &ValueSource)| {
            let value = match *source {
                ValueSource::Output { node, port } => {
                    self.slots[node].leases[port].as_ref().map(|lease| lease.value().clone())
                }
                _ => key::given(source, &self.inputs),
            };
            value.map(|value| port.ty.widen(value))
        };
        let values: Vec<Option<Value>> = ports.iter().zip(&self.slots[node].args).map(value).collect();
        let lengths = values::arguments(ports, &values)?;
        values::boundaries(&self.graph.nodes[node].boundaries, &values)?;
        Ok((values, lengths))
    }

    /// Removes one reader of a node; the last one releases the values.
    ///
    /// A node whose results were recalled stays a reader until the end, since it does read if its own value turns out to
    /// be evicted. So no node runs twice.
    fn read(&mut self, node: usize) {
        let slot = &mut self.slots[node];
        slot.readers = slot.readers.saturating_sub(1);
        if slot.readers == 0 {
            slot.leases.iter_mut().for_each(|lease| *lease = None);
        }
    }
}

/// The nodes whose results a node uses, once for each argument.
fn used(graph: &Graph, node: usize) -> impl Iterator<Item = usize> {
    graph.nodes[node].args.iter().filter_map(|source| match source {
        ValueSource::Output { node, .. } => Some(*node),
        _ => None,
    })
}

/// Reason for a run, from the arguments that changed since the last one, if there was one.
fn reason(spec: &NodeSpec, changed: Option<Vec<usize>>) -> RunReason {
    match changed {
        _ if !spec.pure => RunReason::Volatile,
        None => RunReason::New,
        // The memo has forgotten the key.
        Some(changed) if changed.is_empty() => RunReason::Evicted,
        Some(changed) => RunReason::Changed(changed.into_iter().map(|at| key::argument(spec, at)).collect()),
    }
}
