//! Internal nodes that split arguments into the items of a batch and join results. Graphs cannot use them.

use std::sync::Arc;

use wuerst_core::{
    Args, Ctx, Dim, Element, Error, NodeKind, NodeSpec, Port, Result, Signature, Tensor, Ty, Value, entries,
    is_whole,
};

use crate::graph::each::{self, Entry};
use crate::graph::{Node, Role, ValueSource};

/// One item of a tensor: part `index` of `of` equal ones along the first dimension, or the whole tensor if its length is 1.
pub(super) fn part(id: &str, port: &Port, source: ValueSource, index: usize, of: usize) -> Node {
    let ty = |prefix: &str| loose(&port.ty, prefix);
    let inputs = vec![named(&port.name, ty("n")), named("index", Ty::Int), named("of", Ty::Int)];
    let number = |n: usize| ValueSource::Literal(Value::Int(i128::try_from(n).unwrap_or(i128::MAX)));
    adapter(id, "batch.part", inputs, ty("m"), vec![source, number(index), number(of)], cut)
}

fn cut(name: &str, args: &Args<'_>) -> Result<Value> {
    let [Some(Value::Tensor(tensor)), ..] = args.values() else {
        return Err(Error::Internal("the input to split is not a tensor".to_owned()));
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
            let message = format!("has a batch of {rows}, where 1 or {of} is expected");
            Err(Error::invalid(name, message))
        }
    }
}

/// A counting number, increased by `by`.
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
            _ => Err(Error::Internal("the counting input is not a number".to_owned())),
        },
    )
}

/// Adds `by` to a counting number.
pub(super) fn count(what: &str, first: i128, by: i128) -> Result<i128> {
    let too_large = || Error::invalid(what, format!("{first} is too large for the batch to count on"));
    first.checked_add(by).filter(|number| is_whole(*number)).ok_or_else(too_large)
}

/// Joins the results of a batch into one tensor.
pub(super) fn joined(id: &str, port: &Port, sources: Vec<ValueSource>) -> Node {
    let input = |index: usize| named(&index.to_string(), loose(&port.ty, &format!("n{index}_")));
    let inputs = (0..sources.len()).map(input).collect();
    adapter(id, "batch.join", inputs, loose(&port.ty, "m"), sources, |_, args| {
        let tensor = |value: &'_ Option<Value>| match value {
            Some(Value::Tensor(tensor)) => Some(tensor.clone()),
            _ => None,
        };
        let parts: Option<Vec<Tensor>> = args.values().iter().map(tensor).collect();
        let parts = parts.ok_or_else(|| Error::Internal("an input to join is not a tensor".to_owned()))?;
        Ok(Tensor::joined(&parts.iter().collect::<Vec<_>>())?.into())
    })
}

/// Selects one entry of a list.
pub(super) fn item(id: &str, (port, entry): (&Port, Entry), source: ValueSource, index: usize) -> Node {
    let row = Value::Bool(entry == Entry::Row);
    let inputs = vec![
        named(&port.name, list_of(&port.ty, entry, "n")),
        named("index", Ty::Int),
        named("row", Ty::Bool),
    ];
    let index = ValueSource::Literal(Value::Int(i128::try_from(index).unwrap_or(i128::MAX)));
    let args = vec![source, index, ValueSource::Literal(row)];
    let gives = loose(&port.ty, "m");
    let body: Body = match port.ty {
        Ty::Int => |_, args| Ok(Value::from(*nth_of::<i64>(args)?)),
        Ty::Float => |_, args| Ok(Value::Float(f64::from(*nth_of::<f32>(args)?))),
        Ty::Text => |name, args| {
            let line = entries(args.text(name)?).get(args.count("index")?).copied();
            line.map(Value::from).ok_or_else(lost)
        },
        _ => |_, args| {
            let [Some(Value::Tensor(list)), ..] = args.values() else { return Err(lost()) };
            let index = args.count("index")?;
            let row = list.rows(index..index + 1).ok_or_else(lost)?;
            match args.bool("row")? {
                true => Ok(row.into()),
                false => Ok(row.reshaped(&list.shape()[1..])?.into()),
            }
        },
    };
    adapter(id, "each.entry", inputs, gives, args, body)
}

