//! Follows sizes through the nodes of graphs, subgraphs and functions.

use std::collections::HashMap;

use super::graph::{Attribute, Function, OnnxGraph, OnnxNode};
use super::numbers::{Given, numbers};
use super::sizes::{Size, enlarges, size};
use super::value::{FEW, Value, elements};
use super::{CALLS, FIXED, NODES, UnfoldError};
use crate::onnx::survey::DIMENSIONS;

type Scope<'g> = HashMap<&'g str, Value>;
/// An attribute of a call, by its name in the function.
pub type Passed<'g> = (&'g str, &'g Attribute);

/// The functions of a model, and the sums so far.
pub struct Evaluation<'g> {
    pub functions: &'g HashMap<(String, String), Function>,
    /// Maximum bytes of constants.
    pub most: u64,
    /// Bytes of constants so far.
    pub bytes: u64,
    pub nodes: u64,
    /// Remaining work.
    pub work: u64,
}

impl<'g> Evaluation<'g> {
    /// Follows a graph within the surrounding scopes, and returns its outputs. `called` are the attributes of the
    /// function whose body it is.
    pub fn graph(
        &mut self,
        graph: &'g OnnxGraph,
        around: &mut Vec<Scope<'g>>,
        given: Scope<'g>,
        called: &[Passed<'g>],
        calls: usize,
    ) -> Result<Vec<Value>, UnfoldError> {
        self.spend(graph.weight())?;
        let mut scope = given;
        for input in &graph.inputs {
            scope.entry(&input.name).or_insert_with(|| Value::of_input(input));
        }
        for (tensor, numbers) in &graph.tensors {
            scope.insert(&tensor.name, Value::of_tensor(tensor, numbers.clone()));
        }
        for tensor in &graph.sparse {
            let value = Value::of_tensor(tensor, None);
            self.add(&value, || format!("`{}` (a sparse tensor)", tensor.name))?;
            scope.insert(&tensor.name, value);
        }
        around.push(scope);
        for node in &graph.nodes {
            let results = self.node(node, around, called, calls)?;
            if let Some(scope) = around.last_mut() {
                scope.extend(node.outputs.iter().map(String::as_str).zip(results));
            }
        }
        let outputs = graph.outputs.iter().map(|name| find(around, name)).collect();
        around.pop();
        Ok(outputs)
    }

    /// Counts work again for each call, since a few calls of long lists would be too many.
    fn spend(&mut self, work: u64) -> Result<(), UnfoldError> {
        self.work = self.work.checked_sub(work).ok_or(UnfoldError::Calls)?;
        Ok(())
    }

    fn add(&mut self, value: &Value, label: impl Fn() -> String) -> Result<(), UnfoldError> {
        self.bytes = self.bytes.saturating_add(value.bytes());
        if self.bytes > self.most {
            return Err(UnfoldError::TooLarge { node: label(), most: self.most });
        }
        Ok(())
    }

    fn node(
        &mut self,
        node: &'g OnnxNode,
        around: &mut Vec<Scope<'g>>,
        called: &[Passed<'g>],
        calls: usize,
    ) -> Result<Vec<Value>, UnfoldError> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(UnfoldError::Calls);
        }
        self.spend(node.weight() + called.len() as u64)?;
        let inputs: Vec<Value> = node.inputs.iter().map(|name| find(around, name)).collect();
        let functions = self.functions;
        if let Some(function) = functions.get(&(node.domain.clone(), node.operator.clone())) {
            return self.call(function, node, inputs, called, calls);
        }
        if node.attributes.iter().any(|attribute| !attribute.graphs.is_empty()) {
            return self.nested(node, &inputs, around, called, calls);
        }
        let left_out = |name: &String| name.is_empty();
        let constant = inputs.iter().zip(&node.inputs).all(|(value, name)| value.constant || left_out(name));
        let given = Given { node, inputs: &inputs, called };
        let mut value = Value { constant, element: given.element(), ..Value::default() };
        match size(&given) {
            Size::Dims(dims) => {
                value.most = elements(&dims);
                // A `Gather` may return twice the rank of its input.
                value.dims = Some(dims).filter(|dims| dims.len() as u64 <= DIMENSIONS);
                if value.most <= FEW as u64 {
                    value.numbers = numbers(&given, value.most as usize);
                }
            }
            Size::Most(most) => value.most = most,
            Size::Unknown if constant => return Err(UnfoldError::Unknown { node: node.label() }),
            Size::Unknown => {}
        }
        // Extents are constants, even those of a value that is not.
        if ["Shape", "Size"].contains(&&*node.operator) {
            value.constant = value.numbers.is_some();
        }
        if value.most > FIXED && value.dims.is_some() && enlarges(&node.operator) {
            return Err(UnfoldError::Fixed { node: node.label(), elements: value.most });
        }
        for _ in node.outputs.iter().filter(|_| value.constant) {
            self.add(&value, || node.label())?;
        }
        Ok(vec![value; node.outputs.len()])
    }

    /// A call of one of the model's functions.
    fn call(
        &mut self,
        function: &'g Function,
        node: &'g OnnxNode,
        inputs: Vec<Value>,
        called: &[Passed<'g>],
        calls: usize,
    ) -> Result<Vec<Value>, UnfoldError> {
        if calls == CALLS {
            return Err(UnfoldError::Calls);
        }
        let names = node.attributes.len().saturating_mul(called.len()) + function.defaults.len();
        self.spend(names as u64)?;
        let given = function.inputs.iter().map(String::as_str).zip(inputs).collect();
        let own = node.attributes.iter().filter_map(|own| Some((&*own.name, own.meant(called)?)));
        let defaults = function.defaults.iter().map(|default| (&*default.name, default));
        let attributes: Vec<Passed<'g>> = own.chain(defaults).collect();
        self.graph(&function.body, &mut vec![], given, &attributes, calls + 1)
    }

    /// A node with subgraphs. If the condition of an `If` is known, ONNX Runtime uses only that branch.
    fn nested(
        &mut self,
        node: &'g OnnxNode,
        inputs: &[Value],
        around: &mut Vec<Scope<'g>>,
        called: &[Passed<'g>],
        calls: usize,
    ) -> Result<Vec<Value>, UnfoldError> {
        let decided = inputs.first().filter(|value| node.operator == "If" && value.constant);
        let taken = decided
            .and_then(|value| value.numbers.as_ref()?.first())
            .map(|condition| if *condition == 0. { "else_branch" } else { "then_branch" });
        if decided.is_some() && taken.is_none() {
            return Err(UnfoldError::Unknown { node: node.label() });
        }
        let mut results = vec![Value::default(); node.outputs.len()];
        for attribute in &node.attributes {
            for graph in &attribute.graphs {
                let outputs = self.graph(graph, around, HashMap::new(), called, calls)?;
                if taken == Some(attribute.name.as_str()) {
                    results = outputs;
                }
            }
        }
        Ok(results)
    }
}

fn find(scopes: &[Scope<'_>], name: &str) -> Value {
    scopes.iter().rev().find_map(|scope| scope.get(name)).cloned().unwrap_or_default()
}
