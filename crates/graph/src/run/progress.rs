//! Progress of a whole run: one number that never decreases.

use std::collections::HashMap;

use wuerst_core::{Digest, Hasher, Model, Observer, Tensor, Value};

use crate::cache::Cache;
use crate::graph::{Graph, Node, Role, ValueSource};

/// Highest fraction shown before the run has ended.
const NEARLY: f64 = 0.999_999;

/// Passes events of a run to its observer, and adds the overall progress.
///
/// Work is weighted by its last measured duration. The duration of this run is unknown in advance: the cache decides node
/// by node how much has to run, and a node reports its number of steps only when it begins. So the fraction is never
/// recomputed; each piece of work takes its part of the *remaining fraction*, in proportion to the remaining work.
pub(crate) struct Progress<'a> {
    observer: &'a mut dyn Observer,
    /// Estimates by node; `None` for nodes that no output needs.
    nodes: Vec<Option<Estimate>>,
    /// The running node.
    current: Option<usize>,
    /// Index and number of batch items of the current node.
    one: (usize, usize),
    fraction: f64,
    /// Expected milliseconds of all unfinished work.
    left: f64,
}

#[derive(Clone)]
struct Estimate {
    /// Kind of work: the node kind with its models, under which its cost is remembered.
    sort: Digest,
    declared_ms: f64,
    expected: f64,
    /// Part of its time that is still counted in `left`.
    left: f64,
    /// Milliseconds per step, if known.
    step: Option<f64>,
    /// Number of steps reported by the node.
    steps: usize,
}

impl Estimate {
    /// Expected cost of a node, measured earlier or declared.
    fn of(
        graph: &Graph,
        node: usize,
        inputs: &[Option<Value>],
        (cache, slowness): (&Cache, f64),
    ) -> Estimate {
        let sort = sort(graph, node, inputs);
        let declared_ms = graph.nodes[node].kind.spec().expected_ms.max(0.);
        let cost = cache.cost(sort);
        let expected = cost.map_or(declared_ms * slowness, |cost| cost.milliseconds);
        let step = cost.filter(|cost| cost.steps > 0).map(|cost| cost.of(1));
        Estimate { sort, declared_ms, expected, left: expected, step, steps: 0 }
    }
}

