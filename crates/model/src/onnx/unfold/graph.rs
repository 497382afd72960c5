//! Graphs, nodes and functions, with the parts that decide the sizes of constants.

use std::io::{BufRead, Seek};

use wuerst_read::wire::{Reader, Wire};

use super::UnfoldError;
use super::evaluate::Passed;
use crate::onnx::head::{NAME, Outlet, outlet};
use crate::onnx::tensor::Tensor;

type Read<T> = Result<T, UnfoldError>;

/// GraphProto.
#[derive(Debug, Default)]
pub struct OnnxGraph {
    pub nodes: Vec<OnnxNode>,
    /// Tensors, with their numbers if they are few.
    pub tensors: Vec<(Tensor, Option<Vec<f64>>)>,
    /// Sparse tensors, which ONNX Runtime makes dense.
    pub sparse: Vec<Tensor>,
    pub inputs: Vec<Outlet>,
    pub outputs: Vec<String>,
}

/// NodeProto.
#[derive(Debug, Default)]
pub struct OnnxNode {
    pub name: String,
    pub operator: String,
    pub domain: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: Vec<Attribute>,
}

/// AttributeProto.
#[derive(Debug, Default)]
pub struct Attribute {
    pub name: String,
    /// The attribute of the surrounding function that it refers to.
    pub reference: String,
    pub number: Option<f64>,
    pub numbers: Vec<f64>,
    pub tensor: Option<(Tensor, Option<Vec<f64>>)>,
    pub sparse: Option<Tensor>,
    /// Number of texts in its list.
    pub texts: u64,
    pub graphs: Vec<OnnxGraph>,
}

/// FunctionProto.
#[derive(Debug, Default)]
pub struct Function {
    pub name: String,
    pub domain: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub body: OnnxGraph,
    /// Default values of attributes.
    pub defaults: Vec<Attribute>,
}

fn tensor<R: BufRead + Seek>(reader: &mut Reader<R>, end: u64) -> Read<(Tensor, Option<Vec<f64>>)> {
    let start = reader.at();
    let tensor = Tensor::read(reader, end)?;
    let numbers = tensor.few(reader, start, end)?;
    Ok((tensor, numbers))
}

/// SparseTensorProto, as the dense tensor that it stands for.
fn sparse<R: BufRead + Seek>(reader: &mut Reader<R>, end: u64) -> Read<Tensor> {
    let (mut values, mut dims) = (Tensor::default(), vec![]);
    while reader.at() < end {
        match reader.next(end)? {
            (1, Wire::Bytes(stop)) => values = Tensor::read(reader, stop)?,
            (3, Wire::Number(extent)) => dims.push(extent),
            (3, Wire::Bytes(stop)) => {
                while reader.at() < stop {
                    dims.push(reader.number()?);
                }
            }
            (_, other) => reader.skip(other)?,
        }
    }
    Ok(Tensor { dims, ..values })
}

/// Amount of work for names.
pub fn weight<'a>(names: impl Iterator<Item = &'a String>) -> u64 {
    names.map(|name| 1 + name.len() as u64 / 64).sum()
}

impl OnnxGraph {
    /// Entries to look at, without the nodes.
    pub fn weight(&self) -> u64 {
        let tensors = self.tensors.iter().map(|(tensor, _)| tensor).chain(&self.sparse);
        let inputs = self.inputs.iter().map(|input| &input.name);
        weight(tensors.map(|tensor| &tensor.name).chain(inputs).chain(&self.outputs))
    }

    pub fn read<R: BufRead + Seek>(reader: &mut Reader<R>, end: u64) -> Read<OnnxGraph> {
        let mut graph = OnnxGraph::default();
        while reader.at() < end {
            match reader.next(end)? {
                (1, Wire::Bytes(stop)) => graph.nodes.push(OnnxNode::read(reader, stop)?),
                (5, Wire::Bytes(stop)) => graph.tensors.push(tensor(reader, stop)?),
                (11, Wire::Bytes(stop)) => graph.inputs.push(outlet(reader, stop)?),
                (12, Wire::Bytes(stop)) => graph.outputs.push(outlet(reader, stop)?.name),
                (15, Wire::Bytes(stop)) => graph.sparse.push(sparse(reader, stop)?),
                (_, other) => reader.skip(other)?,
            }
        }
        Ok(graph)
    }
}

impl OnnxNode {
    fn read<R: BufRead + Seek>(reader: &mut Reader<R>, end: u64) -> Read<OnnxNode> {
        let mut node = OnnxNode::default();
        while reader.at() < end {
            match reader.next(end)? {
                (1, Wire::Bytes(stop)) => node.inputs.push(reader.text(stop, NAME)?),
                (2, Wire::Bytes(stop)) => node.outputs.push(reader.text(stop, NAME)?),
                (3, Wire::Bytes(stop)) => node.name = reader.text(stop, NAME)?,
                (4, Wire::Bytes(stop)) => node.operator = reader.text(stop, NAME)?,
                (5, Wire::Bytes(stop)) => node.attributes.push(Attribute::read(reader, stop)?),
                (7, Wire::Bytes(stop)) => node.domain = domain(&reader.text(stop, NAME)?),
                (_, other) => reader.skip(other)?,
            }
        }
        Ok(node)
    }

