//! Boxes and wires of a drawing, independent of the output format.

use wuerst_core::{Port, Ty, Value};

use crate::graph::{Graph, ValueSource};

/// All boxes (the graph's inputs, nodes and outputs, in this order), and the wires between them.
pub(super) struct Drawing {
    pub(super) boxes: Vec<Box>,
    pub(super) wires: Vec<Wire>,
}

pub(super) struct Box {
    pub(super) sort: Sort,
    pub(super) name: String,
    /// The kind of a node; the type of an input or output.
    pub(super) about: String,
    pub(super) inputs: Vec<Row>,
    pub(super) outputs: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Input,
    Node,
    Output,
}

/// A port of a box.
pub(super) struct Row {
    pub(super) name: String,
    /// Its literal in the graph, or its default.
    pub(super) value: Option<String>,
    pub(super) ty: String,
}

/// From an output of a box to an input of another, both by index.
pub(super) struct Wire {
    pub(super) from: (usize, usize),
    pub(super) to: (usize, usize),
    /// Type of the value on the wire.
    pub(super) ty: String,
}

impl Box {
    /// Unique identifier in the output format: `i0`, `n0`, `o0`.
    pub(super) fn id(&self, index: usize) -> String {
        let letter = match self.sort {
            Sort::Input => 'i',
            Sort::Node => 'n',
            Sort::Output => 'o',
        };
        format!("{letter}{index}")
    }
}

impl Drawing {
    pub(super) fn of(graph: &Graph) -> Drawing {
        let mut drawing = Drawing { boxes: Vec::new(), wires: Vec::new() };
        for port in graph.inputs() {
            let outputs = vec![Row { name: String::new(), value: None, ty: port.ty.to_string() }];
            let about = declaration(port);
            drawing.add(Box { sort: Sort::Input, name: port.name.clone(), about, inputs: vec![], outputs });
        }
        for node in graph.nodes() {
            let signature = &node.kind.spec().signature;
            let row = |port: &Port, ty: &Ty| Row { name: port.name.clone(), value: None, ty: ty.to_string() };
            let mut inputs = Vec::new();
            for (port, source) in signature.inputs.iter().zip(&node.args) {
                let mut row = row(port, &port.ty);
                match source {
                    // Ports without a value are not drawn.
                    ValueSource::LeftOut => continue,
                    ValueSource::Literal(value) => row.value = Some(written(value)),
                    _ => drawing.wire(graph, source, inputs.len()),
                }
                inputs.push(row);
            }
            let (name, about) = (node.id.clone(), node.kind.spec().kind.clone());
            let outputs = signature.outputs.iter().zip(&node.gives).map(|(port, ty)| row(port, ty)).collect();
            drawing.add(Box { sort: Sort::Node, name, about, inputs, outputs });
        }
        for output in graph.outputs() {
            drawing.wire(graph, &output.source, 0);
            let inputs = vec![Row { name: String::new(), value: None, ty: output.ty.to_string() }];
            let (name, about) = (output.name.clone(), output.ty.to_string());
            drawing.add(Box { sort: Sort::Output, name, about, inputs, outputs: vec![] });
        }
        drawing
    }

    fn add(&mut self, new: Box) {
        self.boxes.push(new);
    }

    /// A wire to the box that is added next.
    fn wire(&mut self, graph: &Graph, source: &ValueSource, row: usize) {
        let (from, ty) = match source {
            ValueSource::Input(index) => ((*index, 0), graph.inputs()[*index].ty.to_string()),
            ValueSource::Output { node, port } => {
                let ty = &graph.nodes()[*node].gives[*port];
                ((graph.inputs().len() + node, *port), ty.to_string())
            }
            ValueSource::Literal(_) | ValueSource::LeftOut => return,
        };
        self.wires.push(Wire { from, to: (self.boxes.len(), row), ty });
    }
}

/// The declaration after the name in a graph file.
fn declaration(port: &Port) -> String {
    let whole = port.to_string();
    whole.strip_prefix(&format!("{}: ", port.name)).unwrap_or(&whole).to_owned()
}

fn written(value: &Value) -> String {
    match value {
        Value::Model(model) => model.name().to_owned(),
        Value::File(file) => file.name().to_owned(),
        Value::Tensor(_) => value.ty().to_string(),
        other => other.to_string(),
    }
}
