//! Nodes of a graph: their arguments, sources and results.

use std::borrow::Cow;
use std::sync::Arc;

use wuerst_core::{Lora, Models, NodeKind, Port, PortRole, Result, Ty, Value};

/// A node of a graph, with its arguments.
#[derive(Clone)]
pub struct Node {
    /// Name in the graph, or `outer/inner` for a node within a node that is a graph. Not part of cache keys: a renamed
    /// node keeps its results.
    pub id: String,
    /// Node kind.
    pub kind: Arc<dyn NodeKind>,
    /// Sources of its arguments, in the order of its signature's inputs.
    pub args: Vec<ValueSource>,
    /// Types of its outputs; lengths that follow from the graph are fixed.
    pub gives: Vec<Ty>,
    /// Preferred devices, first choice first; empty without preference.
    pub devices: Vec<String>,
    /// LoRAs that change the weights of its model, in order.
    pub loras: Vec<Lora>,
    /// Inputs of nested graphs through which its arguments pass.
    pub(crate) boundaries: Vec<BoundaryCheck>,
    pub(crate) role: Role,
}

/// Role of a node in a batch. Outside of a run all nodes are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The node of the graph.
    Whole,
    /// The node for one item of a batch.
    One { index: usize, of: usize },
    /// The node for one entry of lists; it may be a batch itself.
    Entry { index: usize, of: usize },
    /// Splits a value into parts, or concatenates them.
    Adapter,
}

/// An input of a nested graph: a value that passes through it must satisfy its limits too.
#[derive(Clone)]
pub(crate) struct BoundaryCheck {
    /// The argument, by index.
    pub(crate) arg: usize,
    /// Name, such as `outer.steps`.
    pub(crate) name: String,
    pub(crate) port: Arc<Port>,
    /// Default used when no value is given, in the type of the port.
    pub(crate) default: Option<Value>,
}

/// Source of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSource {
    /// A value in the graph, or the default of a port.
    Literal(Value),
    /// An input of the graph, by index.
    Input(usize),
    /// An output of a node: the index of the node in the graph, and of the port in its signature.
    Output {
        /// The node.
        node: usize,
        /// The port.
        port: usize,
    },
    /// No value: an optional port is left out.
    LeftOut,
}

/// A named result of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Name of the output.
    pub name: String,
    /// Type; dimensions that follow from the graph are fixed.
    pub ty: Ty,
    /// Role declared by the port that makes its value.
    pub role: Option<PortRole>,
    /// Source of its value.
    pub source: ValueSource,
}

impl Node {
    /// Default for an argument whose graph input is left out: the default of the innermost surrounding graph that has
    /// one, or of the argument's own port.
    pub(crate) fn default(&self, arg: usize, models: &Models) -> Result<Option<Value>> {
        let boundary = self
            .boundaries
            .iter()
            .filter(|boundary| boundary.arg == arg)
            .find_map(|boundary| boundary.default.clone());
        let port = &self.kind.spec().signature.inputs[arg];
        match (boundary, &port.default) {
            (Some(value), _) => Ok(Some(port.ty.widen(value))),
            (None, Some(default)) => port.admit(&port.name, default.clone(), models).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Identity across runs: the name, and the index of its batch item.
    pub(crate) fn place(&self) -> Cow<'_, str> {
        match self.role {
            Role::One { index: 1.., .. } | Role::Entry { index: 1.., .. } | Role::Adapter => {
                Cow::Owned(format!("{} {:?}", self.id, self.role))
            }
            Role::One { .. } | Role::Entry { .. } | Role::Whole => Cow::Borrowed(&self.id),
        }
    }
}

impl ValueSource {
    /// The literal value; `None` for wires and for missing models.
    pub(crate) fn literal(&self) -> Option<Value> {
        match self {
            ValueSource::Literal(Value::Model(model)) if model.why_missing().is_some() => None,
            ValueSource::Literal(value) => Some(value.clone()),
            ValueSource::Input(_) | ValueSource::Output { .. } | ValueSource::LeftOut => None,
        }
    }
}