/// Selects the number at `index` of a list.
fn nth_of<'a, T: Element>(args: &Args<'a>) -> Result<&'a T> {
    let [Some(Value::Tensor(list)), ..] = args.values() else { return Err(lost()) };
    list.values::<T>().and_then(|values| values.get(args.count("index").ok()?)).ok_or_else(lost)
}

fn lost() -> Error {
    Error::Internal("an entry behind the last of a list".to_owned())
}

/// Joins the results of entries to a list.
pub(super) fn listed(id: &str, (port, entry): (&Port, Entry), sources: Vec<ValueSource>) -> Node {
    let input =
        |index: usize| named(&format!("{}.{index}", port.name), loose(&port.ty, &format!("n{index}_")));
    let mut inputs: Vec<Port> = (0..sources.len()).map(input).collect();
    let mut sources = sources;
    inputs.push(named("row", Ty::Bool));
    sources.push(ValueSource::Literal(Value::Bool(entry == Entry::Row)));
    adapter(id, "each.list", inputs, list_of(&port.ty, entry, "m"), sources, list)
}

fn list(name: &str, args: &Args<'_>) -> Result<Value> {
    let name = name.split_once('.').map_or(name, |(port, _)| port);
    let row = args.bool("row")?;
    let values: Vec<&Value> = args.values().iter().flatten().collect();
    let values = &values[..values.len() - 1];
    match values.first() {
        Some(Value::Text(_)) => {
            let texts = values.iter().filter_map(|value| match value {
                Value::Text(text) => Some(&**text),
                _ => None,
            });
            let texts: Vec<&str> = texts.collect();
            let entry = |text: &&str| entries(text) == [text.trim()];
            match texts.iter().position(|text| !entry(text)) {
                Some(at) => {
                    let message = format!(
                        "entry {} cannot be a line of a list: it is empty, begins with `#`, or has several lines",
                        at + 1
                    );
                    Err(Error::invalid(name, message))
                }
                None => Ok(texts.join("\n").into()),
            }
        }
        Some(Value::Int(_)) => {
            let number = |value: &&Value| match value {
                Value::Int(number) => i64::try_from(*number).map_err(|_| {
                    Error::invalid(
                        name,
                        format!("{number} is too large for a list, which holds up to {}", i64::MAX),
                    )
                }),
                _ => Err(lost()),
            };
            let numbers = values.iter().map(number).collect::<Result<Vec<i64>>>()?;
            Ok(Tensor::from_vec(&[numbers.len()], numbers)?.into())
        }
        Some(Value::Float(_)) => {
            let numbers = values.iter().filter_map(|value| match value {
                Value::Float(number) => Some(*number as f32),
                _ => None,
            });
            let numbers: Vec<f32> = numbers.collect();
            Ok(Tensor::from_vec(&[numbers.len()], numbers)?.into())
        }
        _ => {
            let one = |value: &&Value| match value {
                Value::Tensor(tensor) if row => Ok(tensor.clone()),
                Value::Tensor(tensor) => tensor.reshaped(&[&[1], tensor.shape()].concat()),
                _ => Err(lost()),
            };
            let parts = values.iter().map(one).collect::<Result<Vec<Tensor>>>()?;
            Ok(Tensor::joined(&parts.iter().collect::<Vec<_>>())?.into())
        }
    }
}

/// The computation, given the name of the node's first input.
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
    let (devices, loras, boundaries, gives) = (Vec::new(), Vec::new(), Vec::new(), vec![gives]);
    Node { id, kind, args, gives, devices, loras, boundaries, role: Role::Adapter }
}

fn named(name: &str, ty: Ty) -> Port {
    let (name, about, choices) = (name.to_owned(), String::new(), Vec::new());
    Port { name, ty, role: None, optional: false, default: None, range: None, choices, about }
}

/// The type of a list of these entries, with lengths of any size.
fn list_of(ty: &Ty, entry: Entry, prefix: &str) -> Ty {
    loose(&each::list(ty, entry, prefix).unwrap_or_else(|| ty.clone()), prefix)
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
