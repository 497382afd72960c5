//! The digest of an output, computed before anything runs.

use wuerst_core::{CancellationToken, Digest, Error, Hasher, Result};

use super::inputs::Inputs;
use super::key;
use crate::graph::{Graph, Node, ValueSource};

impl Graph {
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
        let inputs = inputs.ready(self, (&plan, &[output]), cancel)?;
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
