//! Running a graph: only what changed, one node after the other.
//!
//! A node's *key* is a digest of its kind, its version and the digests of its arguments. A key that the
//! cache remembers stands for the node's results; so first every node that is needed is settled, in an
//! order in which its arguments come before it: its results' digests are recalled, or it runs. A node
//! that ran and gave what it gave before leaves everything after it settled without a run (early
//! cut-off). Then the values of the outputs are fetched; one that was evicted is made again.

use std::sync::Arc;
use std::time::Instant;

use wuerst_core::{Args, Cancel, Ctx, Digest, Error, Hasher, Port, Result, Value, Watch};

use crate::cache::{Cache, Lease};
use crate::contract::{self, Lengths};
use crate::graph::{Graph, Source, Step};
use crate::inputs::Inputs;
use crate::report::{Ran, Report, Why};

/// Computes outputs of a graph.
pub struct Run<'a> {
    graph: &'a Graph,
    inputs: &'a Inputs,
    cache: &'a Cache,
    cancel: &'a Cancel,
    watch: &'a mut dyn Watch,
    report: Report,
}

impl<'a> Run<'a> {
    /// A run of `graph` on `inputs`. Nothing happens yet.
    pub fn new(
        graph: &'a Graph,
        inputs: &'a Inputs,
        cache: &'a Cache,
        cancel: &'a Cancel,
        watch: &'a mut dyn Watch,
    ) -> Run<'a> {
        Run { graph, inputs, cache, cancel, watch, report: Report::default() }
    }

    /// The value of one output, by name.
    ///
    /// # Errors
    /// As [`Run::outputs`].
    pub fn output(&mut self, name: &str) -> Result<Value> {
        let mut values = self.outputs(&[name])?;
        values.pop().ok_or_else(|| Error::Internal("a run without a result".to_owned()))
    }

    /// The values of outputs, by name; each is finished before the next one's own work begins.
    ///
    /// # Errors
    /// An unknown name, an input that is missing or refused: before any node runs. Otherwise what a node
    /// said, with its name. Finished nodes stay remembered whatever happens.
    pub fn outputs(&mut self, names: &[&str]) -> Result<Vec<Value>> {
        self.report = Report::default();
        let outputs = names.iter().map(|name| self.graph.output(name)).collect::<Result<Vec<_>>>()?;
        let plan = self.graph.needed(&outputs);
        let inputs = self.inputs.ready(self.graph, &plan, &outputs)?;
        let ids: Vec<&str> = plan.iter().map(|&step| self.graph.nodes[step].id.as_str()).collect();
        self.watch.planned(&ids);
        let mut pass = Pass { slots: slots(self.graph, &plan, &outputs), inputs, run: self };
        let values = outputs.iter().map(|&output| pass.output(output)).collect();
        let reused = |slot: &Slot| slot.results.is_some() && !slot.ran;
        let reused: Vec<usize> = plan.into_iter().filter(|&step| reused(&pass.slots[step])).collect();
        drop(pass);
        self.report.reused = reused.into_iter().map(|step| self.graph.nodes[step].id.clone()).collect();
        values
    }

    /// What the last call of [`Run::outputs`] did, also when it failed.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

/// What a pass knows about a node.
#[derive(Default)]
struct Slot {
    /// Its arguments as they are on disk now, where they are models or files.
    args: Vec<Source>,
    /// The digests of its results, once settled.
    results: Option<Arc<[Digest]>>,
    /// Its results, as far as they are held.
    leases: Vec<Option<Lease>>,
    /// How many arguments of other nodes, and outputs, have still to read it. At zero it is let go.
    readers: usize,
    ran: bool,
}

fn slots(graph: &Graph, plan: &[usize], outputs: &[usize]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = graph.nodes.iter().map(|_| Slot::default()).collect();
    let args = plan.iter().flat_map(|&step| &graph.nodes[step].args);
    for source in args.chain(outputs.iter().map(|&output| &graph.outputs[output].source)) {
        if let Source::Output { step, .. } = *source {
            slots[step].readers += 1;
        }
    }
    for &step in plan {
        let outputs = graph.nodes[step].node.spec().signature.outputs.len();
        slots[step].leases.resize_with(outputs, || None);
    }
    slots
}

