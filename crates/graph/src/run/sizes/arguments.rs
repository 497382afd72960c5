//! A node's arguments before a run: their values, or at least their types.

use std::borrow::Cow;

use wuerst_core::{Args, Dim, Error, NodeKind, Port, Result, Ty, Value};

use super::known::{Others, Sizes};
use super::trial::Trial;
use crate::graph::{Node, ValueSource};
use crate::run::batch;
use crate::run::key;
use crate::run::values::{self, Lengths};

#[derive(Default)]
pub(super) struct Arguments {
    pub(super) values: Vec<Option<Value>>,
    /// Whether each will have a value, as far as that is certain.
    given: Vec<Option<bool>>,
    /// Types of values still to be computed.
    types: Vec<Option<Ty>>,
}

impl Arguments {
    /// The arguments of a node.
    ///
    /// # Errors
    /// A default that does not exist.
    pub(super) fn of(
        sizes: &Sizes<'_>,
        node: usize,
        trial: &Trial<'_>,
        others: &Others,
    ) -> Result<Arguments> {
        let given = sizes.given;
        let Node { kind, args, .. } = &*given.graph.nodes[node];
        let sources = match given.resolved {
            true => Cow::Owned(key::resolved(given.graph, node, given.inputs)?),
            false => Cow::Borrowed(args),
        };
        let mut arguments = Arguments::default();
        for (arg, (port, source)) in kind.spec().signature.inputs.iter().zip(sources.iter()).enumerate() {
            let ty = match source {
                ValueSource::Output { node, port } => sizes.of(others, *node).gives.get(*port).cloned(),
                ValueSource::Input(index) => trial.input(*index).cloned(),
                ValueSource::Literal(_) | ValueSource::LeftOut => None,
            };
            let value = match trial.value(node, arg) {
                Some(value) => Some(value.clone()),
                None => match source {
                    ValueSource::Output { node, port } => {
                        sizes.of(others, *node).results.get(*port).cloned().flatten()
                    }
                    _ if ty.is_some() => None,
                    _ => key::given(source, given.inputs),
                },
            };
            arguments.given.push(match source {
                _ if value.is_some() || ty.is_some() => Some(true),
                ValueSource::Literal(_) | ValueSource::Output { .. } => Some(true),
                ValueSource::LeftOut => Some(false),
                ValueSource::Input(_) if given.resolved => Some(false),
                ValueSource::Input(index) => (!given.graph.inputs[*index].optional).then_some(true),
            });
            arguments.values.push(value.map(|value| port.ty.widen(value)));
            arguments.types.push(ty);
        }
        Ok(arguments)
    }

    pub(super) fn args<'a>(&'a self, ports: &'a [Port]) -> Args<'a> {
        Args::in_check(ports, &self.values, &self.given).with_types(&self.types)
    }

    /// Compares an argument with its port, given the lengths bound to dimension names so far.
    pub(super) fn bind(&self, arg: usize, port: &Port, lengths: &mut Lengths) -> Result<()> {
        match (&self.values[arg], &self.types[arg]) {
            (Some(value), _) => values::argument(port, value, lengths),
            (None, Some(ty)) => bind(port, ty, lengths),
            (None, None) => Ok(()),
        }
    }

    /// Checks that the counting arguments of a batch are valid up to its last item, as far as they are known.
    ///
    /// # Errors
    /// With the argument that grows too large.
    pub(super) fn count(&self, node: &dyn NodeKind) -> Result<(), (usize, Error)> {
        let signature = &node.spec().signature;
        let index = |name: &str| signature.input(name).map(|(index, _)| index);
        let given = |name: &str| index(name).is_some_and(|index| self.given[index] == Some(true));
        let Some(batch) = node.batch(&given) else { return Ok(()) };
        let count = self.args(&signature.inputs).length(&batch.over, 0);
        let (Some(count), Some(arg)) = (count, batch.counts.as_deref().and_then(index)) else {
            return Ok(());
        };
        match &self.values[arg] {
            Some(Value::Int(first)) if count > 1 => {
                let by = i128::try_from(count - 1).unwrap_or(i128::MAX);
                batch::nth(&signature.inputs[arg], *first, by).map(drop).map_err(|error| (arg, error))
            }
            _ => Ok(()),
        }
    }
}

/// Compares a type with a port, as [`values::argument`] does for a value.
fn bind(port: &Port, ty: &Ty, lengths: &mut Lengths) -> Result<()> {
    let Ty::Tensor { dims, .. } = ty else { return Ok(()) };
    let shape = dims.iter().map(|dim| if let Dim::Fixed(length) = dim { Some(*length) } else { None });
    if port.ty.binds_lengths(shape, lengths) {
        return Ok(());
    }
    let want = port.ty.with_lengths(|name| lengths.get(name).copied());
    Err(Error::Type { what: port.name.clone(), want, got: ty.to_string() })
}
