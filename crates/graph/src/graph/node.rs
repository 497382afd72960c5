//! A node in a graph: its arguments, where they come from, and what it gives.

use std::borrow::Cow;
use std::sync::Arc;

use wuerst_core::{Models, NodeKind, Port, Result, Ty, Value};

/// A node of a graph, with its arguments.
#[derive(Clone)]
pub struct Node {
    /// Its name in the graph; of a node within a node that is a graph itself, `outer/inner`. No part of any cache key:
    /// a renamed node keeps its results.
    pub id: String,
    /// What it computes.
    pub kind: Arc<dyn NodeKind>,
    /// Where its arguments come from, in the order of its signature's inputs.
    pub args: Vec<ValueSource>,
    /// The types of its outputs; lengths that follow from the graph are fixed.
    pub gives: Vec<Ty>,
    /// Preferred devices, first choice first; empty without preference.
    pub devices: Vec<String>,
    /// The inputs of nested graphs that its arguments enter by.
    pub(crate) boundaries: Vec<BoundaryCheck>,
    pub(crate) role: Role,
}

/// What a node is to a batch. All nodes of a graph that does not run are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The node of the graph.
    Whole,
    /// That node for one result of several.
    One { index: usize, of: usize },
    /// A node for one entry of lists; it may make a batch.
    Entry { index: usize, of: usize },
    /// Splits a value into parts, or concatenates them.
    Adapter,
}

/// An input of a nested graph: a value that enters by it must be allowed there too.
#[derive(Clone)]
pub(crate) struct BoundaryCheck {
    /// The argument, by index.
    pub(crate) arg: usize,
    /// As `outer.steps`.
    pub(crate) name: String,
    pub(crate) port: Arc<Port>,
    /// What stands in for it when nothing comes in, as the port takes it.
    pub(crate) default: Option<Value>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSource {
    /// It is written in the graph, or the default of a port.
    Literal(Value),
    /// An input of the graph, by index.
    Input(usize),
    /// An output of a node, by index of the node in the graph and of the port in its signature.
    Output {
        /// The node.
        node: usize,
        /// The port.
        port: usize,
    },
    /// From nowhere: an optional port that is left out.
    LeftOut,
}

/// A named result of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its type; dimensions that follow from the graph are fixed.
    pub ty: Ty,
    /// Where it comes from.
    pub source: ValueSource,
}

impl Node {
    /// What stands in for an argument that comes from an input which is left out: the default of the first graph around
    /// the node that has one, or of its own port.
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

    /// What it is known by from run to run: its name, and which result of a batch it makes.
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
    pub(super) fn literal(&self) -> Option<Value> {
        match self {
            ValueSource::Literal(value) => Some(value.clone()),
            ValueSource::Input(_) | ValueSource::Output { .. } | ValueSource::LeftOut => None,
        }
    }
}
