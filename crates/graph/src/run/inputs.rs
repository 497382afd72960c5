//! Values that a job sets for a graph's inputs.

use std::collections::HashMap;

use wuerst_core::{CancellationToken, Error, Result, Value};

use super::key;
use super::sizes::{Fault, Given, Sizes};
use super::values;
use crate::graph::effective_inputs::allowed;
use crate::graph::{Graph, ValueSource};

/// Checks that the built-in nodes behind an input take a number or a text, whatever the other inputs are. Sizes of pictures
/// depend on each other, and so are left to the run, as are problems of a model or file, which it reads again.
fn taken(graph: &Graph, index: usize, value: &Value) -> Result<()> {
    if !matches!(value, Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_)) {
        return Ok(());
    }
    let mut inputs = vec![None; graph.inputs.len()];
    inputs[index] = Some(value.clone());
    let mut plan = graph.behind(index);
    plan.retain(|&node| !graph.nodes[node].kind.is_foreign());
    let mut sizes = Sizes::new(Given { graph, plan: &plan, inputs: &inputs, resolved: false });
    for &node in &plan {
        if let Err(Fault { error, .. }) = sizes.look(node)
            && matches!(error, Error::Invalid { .. } | Error::Type { .. })
        {
            return Err(error.in_node(&graph.nodes[node].id));
        }
    }
    Ok(())
}

/// Values of a graph's inputs, for one or many runs.
#[derive(Clone, Debug, Default)]
pub struct Inputs(HashMap<String, Value>);

/// Values for a run.
pub(crate) struct Ready {
    /// In the order of the graph's inputs.
    pub(crate) inputs: Vec<Option<Value>>,
    /// Nodes that do not use a text that was set, by index, with a sentence.
    pub(crate) in_vain: Vec<(usize, String)>,
}

impl Inputs {
    /// No values: defaults are used.
    pub fn new() -> Inputs {
        Inputs::default()
    }

    /// Sets an input of `graph`. Checks type and range, also against the ports that the input is wired to, so that a
    /// wrong value is refused before the run. A tensor's numbers must be finite. The built-in nodes behind the input, and
    /// models that are there, must take the value as far as it alone decides that, such as a width that a model cannot make.
    ///
    /// # Errors
    /// [`Error::NotFound`] with a suggestion; otherwise the problem of the value.
    pub fn set(&mut self, graph: &Graph, name: &str, value: impl Into<Value>) -> Result<()> {
        let index = graph.input(name)?;
        let value = graph.inputs[index].admit(name, value.into(), &graph.models.by_host())?;
        allowed(graph, index, &value)?;
        values::finite(&value).map_err(|odd| Error::invalid(name, odd.to_string()))?;
        taken(graph, index, &value)?;
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    /// The value that was set; `None` if the default is used.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Resets an input to its default.
    pub fn unset(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The values for a run of `nodes`: with defaults, with models and files in their present state on disk, and checked by
    /// every node.
    pub(crate) fn ready(
        &self,
        graph: &Graph,
        (nodes, used): (&[usize], &[usize]),
        cancel: &CancellationToken,
    ) -> Result<Ready> {
        let mut values = vec![None; graph.inputs.len()];
        let args = nodes.iter().flat_map(|&node| &graph.nodes[node].args);
        let outputs = used.iter().map(|&output| &graph.outputs[output].source);
        for source in args.chain(outputs) {
            if let ValueSource::Input(index) = *source
                && values[index].is_none()
            {
                values[index] = self.value(graph, index)?;
            }
        }
        let mut sizes = Sizes::new(Given { graph, plan: nodes, inputs: &values, resolved: true });
        for &index in nodes {
            let node = &graph.nodes[index];
            let boundaries = || -> Result<()> {
                let args = key::resolved(graph, index, &values)?;
                let ports = &node.kind.spec().signature.inputs;
                values::boundaries(&node.boundaries, &key::known(ports, &args, &values))
            };
            if !node.boundaries.is_empty() {
                boundaries().map_err(|error| error.in_node(&node.id))?;
            }
            sizes.look(index).map_err(|fault| fault.error.in_node(&node.id))?;
        }
        let in_vain = sizes.in_vain(used, |name| self.0.contains_key(name));
        // Only read once they are known to be needed, since they may be large.
        for value in values.iter().flatten() {
            if let Value::Model(_) | Value::File(_) = value {
                value.identify(cancel)?;
            }
        }
        Ok(Ready { inputs: values, in_vain })
    }

    fn value(&self, graph: &Graph, index: usize) -> Result<Option<Value>> {
        let port = &graph.inputs[index];
        let value = match (self.0.get(&port.name), &port.default) {
            (Some(value), _) => key::reopened(value.clone())?,
            (None, Some(default)) => port.admit(&port.name, default.clone(), &graph.models)?,
            (None, None) if port.optional => return Ok(None),
            (None, None) => {
                return Err(Error::invalid(&port.name, format!("this input must be set: `{port}`")));
            }
        };
        // Checked again, since another graph may have checked it, and the default of a model was not checked.
        let value = port.admit(&port.name, value, &graph.models)?;
        allowed(graph, index, &value)?;
        Ok(Some(value))
    }
}
