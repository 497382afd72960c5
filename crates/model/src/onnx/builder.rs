//! A model under construction, to which the lowering of each operation adds nodes.

use std::collections::{HashMap, HashSet};

use super::axes::{self, Dim};
use super::lower::{self, Residuals};
use super::proto::{
    AttributeProto, DimensionProto, Extent, MICROSOFT, NodeProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto, elem,
};
use super::quantize;
use super::store::Store;
use super::weights::ExportError;
use super::widths::Width;
use super::{Compute, ExportOptions, Operators, islands};
use crate::contract::STEPWISE;
use crate::record::{DType, Id, NetworkGraph, NetworkNode, Op};

/// Suffix for the name of a matrix that is stored transposed.
pub const TRANSPOSED: &str = ".T";

/// Nodes, names and tensors written so far.
///
/// Names show the origin of a value: `blocks.0.attention.to_q/MatMul` is a step of the layer whose parameters have this
/// prefix; an operation without parameters has the name of the layer before it.
pub struct Builder<'a> {
    /// The recorded network.
    pub graph: &'a NetworkGraph,
    /// Extents of every recorded value.
    pub dims: Vec<Vec<Dim>>,
    names: HashSet<String>,
    /// The written name of each recorded value, if it is written already.
    values: Vec<Option<String>>,
    /// Values shared by several operations, by a key that describes them.
    pub(super) shared: HashMap<String, String>,
    /// The layer each recorded value belongs to.
    scopes: Vec<String>,
    scope: String,
    /// Sums computed in the operator of the following layer norm.
    pub residuals: Residuals,
    /// Operators that may be used.
    pub operators: Operators,
    /// Whether the current operation is a matrix product to be computed in int8.
    pub in_int8: bool,
    chosen: Vec<bool>,
    /// Precision in which the model computes.
    pub compute: Compute,
    /// Whether the current operation is computed in f16.
    pub half: bool,
    /// Whether each recorded value is computed in f32.
    pub wide: Vec<bool>,
    /// Widths of floating-point values in an f16 model.
    pub widths: HashMap<String, Width>,
    /// Whether each recorded value changes in every sampling step.
    pub stepwise: Vec<bool>,
    /// Nodes in order of execution.
    pub nodes: Vec<NodeProto>,
    /// Tensors.
    pub store: Store<'a>,
}

