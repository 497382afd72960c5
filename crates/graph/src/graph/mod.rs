//! A checked graph, correct by construction and ready to run.

pub(crate) mod each;
pub(crate) mod effective_inputs;
pub(crate) mod index;
pub(crate) mod node;
mod origin;

use std::collections::HashSet;
use std::sync::Arc;

use wuerst_core::{Args, Diagnostic, Error, Models, Port, Result, Signature, Value, did_you_mean};

use index::Index;
pub(crate) use node::{BoundaryCheck, Role};
pub use node::{Node, Output, ValueSource};

/// A checked graph. Immutable while it runs. Cheap to clone for every job.
#[derive(Clone)]
pub struct Graph {
    /// Inputs, in the order of the file.
    pub(crate) inputs: Vec<Port>,
    /// Nodes, each after those that it uses.
    pub(crate) nodes: Vec<Arc<Node>>,
    /// Outputs, in the order of the file.
    pub(crate) outputs: Vec<Output>,
    /// Signature as a node of another graph: equal dimension names are equal lengths.
    pub(crate) interface: Signature,
    pub(crate) models: Models,
    pub(crate) index: Arc<Index>,
    pub(crate) missing_defaults: Vec<Diagnostic>,
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) notes: Vec<Diagnostic>,
}

impl Graph {
    /// Inputs that a job can set: names, types, defaults, ranges.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Outputs that a job can compute: names and types.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Defaults of inputs that a run refuses: models and files that are missing or unfit, and sizes that no model makes.
    /// The graph is still valid, since a host may set these inputs. A run that needs one, and gets no other value, fails
    /// before any node runs.
    pub fn missing_defaults(&self) -> &[Diagnostic] {
        &self.missing_defaults
    }

    /// Missing models of a graph that was read with [`Models::allowing_missing`]: the argument, such as `prior.model`, and the
    /// error. A run that needs the model fails with this error.
    pub fn missing_models(&self) -> Vec<(String, Error)> {
        let mut missing = Vec::new();
        for node in &self.nodes {
            for (port, source) in node.kind.spec().signature.inputs.iter().zip(&node.args) {
                if let ValueSource::Literal(Value::Model(model)) = source
                    && let Some(error) = model.why_missing()
                {
                    missing.push((format!("{}.{}", node.id, port.name), error));
                }
            }
        }
        missing
    }

    /// The value used for an input that a job does not set: its default, or the value of the nodes that it is wired to, such
    /// as the model's own number of steps: [`left_out`](wuerst_core::NodeKind::left_out). May read model headers. `None` if
    /// there is none, or if it is not known.
    ///
    /// # Errors
    /// [`Error::NotFound`], with a suggestion.
    pub fn left_out(&self, input: &str) -> Result<Option<Value>> {
        let input = self.input(input)?;
        if let Some(default) = &self.inputs[input].default {
            return Ok(Some(default.clone()));
        }
        let of_node = |node: &Arc<Node>| {
            let ports = &node.kind.spec().signature.inputs;
            let wired = |source: &ValueSource| matches!(source, ValueSource::Input(index) if *index == input);
            let port = ports.iter().zip(&node.args).find(|(_, source)| wired(source))?.0;
            let known: Vec<Option<Value>> = node.args.iter().map(ValueSource::literal).collect();
            port.default.clone().or_else(|| node.kind.left_out(&Args::new(ports, &known), &port.name))
        };
        Ok(self.nodes.iter().find_map(of_node))
    }

    /// Old names of keys and node kinds in the file, with their new names. Old names still work.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Allowed constructs that are usually mistakes: unused inputs and nodes, texts that equal the name of an input.
    pub fn notes(&self) -> &[Diagnostic] {
        &self.notes
    }

    /// Nodes, each after those that it uses.
    pub fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// The index of an output.
    ///
    /// # Errors
    /// [`Error::NotFound`], with a suggestion.
    pub fn output(&self, name: &str) -> Result<usize> {
        let found = self.index.outputs.get(name).copied();
        found.ok_or_else(|| not_found("output", name, self.outputs.iter().map(|o| o.name.as_str())))
    }

    /// The index of an input.
    ///
    /// # Errors
    /// [`Error::NotFound`], with a suggestion.
    pub fn input(&self, name: &str) -> Result<usize> {
        let found = self.index.inputs.get(name).copied();
        found.ok_or_else(|| not_found("input", name, self.inputs.iter().map(|p| p.name.as_str())))
    }

