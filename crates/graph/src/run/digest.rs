//! What an output will be, as a digest, before anything runs.

use wuerst_core::{CancellationToken, Digest, Error, Hasher, Result};

use super::inputs::Inputs;
use super::key;
use crate::graph::{Graph, Node, ValueSource};

impl Graph {
    /// What an output depends on: the kinds and versions of nodes, literals, inputs, models and files by content. While
    /// the digest stays the same, so does the output. The reverse does not hold: two ways to the same result have two
    /// digests. Equal on every machine. Models and files are read, unless they are known; `cancel` stops that.
    ///
    /// # Errors
    /// An unknown output, an input that is missing or refused, a file that has gone; [`Error::Invalid`] when the output
    /// depends on a node that is run every time.
    pub fn digest(&self, inputs: &Inputs, output: &str, cancel: &CancellationToken) -> Result<Digest> {
        let output = self.output(output)?;
        let plan = self.needed(&[output]);
        let inputs = inputs.ready(self, (&plan, &[output]), cancel)?;
        let mut keys: Vec<Option<Digest>> = vec![None; self.nodes.len()];
        let result = |keys: &[Option<Digest>], node: usize, port: usize| {
            keys[node].map(|key| Hasher::new("result").digest(key).number(port as u64).finish())
        };
        for node in plan {
            let Node { id, kind, .. } = &*self.nodes[node];
            if !kind.spec().pure {
                let message = format!("depends on `{id}`, which is run every time and so has no digest");
                return Err(Error::invalid(&self.outputs[output].name, message));
            }
            let args = key::resolved(self, node, &inputs).and_then(|args| key::fresh(args, cancel));
            let args = args.map_err(|error| error.in_node(id))?;
            let arguments = key::arguments(&**kind, &args, &inputs, |node, port| result(&keys, node, port));
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
