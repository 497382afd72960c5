//! The nodes between the single results of a batch and what comes before and after it. No graph can name them.

use std::sync::Arc;

use wuerst_core::{
    Args, Ctx, Dim, Error, NodeKind, NodeSpec, Port, Result, Signature, Tensor, Ty, Value, is_whole,
};

use crate::graph::{Node, Role, ValueSource};

/// A part of a tensor: `index` of `of` equal ones along the first dimension, or all of it where its length is 1.
pub(super) fn part(id: &str, port: &Port, source: ValueSource, index: usize, of: usize) -> Node {
    let ty = |prefix: &str| loose(&port.ty, prefix);
    let inputs = vec![named(&port.name, ty("n")), named("index", Ty::Int), named("of", Ty::Int)];
    let number = |n: usize| ValueSource::Literal(Value::Int(i128::try_from(n).unwrap_or(i128::MAX)));
    adapter(id, "batch.part", inputs, ty("m"), vec![source, number(index), number(of)], cut)
}

fn cut(name: &str, args: &Args<'_>) -> Result<Value> {
    let [Some(Value::Tensor(tensor)), ..] = args.values() else {
        return Err(Error::Internal("a part of what is no tensor".to_owned()));
    };
    let (index, of) = (args.count("index")?, args.count("of")?);
    let rows = tensor.shape().first().copied().unwrap_or(0);
    if rows == 1 {
        return Ok(tensor.clone().into());
    }
    let length = rows / of;
    let part = tensor.rows(index * length..(index + 1) * length);
    match part.filter(|_| length > 0 && length * of == rows) {
        Some(part) => Ok(part.into()),
        None => {
            let message = format!("has a batch of {rows}, where 1 or {of} is wanted");
            Err(Error::invalid(name, message))
        }
    }
}

/// A number that counts, `by` further.
pub(super) fn counted(id: &str, port: &Port, source: ValueSource, by: i128) -> Node {
    let inputs = vec![named(&port.name, Ty::Int), named("by", Ty::Int)];
    adapter(
        id,
        "batch.count",
        inputs,
        Ty::Int,
        vec![source, ValueSource::Literal(Value::Int(by))],
        |name, args| match args.values() {
            [Some(Value::Int(first)), Some(Value::Int(by))] => Ok(Value::Int(count(name, *first, *by)?)),
            _ => Err(Error::Internal("counting from what is no number".to_owned())),
        },
    )
}

/// The number that far on.
pub(super) fn count(what: &str, first: i128, by: i128) -> Result<i128> {
    let too_large = || Error::invalid(what, format!("{first} is too large for the batch to count on"));
    first.checked_add(by).filter(|number| is_whole(*number)).ok_or_else(too_large)
}

/// The results of a batch as one tensor.
pub(super) fn joined(id: &str, port: &Port, sources: Vec<ValueSource>) -> Node {
    let input = |index: usize| named(&index.to_string(), loose(&port.ty, &format!("n{index}_")));
    let inputs = (0..sources.len()).map(input).collect();
    adapter(id, "batch.join", inputs, loose(&port.ty, "m"), sources, |_, args| {
        let tensor = |value: &'_ Option<Value>| match value {
            Some(Value::Tensor(tensor)) => Some(tensor.clone()),
            _ => None,
        };
        let parts: Option<Vec<Tensor>> = args.values().iter().map(tensor).collect();
        let parts = parts.ok_or_else(|| Error::Internal("joining what is no tensor".to_owned()))?;
        Ok(Tensor::joined(&parts.iter().collect::<Vec<_>>())?.into())
    })
}

/// What it does, given the name of its first input.
type Body = fn(&str, &Args<'_>) -> Result<Value>;

struct Adapter(NodeSpec, Body);

impl NodeKind for Adapter {
    fn spec(&self) -> &NodeSpec {
        &self.0
    }

    fn run(&self, _: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let name = self.0.signature.inputs.first().map_or("", |port| &port.name);
        Ok(vec![(self.1)(name, args)?])
    }
}

fn adapter(id: &str, kind: &str, inputs: Vec<Port>, gives: Ty, args: Vec<ValueSource>, body: Body) -> Node {
    let signature = Signature { inputs, outputs: vec![named("result", gives.clone())] };
    let spec = NodeSpec {
        kind: kind.to_owned(),
        version: 1,
        signature,
        pure: true,
        about: String::new(),
        expected_ms: 0.,
        example: vec![],
    };
    let (id, kind) = (id.to_owned(), Arc::new(Adapter(spec, body)));
    let (devices, boundaries, gives) = (Vec::new(), Vec::new(), vec![gives]);
    Node { id, kind, args, gives, devices, boundaries, role: Role::Adapter }
}

fn named(name: &str, ty: Ty) -> Port {
    let (name, about, choices) = (name.to_owned(), String::new(), Vec::new());
    Port { name, ty, optional: false, default: None, range: None, choices, about }
}

/// The type with lengths of any size.
fn loose(ty: &Ty, prefix: &str) -> Ty {
    match ty {
        Ty::Tensor { dtype, dims } => {
            let dims = (0..dims.len()).map(|axis| Dim::Named(format!("{prefix}{axis}"))).collect();
            Ty::Tensor { dtype: *dtype, dims }
        }
        other => other.clone(),
    }
}