    /// The node and port named by `node.port`.
    ///
    /// # Errors
    /// [`Error::NotFound`], with a suggestion.
    pub fn argument(&self, name: &str) -> Result<(usize, usize)> {
        let (id, port) = name.split_once('.').ok_or_else(|| Error::NotFound {
            what: "argument",
            name: name.to_owned(),
            hint: "; an argument is written as `node.port`".to_owned(),
        })?;
        let node = self.index.nodes.get(id).copied();
        let node = node.ok_or_else(|| not_found("node", id, self.nodes.iter().map(|s| s.id.as_str())))?;
        let signature = &self.nodes[node].kind.spec().signature;
        match signature.input(port) {
            Some((index, _)) => Ok((node, index)),
            None => Err(not_found("argument", name, signature.inputs.iter().map(|p| p.name.as_str()))),
        }
    }

    /// Replaces an argument, such as `prior.steps`, by a value.
    ///
    /// # Errors
    /// [`Error::NotFound`] with a suggestion; otherwise the problem of the value. The graph is unchanged after an error.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> Result<()> {
        let mut value = value.into();
        let places = self.index.boundaries(&self.nodes, name);
        let places = match places.first() {
            Some((_, boundary)) => {
                value = boundary.port.admit(name, value, &self.models.by_host())?;
                places.iter().map(|(node, boundary)| (*node, boundary.arg)).collect()
            }
            None => vec![self.argument(name)?],
        };
        let mut changed = Vec::with_capacity(places.len());
        for (node, index) in places {
            let Node { id, kind, args, .. } = &*self.nodes[node];
            let ports = &kind.spec().signature.inputs;
            let value = ports[index].admit(name, value.clone(), &self.models.by_host())?;
            let mut args = args.clone();
            args[index] = ValueSource::Literal(value);
            let known: Vec<Option<Value>> = args.iter().map(ValueSource::literal).collect();
            kind.check(&Args::new(ports, &known)).map_err(|mut refusal| {
                let port = refusal.port.map_or_else(String::new, |port| format!(".{port}"));
                refusal.port = Some(format!("{id}{port}"));
                Error::from(refusal)
            })?;
            changed.push((node, index, args.swap_remove(index)));
        }
        for (node, index, source) in changed {
            Arc::make_mut(&mut self.nodes[node]).args[index] = source;
        }
        Ok(())
    }

    /// The nodes that these outputs (by index) may need, each after those that it uses; all nodes of an output come
    /// before nodes that only later outputs need. The cache decides which of them run.
    pub fn needed(&self, outputs: &[usize]) -> Vec<usize> {
        self.needed_but(outputs, |_| false)
    }

    /// The nodes whose arguments an input may reach, each after those that it uses.
    pub(crate) fn behind(&self, input: usize) -> Vec<usize> {
        let mut reached = vec![false; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            reached[at] = node.args.iter().any(|source| match source {
                ValueSource::Input(index) => *index == input,
                ValueSource::Output { node, .. } => reached[*node],
                ValueSource::Literal(_) | ValueSource::LeftOut => false,
            });
        }
        (0..self.nodes.len()).filter(|at| reached[*at]).collect()
    }

    /// Like `needed`, skipping nodes for which `done` holds, and all nodes that they use.
    pub(crate) fn needed_but(&self, outputs: &[usize], done: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut order = Vec::new();
        let mut seen = HashSet::new();
        for &output in outputs {
            let ValueSource::Output { node, .. } = self.outputs[output].source else { continue };
            // An explicit stack, since a long chain of nodes would exhaust the thread's stack.
            let mut path = vec![(node, 0)];
            while let Some((node, next)) = path.last_mut() {
                let args = &self.nodes[*node].args;
                if *next == 0 && (seen.contains(node) || done(*node)) {
                    path.pop();
                    continue;
                }
                if *next == args.len() {
                    if seen.insert(*node) {
                        order.push(*node);
                    }
                    path.pop();
                    continue;
                }
                *next += 1;
                if let ValueSource::Output { node: used, .. } = args[*next - 1] {
                    path.push((used, 0));
                }
            }
        }
        order
    }
}

fn not_found<'a>(what: &'static str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Error {
    // `prior.stepz` is compared by its last part, because `known` holds port names.
    let last = name.rsplit('.').next().unwrap_or(name);
    let hint = match did_you_mean(last, known.clone()) {
        hint if hint.is_empty() => match known.collect::<Vec<_>>().join(", ") {
            names if names.is_empty() => "; the graph has none".to_owned(),
            names => format!("; there are {names}"),
        },
        hint => hint,
    };
    Error::NotFound { what, name: name.to_owned(), hint }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nodes: Vec<&str> = self.nodes.iter().map(|node| node.id.as_str()).collect();
        let outputs: Vec<&str> = self.outputs.iter().map(|output| output.name.as_str()).collect();
        f.debug_struct("Graph")
            .field("inputs", &self.inputs)
            .field("nodes", &nodes)
            .field("outputs", &outputs)
            .finish_non_exhaustive()
    }
}
