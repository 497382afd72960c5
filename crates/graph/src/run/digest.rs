//! The digest of an output, computed before anything runs.

use wuerst_core::{Args, CancellationToken, Digest, Error, Hasher, Port, Result, Ty, Value};

use super::inputs::{Inputs, Ready};
use super::key;
use crate::graph::{Graph, Node, ValueSource};

impl Graph {
    /// A digest of the graph and its models alone, without the values that a job sets: kinds and versions of nodes, wires,
    /// literals, the declarations of inputs, and the content of models and files that it names. Names of nodes, devices and
    /// comments do not count. Equal on every machine. Reads models and files that are not remembered; `cancel` stops that.
    ///
    /// # Errors
    /// A model or file that is missing or cannot be read, except for a default of an input.
    pub fn identity(&self, cancel: &CancellationToken) -> Result<Digest> {
        let inputs =
            self.inputs.iter().map(|port| self.declared(port, cancel)).collect::<Result<Vec<_>>>()?;
        let mut keys: Vec<Digest> = Vec::with_capacity(self.nodes.len());
        let wired = |keys: &[Digest], source: &ValueSource, hasher: Hasher| match source {
            ValueSource::Literal(value) => hasher.digest(value.digest()),
            ValueSource::Input(index) => hasher.digest(inputs[*index]),
            ValueSource::Output { node, port } => hasher.digest(keys[*node]).number(*port as u64),
            ValueSource::LeftOut => hasher.bytes(b"left out"),
        };
        for node in &self.nodes {
            let args = key::fresh(node.args.clone(), cancel).map_err(|error| error.in_node(&node.id))?;
            let spec = node.kind.spec();
            let ports = &spec.signature.inputs;
            let known: Vec<Option<Value>> = args.iter().map(ValueSource::literal).collect();
            let state = node.kind.state(&Args::new(ports, &known));
            let state = state.and_then(|state| key::with_loras(state, &node.loras));
            let state = state.map_err(|error| error.in_node(&node.id))?;
            let mut hasher =
                Hasher::new("node of a graph").bytes(spec.kind.as_bytes()).number(spec.version.into());
            for source in &args {
                hasher = wired(&keys, source, hasher);
            }
            if let Some(state) = state {
                hasher = hasher.digest(state);
            }
            keys.push(hasher.finish());
        }
        let mut whole = Hasher::new("graph");
        for input in &inputs {
            whole = whole.digest(*input);
        }
        for key in &keys {
            whole = whole.digest(*key);
        }
        for output in &self.outputs {
            whole = wired(&keys, &output.source, whole.bytes(output.name.as_bytes()));
        }
        Ok(whole.finish())
    }

    /// A digest of an input's declaration, and of the content of the model or file that is its default.
    fn declared(&self, port: &Port, cancel: &CancellationToken) -> Result<Digest> {
        let hasher = Hasher::new("input").bytes(port.to_string().as_bytes());
        let default = port.default.clone().filter(|_| matches!(port.ty, Ty::Model | Ty::File));
        // A default that does not exist is replaced by the job.
        match default.and_then(|default| port.admit(&port.name, default, &self.models).ok()) {
            Some(Value::Model(model)) if model.why_missing().is_some() => Ok(hasher.finish()),
            Some(value) => Ok(hasher.digest(value.identify(cancel)?).finish()),
            None => Ok(hasher.finish()),
        }
    }

    /// A digest of everything that an output depends on: kinds and versions of nodes, literals, inputs, and the content
    /// of models and files. While it stays equal, the output does too; the reverse does not hold, since different
    /// computations of one value have different digests. Equal on every machine. Reads models and files that are not
    /// remembered; `cancel` stops that.
    ///
    /// # Errors
    /// An unknown output, a missing or refused input, a file that was removed; [`Error::Invalid`] if the output depends
    /// on a node that runs every time.
    pub fn digest(&self, inputs: &Inputs, output: &str, cancel: &CancellationToken) -> Result<Digest> {
        let output = self.output(output)?;
        let plan = self.needed(&[output]);
        let Ready { inputs, .. } = inputs.ready(self, (&plan, &[output]), cancel)?;
        let mut keys: Vec<Option<Digest>> = vec![None; self.nodes.len()];
        let result = |keys: &[Option<Digest>], node: usize, port: usize| {
            keys[node].map(|key| Hasher::new("result").digest(key).number(port as u64).finish())
        };
        for node in plan {
            let Node { id, kind, loras, .. } = &*self.nodes[node];
            if !kind.spec().pure {
                let message = format!("depends on `{id}`, which is run every time and so has no digest");
                return Err(Error::invalid(&self.outputs[output].name, message));
            }
            let args = key::resolved(self, node, &inputs).and_then(|args| key::fresh(args, cancel));
            let args = args.map_err(|error| error.in_node(id))?;
            let arguments =
                key::arguments((&**kind, loras), &args, &inputs, |node, port| result(&keys, node, port));
            keys[node] = Some(key::key(kind.spec(), &arguments.map_err(|error| error.in_node(id))?));
        }
        let output = &self.outputs[output];
        let digest = match &output.source {
            ValueSource::Output { node, port } => result(&keys, *node, *port),
            other => key::given(other, &inputs).map(|value| value.digest()),
        };
        digest.ok_or_else(|| Error::invalid(&output.name, "this output is an input that was left out"))
    }
}