/// One call of [`Run::outputs`].
struct Pass<'r, 'a> {
    run: &'r mut Run<'a>,
    inputs: Vec<Option<Value>>,
    slots: Vec<Slot>,
}

impl Pass<'_, '_> {
    fn output(&mut self, output: usize) -> Result<Value> {
        let (step, port) = match &self.run.graph.outputs[output].source {
            Source::Output { step, port } => (*step, *port),
            other => return self.given(other).ok_or_else(|| self.left_out(output)),
        };
        for needed in self.run.graph.needed(&[output]) {
            self.settle(needed)?;
        }
        self.hold(step, port)?;
        let value = self.slots[step].leases[port].as_ref().map(|lease| lease.value().clone());
        self.read(step);
        value.ok_or_else(|| Error::Internal("a held value is gone".to_owned()))
    }

    fn left_out(&self, output: usize) -> Error {
        let name = &self.run.graph.outputs[output].name;
        Error::invalid(name, "this output is an input that was left out")
    }

    /// The value of a source that no node computes.
    fn given(&self, source: &Source) -> Option<Value> {
        match source {
            Source::Literal(value) => Some(value.clone()),
            Source::Input(index) => self.inputs[*index].clone(),
            Source::Output { .. } | Source::LeftOut => None,
        }
    }

    /// Makes the digests of a node's results known; those of its arguments are.
    fn settle(&mut self, step: usize) -> Result<()> {
        if self.slots[step].results.is_some() {
            return Ok(());
        }
        self.run.cancel.check()?;
        self.slots[step].args = fresh(&self.run.graph.nodes[step].args)
            .map_err(|error| error.in_node(&self.run.graph.nodes[step].id))?;
        let pure = self.run.graph.nodes[step].node.spec().pure;
        let recalled = if pure { self.run.cache.recall(self.key(step)) } else { None };
        // A node that has other outputs now, and forgot to raise its version, is run again.
        if let Some(results) = recalled.filter(|r| r.len() == self.slots[step].leases.len()) {
            self.slots[step].results = Some(results);
            self.run.watch.reused(&self.run.graph.nodes[step].id);
            return Ok(());
        }
        while let Some((used, port)) = self.missing(step) {
            self.hold(used, port)?;
        }
        self.execute(step, if pure { Why::New } else { Why::Volatile })
    }

    /// Sees to it that a settled node's result is held, by running what was evicted.
    fn hold(&mut self, step: usize, port: usize) -> Result<()> {
        let mut wanted = vec![(step, port)];
        while let Some(&(step, port)) = wanted.last() {
            if self.held(step, port) {
                wanted.pop();
                continue;
            }
            match self.missing(step) {
                Some(used) => wanted.push(used),
                None => self.execute(step, Why::Evicted)?,
            }
        }
        Ok(())
    }

    /// Whether a result is held now, if need be by fetching it from the store.
    fn held(&mut self, step: usize, port: usize) -> bool {
        let slot = &mut self.slots[step];
        if slot.leases[port].is_none() {
            slot.leases[port] = slot.results.as_ref().and_then(|r| self.run.cache.find(r[port]));
        }
        slot.leases[port].is_some()
    }

    /// The first of a node's arguments whose value is not held.
    fn missing(&mut self, step: usize) -> Option<(usize, usize)> {
        (0..self.slots[step].args.len()).find_map(|index| {
            let Source::Output { step, port } = self.slots[step].args[index] else { return None };
            (!self.held(step, port)).then_some((step, port))
        })
    }