impl<'a> Progress<'a> {
    /// Progress of a run of these nodes; `inputs` are those of the graph.
    pub(crate) fn new(
        graph: &Graph,
        plan: &[usize],
        inputs: &[Option<Value>],
        cache: &Cache,
        observer: &'a mut dyn Observer,
    ) -> Progress<'a> {
        let mut nodes: Vec<Option<Estimate>> = graph.nodes.iter().map(|_| None).collect();
        let slowness = cache.slowness();
        let mut left = 0.;
        for &node in plan {
            let estimate = Estimate::of(graph, node, inputs, (cache, slowness));
            left += estimate.expected;
            nodes[node] = Some(estimate);
        }
        Progress { observer, nodes, current: None, one: (0, 1), fraction: 0., left }
    }

    /// The run begins.
    pub(crate) fn begin(&mut self, ids: &[&str]) {
        self.observer.planned(ids);
        self.observer.overall("", 0.);
    }

    /// The run has succeeded.
    pub(crate) fn end(&mut self) {
        self.observer.overall("", 1.);
    }

    /// Updates the estimates after a batch was split; the graph has `count` nodes now.
    pub(crate) fn split(&mut self, parts: &HashMap<usize, Vec<usize>>, count: usize) {
        self.nodes.resize_with(count, || None);
        for (&node, parts) in parts {
            let Some(estimate) = self.nodes[node].take() else { continue };
            self.left += estimate.expected * parts.len() as f64 - estimate.left;
            for &part in parts {
                self.nodes[part] = Some(Estimate { left: estimate.expected, ..estimate.clone() });
            }
        }
    }

    /// A node that runs for each entry of lists was replaced by the nodes `parts`.
    pub(crate) fn expanded(
        &mut self,
        graph: &Graph,
        node: usize,
        parts: &[usize],
        inputs: &[Option<Value>],
        cache: &Cache,
    ) {
        self.nodes.resize_with(graph.nodes.len(), || None);
        if let Some(estimate) = self.nodes[node].take() {
            self.left -= estimate.left;
        }
        let slowness = cache.slowness();
        for &part in parts {
            let estimate = Estimate::of(graph, part, inputs, (cache, slowness));
            self.left += estimate.expected;
            self.nodes[part] = Some(estimate);
        }
    }

    /// One item of a batched output is ready.
    pub(crate) fn part(&mut self, output: &str, index: usize, of: usize, value: &Value) {
        self.observer.part(output, index, of, value);
    }

    /// A node need not run.
    pub(crate) fn reused(&mut self, index: usize, node: &Node) {
        if node.role == Role::Adapter {
            return;
        }
        if let Some(estimate) = &mut self.nodes[index] {
            self.left -= std::mem::take(&mut estimate.left);
        }
        self.observer.reused(&node.id);
    }

    /// A node begins to run, possibly one that was expected to be remembered.
    pub(crate) fn started(&mut self, index: usize, node: &Node) {
        self.one = match node.role {
            Role::Adapter => return,
            Role::One { index, of } | Role::Entry { index, of } => (index, of),
            Role::Whole => (0, 1),
        };
        self.current = Some(index);
        if let Some(estimate) = &mut self.nodes[index] {
            self.left += estimate.expected - estimate.left;
            estimate.left = estimate.expected;
        }
        self.observer.started(&node.id);
    }

    /// Forwards a warning of a node.
    pub(crate) fn warn(&mut self, id: &str, message: &str) {
        self.observer.warning(id, message);
    }

    /// A node has finished. Returns its kind of work, its number of steps and its declared milliseconds.
    pub(crate) fn finished(&mut self, index: usize, node: &Node) -> Option<(Digest, usize, f64)> {
        if node.role == Role::Adapter {
            return None;
        }
        self.current = None;
        self.observer.finished(&node.id);
        self.advance(index, 0.);
        self.observer.overall(&node.id, self.fraction);
        self.nodes[index].as_ref().map(|estimate| (estimate.sort, estimate.steps, estimate.declared_ms))
    }

    /// Advances the progress until only `until` remains of the node's work.
    fn advance(&mut self, node: usize, until: f64) {
        let Some(estimate) = &mut self.nodes[node] else { return };
        let done = estimate.left - until;
        if done > 0. && self.left > 0. {
            self.fraction += (1. - self.fraction) * (done / self.left).min(1.);
            self.fraction = self.fraction.min(NEARLY);
            estimate.left = until;
            self.left -= done;
        }
    }

    /// A node has done `done` of `of` steps.
    fn stepped(&mut self, node: usize, done: usize, of: usize) {
        let Some(estimate) = &mut self.nodes[node] else { return };
        if of != estimate.steps {
            estimate.steps = of;
            if let Some(step) = estimate.step {
                let expected = step * of as f64;
                self.left += expected - estimate.left;
                (estimate.expected, estimate.left) = (expected, expected);
            }
        }
        let undone = of.saturating_sub(done) as f64 / of.max(1) as f64;
        let until = estimate.expected * undone;
        self.advance(node, until);
    }
}

/// Receives a node's events, so that its steps are counted.
impl Observer for Progress<'_> {
    fn progress(&mut self, id: &str, done: usize, of: usize) {
        let (index, all) = self.one;
        self.observer.progress(id, done.saturating_add(index * of), of.saturating_mul(all));
        if let Some(node) = self.current {
            self.stepped(node, done, of);
            self.observer.overall(id, self.fraction);
        }
    }

    fn wants_preview(&self) -> bool {
        self.observer.wants_preview()
    }

    fn preview_every(&self) -> usize {
        self.observer.preview_every()
    }

    fn preview(&mut self, id: &str, rgb: &Tensor) {
        self.observer.preview(id, rgb);
    }

    fn warning(&mut self, id: &str, message: &str) {
        self.observer.warning(id, message);
    }
}

/// The kind of a node's work: its node kind with its models.
fn sort(graph: &Graph, node: usize, inputs: &[Option<Value>]) -> Digest {
    let node = &graph.nodes[node];
    // Identified by path: their content does not matter here.
    let model = |source: &ValueSource| match source {
        ValueSource::Literal(Value::Model(model)) => Some(model.clone()),
        ValueSource::Input(index) => match &inputs[*index] {
            Some(Value::Model(model)) => Some(model.clone()),
            _ => None,
        },
        _ => None,
    };
    let start = Hasher::new("work").bytes(node.kind.spec().kind.as_bytes());
    let path = |hasher: Hasher, model: Model| hasher.bytes(model.path().as_os_str().as_encoded_bytes());
    node.args.iter().filter_map(model).fold(start, path).finish()
}
