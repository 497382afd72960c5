//! Contents of a graph, with strings that C can borrow.

use wuerst::graph::ValueSource;
use wuerst_sys::{Change, Node as NodeView};

use crate::ports::Shown;
use crate::text::Str;
use crate::value::Value;

/// A node of a graph, with strings that C can borrow.
pub(crate) struct Node {
    name: String,
    kind: String,
    devices: String,
    /// Owns the strings and values that `arguments` points to.
    _owned: Vec<(String, String, Option<Value>)>,
    arguments: Vec<Change>,
}

/// A graph's inputs, outputs and nodes.
pub(crate) struct Contents {
    pub(crate) inputs: Vec<Shown>,
    pub(crate) outputs: Vec<Shown>,
    pub(crate) nodes: Vec<Node>,
    /// Models that are not there: the argument, and the reason.
    pub(crate) missing: Vec<(String, String)>,
}

impl Contents {
    pub(crate) fn of(graph: &wuerst::Graph) -> Contents {
        Contents {
            inputs: graph.effective_inputs().into_iter().map(Shown::new).collect(),
            outputs: graph.outputs().iter().map(Shown::output).collect(),
            nodes: graph.nodes().iter().map(|node| Node::of(graph, node)).collect(),
            missing: graph
                .missing_models()
                .into_iter()
                .map(|(argument, error)| (argument, error.to_string()))
                .collect(),
        }
    }
}

impl Node {
    fn of(graph: &wuerst::Graph, node: &wuerst::graph::Node) -> Node {
        let spec = node.kind.spec();
        let named = |port: &str| format!("{}.{port}", node.id);
        let arguments = spec.signature.inputs.iter().zip(&node.args).filter_map(|(port, source)| {
            let (text, value) = match source {
                ValueSource::Literal(value) => (String::new(), Some(Value::from(value.clone()))),
                ValueSource::Input(index) => (format!("${}", graph.inputs()[*index].name), None),
                ValueSource::Output { node, port } => {
                    let from = &graph.nodes()[*node];
                    (format!("${}.{}", from.id, from.kind.spec().signature.outputs[*port].name), None)
                }
                ValueSource::LeftOut => return None,
            };
            Some((named(&port.name), text, value))
        });
        let owned: Vec<(String, String, Option<Value>)> = arguments.collect();
        let shown = |(name, text, value): &(String, String, Option<Value>)| Change {
            name: Str::of(name),
            text: Str::of(text),
            value: value.as_ref().map_or(std::ptr::null(), std::ptr::from_ref).cast(),
        };
        let arguments = owned.iter().map(shown).collect();
        let (name, kind, devices) = (node.id.clone(), spec.kind.clone(), node.devices.join(","));
        Node { name, kind, devices, _owned: owned, arguments }
    }

    pub(crate) fn view(&self) -> NodeView {
        NodeView {
            struct_size: size_of::<NodeView>(),
            name: Str::of(&self.name),
            kind: Str::of(&self.kind),
            devices: Str::of(&self.devices),
            arguments: self.arguments.as_ptr(),
            argument_count: self.arguments.len(),
        }
    }
}