    /// Amount of work: names, long ones counting more, and attributes with their numbers.
    pub fn weight(&self) -> u64 {
        let names = weight(self.inputs.iter().chain(&self.outputs).chain([&self.operator, &self.domain]));
        let attributes = self.attributes.iter().map(|attribute| 1 + attribute.numbers.len() as u64);
        names + attributes.sum::<u64>()
    }

    /// Name and operator, for messages.
    pub fn label(&self) -> String {
        let name = self.outputs.first().filter(|_| self.name.is_empty()).unwrap_or(&self.name);
        let name: String = name.chars().take(200).collect();
        let operator: String = self.operator.chars().take(100).collect();
        format!("`{name}` ({operator})")
    }

    /// The attribute with this name, in a function called with attributes.
    pub fn attribute<'a>(&'a self, name: &str, called: &[Passed<'a>]) -> Option<&'a Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)?.meant(called)
    }
}

/// The standard domain has two names.
fn domain(name: &str) -> String {
    if name == "ai.onnx" { String::new() } else { name.to_owned() }
}

impl Attribute {
    /// The attribute itself, or the one that the surrounding function was called with in its place.
    pub fn meant<'a>(&'a self, called: &[Passed<'a>]) -> Option<&'a Attribute> {
        match self.reference.as_str() {
            "" => Some(self),
            name => called.iter().find(|(passed, _)| *passed == name).map(|(_, attribute)| *attribute),
        }
    }

    fn read<R: BufRead + Seek>(reader: &mut Reader<R>, end: u64) -> Read<Attribute> {
        let mut attribute = Attribute::default();
        while reader.at() < end {
            match reader.next(end)? {
                (1, Wire::Bytes(stop)) => attribute.name = reader.text(stop, NAME)?,
                (2, Wire::Fixed(4)) => attribute.number = Some(float(reader)?),
                (3, Wire::Number(value)) => attribute.number = Some(value.cast_signed() as f64),
                (5, Wire::Bytes(stop)) => attribute.tensor = Some(tensor(reader, stop)?),
                (6 | 11, Wire::Bytes(stop)) => attribute.graphs.push(OnnxGraph::read(reader, stop)?),
                (7, Wire::Fixed(4)) => attribute.numbers.push(float(reader)?),
                (7, Wire::Bytes(stop)) => {
                    while reader.at() < stop {
                        attribute.numbers.push(float(reader)?);
                    }
                }
                (8, Wire::Number(value)) => attribute.numbers.push(value.cast_signed() as f64),
                (8, Wire::Bytes(stop)) => {
                    while reader.at() < stop {
                        attribute.numbers.push(reader.number()?.cast_signed() as f64);
                    }
                }
                (9, Wire::Bytes(stop)) => {
                    attribute.texts += 1;
                    reader.go(stop)?;
                }
                (21, Wire::Bytes(stop)) => attribute.reference = reader.text(stop, NAME)?,
                (22, Wire::Bytes(stop)) => attribute.sparse = Some(sparse(reader, stop)?),
                (_, other) => reader.skip(other)?,
            }
        }
        Ok(attribute)
    }
}

fn float<R: BufRead + Seek>(reader: &mut Reader<R>) -> Read<f64> {
    let bytes = reader.bytes(reader.at() + 4, 4)?;
    Ok(f32::from_le_bytes(bytes.try_into().unwrap_or_default()).into())
}

impl Function {
    pub fn read<R: BufRead + Seek>(reader: &mut Reader<R>, end: u64) -> Read<Function> {
        let mut function = Function::default();
        while reader.at() < end {
            match reader.next(end)? {
                (1, Wire::Bytes(stop)) => function.name = reader.text(stop, NAME)?,
                (4, Wire::Bytes(stop)) => function.inputs.push(reader.text(stop, NAME)?),
                (5, Wire::Bytes(stop)) => function.outputs.push(reader.text(stop, NAME)?),
                (7, Wire::Bytes(stop)) => function.body.nodes.push(OnnxNode::read(reader, stop)?),
                (10, Wire::Bytes(stop)) => function.domain = domain(&reader.text(stop, NAME)?),
                (11, Wire::Bytes(stop)) => function.defaults.push(Attribute::read(reader, stop)?),
                (_, other) => reader.skip(other)?,
            }
        }
        function.body.outputs.clone_from(&function.outputs);
        Ok(function)
    }
}
