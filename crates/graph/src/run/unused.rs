//! Texts that a user sets in vain, since no node that reads them uses them, such as a negative prompt without guidance.

use wuerst_core::{Unused, Value};

use super::sizes::Sizes;
use crate::graph::ValueSource;

impl Sizes<'_> {
    /// For each text that was set, is not empty and has no effect on the outputs of the nodes looked at: the node that does
    /// not use it, by index, and a sentence. `is_set` tells whether an input was set by the user.
    pub(crate) fn in_vain(&self, outputs: &[usize], is_set: impl Fn(&str) -> bool) -> Vec<(usize, String)> {
        let given = self.given();
        if given.plan.iter().all(|&node| self.unused(node).is_none()) {
            return Vec::new();
        }
        let mut useful = vec![false; given.graph.nodes.len()];
        let mut read = vec![false; given.graph.inputs.len()];
        let mut blamed: Vec<Option<(usize, &Unused)>> = vec![None; given.graph.nodes.len()];
        let mut blames: Vec<Option<(usize, &Unused)>> = vec![None; given.graph.inputs.len()];
        for &output in outputs {
            match given.graph.outputs[output].source {
                ValueSource::Output { node, .. } => useful[node] = true,
                ValueSource::Input(input) => read[input] = true,
                ValueSource::Literal(_) | ValueSource::LeftOut => {}
            }
        }
        // Nodes come after those that they use, so that all readers of a node are known when it is reached.
        for &node in given.plan.iter().rev() {
            let ports = &given.graph.nodes[node].kind.spec().signature.inputs;
            for (port, source) in ports.iter().zip(&given.graph.nodes[node].args) {
                let unused = self.unused(node).filter(|unused| unused.ports.contains(&&*port.name));
                let by = unused.map(|unused| (node, unused)).or(blamed[node]);
                let useful_here = useful[node] && unused.is_none();
                match *source {
                    ValueSource::Output { node, .. } if useful_here => useful[node] = true,
                    ValueSource::Output { node, .. } => blamed[node] = blamed[node].or(by),
                    ValueSource::Input(input) if useful_here => read[input] = true,
                    ValueSource::Input(input) => blames[input] = blames[input].or(by),
                    ValueSource::Literal(_) | ValueSource::LeftOut => {}
                }
            }
        }
        let vain = |(input, blame): (usize, Option<(usize, &Unused)>)| {
            let (node, unused) = blame.filter(|_| !read[input])?;
            let Some(Value::Text(text)) = &given.inputs[input] else { return None };
            let name = &given.graph.inputs[input].name;
            let says = !text.trim().is_empty() && is_set(name);
            says.then(|| (node, format!("`{name}` has no effect: {}", unused.why)))
        };
        blames.into_iter().enumerate().filter_map(vain).collect()
    }
}