impl<'a> Builder<'a> {
    pub fn new(
        graph: &'a NetworkGraph,
        store: Store<'a>,
        options: &ExportOptions,
        live: &[bool],
    ) -> Builder<'a> {
        let ExportOptions { operators, compute, .. } = *options;
        let names = graph.inputs.iter().map(|input| &input.name).chain(graph.outputs.iter().map(|o| &o.0));
        let dims = axes::dims(graph);
        let residuals = match operators {
            Operators::Standard => Residuals::default(),
            Operators::OnnxRuntime | Operators::Int8 => {
                Residuals::find(graph, live, |a, b| dims[a.0] == dims[b.0])
            }
        };
        Builder {
            graph,
            dims,
            residuals,
            names: names.cloned().collect(),
            values: vec![None; graph.nodes.len()],
            shared: HashMap::new(),
            scopes: scopes(graph),
            scope: String::new(),
            operators,
            in_int8: false,
            chosen: quantize::chosen(graph, operators),
            compute,
            half: false,
            wide: match compute {
                Compute::F32 => vec![true; graph.nodes.len()],
                Compute::F16 => islands::wide(graph),
            },
            widths: HashMap::new(),
            stepwise: graph.following(|input| STEPWISE.contains(&input.name.as_str())),
            nodes: vec![],
            store,
        }
    }

    /// Begins a recorded operation: nodes emitted next belong to its layer.
    pub fn enter(&mut self, id: Id) {
        self.scope = self.scopes[id.0].clone();
        self.in_int8 = self.chosen[id.0];
        self.half = !self.wide[id.0];
    }

    /// Ends the last operation. Outputs are read in f32.
    pub fn leave(&mut self) {
        self.half = false;
    }

    /// Sets the written name of a recorded value.
    pub fn bind(&mut self, id: Id, name: String) {
        let name = self.settled(id, name);
        self.values[id.0] = Some(name);
    }

    /// Sets the name of an input.
    pub fn bind_input(&mut self, id: Id, name: String) {
        if self.in_f16() && self.graph.nodes[id.0].dtype == DType::F32 {
            self.widths.insert(name.clone(), Width::Single);
        }
        self.values[id.0] = Some(name);
    }

    /// The written name of a recorded value. Adds a parameter or constant, or a value that depends only on these, on
    /// first use.
    pub fn value(&mut self, id: Id) -> Result<String, ExportError> {
        if let Some(name) = self.values[id.0].clone() {
            return Ok(self.in_width(name));
        }
        let graph = self.graph;
        let name = match &graph.nodes[id.0].op {
            Op::Param(n) => self.param(*n, false)?,
            Op::Constant(n) => {
                let constant = &graph.constants[*n];
                match (&constant.shape[..], &constant.data[..]) {
                    ([], [value]) => self.scalar(*value)?,
                    ([n], data) if data.iter().all(|value| *value == 1.) => self.ones(*n)?,
                    (shape, data) => self.tensor("constant", shape, data)?,
                }
            }
            // Other values are bound before use: arguments come before results.
            _ => self.fixed(id)?,
        };
        self.values[id.0] = Some(name.clone());
        Ok(self.in_width(name))
    }

    /// A value that depends only on weights: computed now, or left to ONNX Runtime, which can compute it in f32.
    fn fixed(&mut self, id: Id) -> Result<String, ExportError> {
        if self.in_f16() {
            let name = format!("{}/folded", self.scopes[id.0]);
            if let Some(name) = self.fold(id, &name, false)? {
                return Ok(name);
            }
        }
        self.inside(id)
    }

    /// Lowers a value while another is being lowered.
    fn inside(&mut self, id: Id) -> Result<String, ExportError> {
        let outer = (self.scope.clone(), self.in_int8, self.half);
        self.enter(id);
        let name = lower::lower(self, id).map(|name| self.settled(id, name));
        (self.scope, self.in_int8, self.half) = outer;
        name
    }

    /// A transposed matrix; a parameter is stored in this form.
    pub fn transposed(&mut self, id: Id) -> Result<String, ExportError> {
        if let Op::Param(n) = self.graph.nodes[id.0].op {
            let name = self.param(n, true)?;
            return Ok(self.in_width(name));
        }
        if self.in_f16() {
            let name = format!("{}/folded{TRANSPOSED}", self.scopes[id.0]);
            if let Some(name) = self.fold(id, &name, true)? {
                return Ok(name);
            }
        }
        let x = self.value(id)?;
        Ok(self.emit("Transpose", &[&x], vec![AttributeProto::ints("perm", [1, 0])]))
    }

    fn param(&mut self, n: usize, transposed: bool) -> Result<String, ExportError> {
        let param = &self.graph.params[n];
        let suffix = if transposed { TRANSPOSED } else { "" };
        let key = format!("param {}{suffix}", param.name);
        self.once(&key, |b| {
            let name = b.fresh(&format!("{}{suffix}", param.name));
            if b.in_f16() {
                let weight = b.store.read(param)?;
                b.keep(&name, weight, transposed)?;
                return Ok(name);
            }
            if !b.store.param(param, &name, transposed)? {
                return Ok(name);
            }
            let wide = vec![AttributeProto::int("to", elem::FLOAT.into())];
            Ok(b.emit_as(format!("{name}.f32"), "Cast", &[&name], wide))
        })
    }

    /// A value made on the first use of this key.
    pub fn once(
        &mut self,
        key: &str,
        make: impl FnOnce(&mut Self) -> Result<String, ExportError>,
    ) -> Result<String, ExportError> {
        if let Some(name) = self.shared.get(key) {
            return Ok(name.clone());
        }
        let name = make(self)?;
        self.shared.insert(key.into(), name.clone());
        Ok(name)
    }

    /// [`once`](Self::once), for steps that belong to no layer.
    pub fn once_in(
        &mut self,
        scope: &str,
        make: impl FnOnce(&mut Self) -> Result<String, ExportError>,
    ) -> Result<String, ExportError> {
        let outer = std::mem::replace(&mut self.scope, scope.into());
        let name = self.once(scope, make);
        self.scope = outer;
        name
    }

    /// Adds a node with one result, and returns the result's name. An empty input stands for one left out.
    pub fn emit(&mut self, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let wanted = if self.scope.is_empty() { op.to_string() } else { format!("{}/{op}", self.scope) };
        self.emit_as(wanted, op, inputs, attributes)
    }

    /// [`emit`](Self::emit), for an operator that only ONNX Runtime has.
    pub fn emit_fused(&mut self, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let name = self.emit(op, inputs, attributes);
        if let Some(node) = self.nodes.last_mut() {
            node.domain = MICROSOFT.into();
        }
        name
    }

    pub(super) fn emit_as(
        &mut self,
        want: String,
        op: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> String {
        let (input, width) = self.harmonised(op, inputs, &attribute);
        let name = self.fresh(&want);
        if let Some(width) = width {
            self.widths.insert(name.clone(), width);
        }
        self.nodes.push(NodeProto {
            input,
            output: vec![name.clone()],
            name: name.clone(),
            op_type: op.into(),
            attribute,
            domain: String::new(),
        });
        name
    }

    /// An unused name in the current layer.
    pub fn fresh_in_scope(&mut self, want: &str) -> String {
        let want = format!("{}/{want}", self.scope);
        self.fresh(&want)
    }

    /// An unused name: this one, or this one with a number.
    pub fn fresh(&mut self, want: &str) -> String {
        let mut name = want.to_string();
        let mut count = 1;
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{want}_{count}");
        }
        name
    }

    /// Describes a recorded value as the model's input or output.
    pub fn describe(&self, name: &str, id: Id) -> ValueInfoProto {
        let extent = |dim: &Dim| match dim {
            Dim::Fixed(n) => Some(Extent::Value(*n as i64)),
            Dim::Axis { .. } => Some(Extent::Param(dim.to_string())),
            Dim::Unknown => None,
        };
        let dim = self.dims[id.0].iter().map(|dim| DimensionProto { value: extent(dim) }).collect();
        let elem_type = match self.graph.nodes[id.0].dtype {
            DType::F32 => elem::FLOAT,
            DType::I64 => elem::INT64,
        };
        let tensor = TensorTypeProto { elem_type, shape: Some(TensorShapeProto { dim }) };
        ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
    }

    /// Replaces a value's name by that of an output.
    pub fn rename(&mut self, from: &str, to: &str) {
        let names = self.nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output));
        names.filter(|name| *name == from).for_each(|name| *name = to.into());
        let known = self.values.iter_mut().flatten().chain(self.shared.values_mut());
        known.filter(|name| *name == from).for_each(|name| *name = to.into());
    }
}

/// The layer of each value: the common prefix of its parameters' names, or the layer of the value before it.
fn scopes(graph: &NetworkGraph) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let own = node.args.iter().find_map(|id| layer(graph, &graph.nodes[id.0]));
        let before = || node.args.iter().map(|id| scopes[id.0].clone()).find(|scope| !scope.is_empty());
        scopes.push(own.or_else(before).unwrap_or_default());
    }
    scopes
}

fn layer(graph: &NetworkGraph, node: &NetworkNode) -> Option<String> {
    let Op::Param(n) = node.op else { return None };
    let name = &graph.params[n].name;
    Some(name.rsplit_once('.').map_or(name.as_str(), |(layer, _)| layer).into())
}