    fn key(&self, step: usize) -> Digest {
        let spec = self.run.graph.nodes[step].node.spec();
        let start = Hasher::new("node").bytes(spec.kind.as_bytes()).number(spec.version.into());
        let ports = spec.signature.inputs.iter().zip(&self.slots[step].args);
        let argument = |hasher: Hasher, (port, source): (&Port, &Source)| {
            let digest = match *source {
                Source::Output { step, port } => self.slots[step].results.as_ref().map(|r| r[port]),
                _ => self.given(source).map(|value| port.ty.widen(value).digest()),
            };
            let hasher = hasher.bytes(port.name.as_bytes());
            match digest {
                Some(digest) => hasher.digest(digest),
                None => hasher.bytes(b"left out"),
            }
        };
        ports.fold(start, argument).finish()
    }

    /// Runs a node whose arguments are held.
    fn execute(&mut self, step: usize, why: Why) -> Result<()> {
        let graph = self.run.graph;
        let Step { id, node, providers, .. } = &graph.nodes[step];
        self.run.cancel.check()?;
        let in_node = |error: Error| error.in_node(id);
        let (args, lengths) = self.args(step).map_err(in_node)?;
        // Of the arguments as they are now: one that was made again may differ in its last bits.
        let key = self.key(step);
        self.run.watch.started(id);
        let begun = Instant::now();
        let mut ctx = Ctx::new(id, self.run.cancel, self.run.watch).with_providers(providers);
        let spec = node.spec();
        let results = node.run(&mut ctx, &Args::new(&spec.signature.inputs, &args)).map_err(in_node)?;
        let duration = begun.elapsed();
        contract::results(&spec.signature, &results, lengths).map_err(in_node)?;
        self.run.watch.finished(id);
        let bytes = results.iter().map(Value::bytes).sum();
        self.run.report.ran.push(Ran { node: id.clone(), why, duration, bytes });

        let leases: Vec<Lease> = results.into_iter().map(|value| self.run.cache.keep(value)).collect();
        let digests: Arc<[Digest]> = leases.iter().map(Lease::digest).collect();
        if spec.pure {
            self.run.cache.remember(key, digests.clone());
        }
        let slot = &mut self.slots[step];
        slot.ran = true;
        slot.results = Some(digests);
        slot.leases = leases.into_iter().map(Some).collect();
        for source in &graph.nodes[step].args {
            if let Source::Output { step: used, .. } = *source {
                self.read(used);
            }
        }
        Ok(())
    }

    /// A node's arguments as its signature wants them.
    fn args(&self, step: usize) -> Result<(Vec<Option<Value>>, Lengths)> {
        let ports = &self.run.graph.nodes[step].node.spec().signature.inputs;
        let value = |(port, source): (&Port, &Source)| {
            let value = match *source {
                Source::Output { step, port } => {
                    self.slots[step].leases[port].as_ref().map(|lease| lease.value().clone())
                }
                _ => self.given(source),
            };
            value.map(|value| port.ty.widen(value))
        };
        let values: Vec<Option<Value>> = ports.iter().zip(&self.slots[step].args).map(value).collect();
        let lengths = contract::arguments(ports, &values)?;
        Ok((values, lengths))
    }

    /// One reader less; the last one lets the values go.
    ///
    /// A node whose results were recalled stays a reader to the end: should its own value turn out to be
    /// evicted, it does read. So no node runs twice in a pass.
    fn read(&mut self, step: usize) {
        let slot = &mut self.slots[step];
        slot.readers = slot.readers.saturating_sub(1);
        if slot.readers == 0 {
            slot.leases.iter_mut().for_each(|lease| *lease = None);
        }
    }
}

/// The arguments with models and files as they are on disk now.
fn fresh(args: &[Source]) -> Result<Vec<Source>> {
    let fresh = |source: &Source| match source {
        Source::Literal(Value::Model(model)) => Ok(Source::Literal(Value::Model(model.reopen()?))),
        Source::Literal(Value::File(file)) => Ok(Source::Literal(Value::File(file.reopen()?))),
        other => Ok(other.clone()),
    };
    args.iter().map(fresh).collect()
}
