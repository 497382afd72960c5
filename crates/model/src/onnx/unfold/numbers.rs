//! Evaluates small constants whose numbers become the extents of large ones.

use super::evaluate::Passed;
use super::graph::OnnxNode;
use super::value::{FEW, Value};

/// A node with its inputs.
pub struct Given<'a> {
    pub node: &'a OnnxNode,
    pub inputs: &'a [Value],
    /// Attributes of the surrounding function's call.
    pub called: &'a [Passed<'a>],
}

impl Given<'_> {
    /// An input, unless it is left out.
    pub fn input(&self, at: usize) -> Option<&Value> {
        self.inputs.get(at).filter(|_| self.node.inputs.get(at).is_some_and(|name| !name.is_empty()))
    }

    /// The numbers of an input that is a small constant.
    pub fn numbers(&self, at: usize) -> Option<&[f64]> {
        self.input(at)?.numbers.as_deref()
    }

    /// The numbers of an input as extents; `None` if one is negative.
    pub fn extents(&self, at: usize) -> Option<Vec<u64>> {
        super::sizes::extents(self.numbers(at)?)
    }

    /// The new extents of a `Reshape`: 0 stands for the old extent, and `None` for the remaining one.
    pub fn extents_of(&self, at: usize, old: Option<&[u64]>) -> Option<Vec<Option<u64>>> {
        let keeps = self.list("allowzero").is_none_or(|list| list.first() == Some(&0.));
        let listed = self.numbers(at).map(<[f64]>::to_vec).or_else(|| self.list("shape"))?;
        let extent = |(axis, n): (usize, &f64)| match *n {
            n if n < 0. => Some(None),
            0. if keeps => Some(Some(*old?.get(axis)?)),
            n => Some(Some(n as u64)),
        };
        listed.iter().enumerate().map(extent).collect()
    }

    /// The numbers of an attribute; a single number counts as a list of one.
    pub fn list(&self, name: &str) -> Option<Vec<f64>> {
        let attribute = self.node.attribute(name, self.called)?;
        Some(attribute.number.map_or_else(|| attribute.numbers.clone(), |number| vec![number]))
    }

    /// Axes of a value of this rank; negative ones count from the end.
    pub fn axes_of(&self, axes: &[f64], rank: usize) -> Option<Vec<usize>> {
        let axis = |n: &f64| {
            let n = if *n < 0. { n + rank as f64 } else { *n };
            (0. ..rank as f64).contains(&n).then_some(n as usize)
        };
        axes.iter().map(axis).collect()
    }

    /// The value of a `Constant`.
    pub fn constant(&self) -> Option<Value> {
        let named = |name: &str| self.node.attribute(name, self.called);
        if let Some((tensor, numbers)) = named("value").and_then(|value| value.tensor.as_ref()) {
            return Some(Value::of_tensor(tensor, numbers.clone()));
        }
        if let Some(tensor) = named("sparse_value").and_then(|value| value.sparse.as_ref()) {
            return Some(Value::of_tensor(tensor, None));
        }
        let kinds = [("value_int", 7), ("value_float", 1), ("value_ints", 7), ("value_floats", 1)];
        let (kind, element) = kinds.into_iter().find(|(kind, _)| named(kind).is_some()).unwrap_or(("", 8));
        let numbers = self.list(kind);
        let texts = named("value_strings").map(|texts| texts.texts);
        let dims = match (kind, texts, &numbers) {
            ("value_ints" | "value_floats", _, Some(numbers)) => vec![numbers.len() as u64],
            (_, Some(texts), _) => vec![texts],
            _ => vec![],
        };
        let most = super::value::elements(&dims);
        let numbers = numbers.filter(|numbers| numbers.len() <= FEW);
        Some(Value { constant: true, element, dims: Some(dims), most, numbers })
    }

    /// The element type of the results.
    pub fn element(&self) -> i32 {
        let first = self.input(0).map_or(0, |value| value.element);
        match self.node.operator.as_str() {
            "Constant" => self.constant().map_or(0, |value| value.element),
            "Cast" => self.list("to").and_then(|to| Some(*to.first()? as i32)).unwrap_or(15),
            "CastLike" | "Where" => self.input(1).map_or(15, |value| value.element),
            "OneHot" => self.input(2).map_or(15, |value| value.element),
            "Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" => 7,
            "ConstantOfShape" => {
                let value = self.node.attribute("value", self.called);
                value.and_then(|value| value.tensor.as_ref()).map_or(1, |(tensor, _)| tensor.element)
            }
            "Equal" | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" | "Not" | "And" | "Or" => 9,
            "DequantizeLinear" | "MatMulInteger" | "RandomNormal" | "RandomUniform" => 1,
            // Results with another type than the first argument's, counted as eight bytes wide.
            "TopK" | "Unique" | "EyeLike" | "Bernoulli" | "RandomNormalLike" | "RandomUniformLike" => 7,
            _ => first,
        }
    }

    fn integers(&self) -> bool {
        self.input(0).is_some_and(|value| [2, 3, 4, 5, 6, 7, 12, 13].contains(&value.element))
    }
}

/// The numbers of a result with `count` elements, if they can be computed.
pub fn numbers(given: &Given<'_>, count: usize) -> Option<Vec<f64>> {
    let operator = given.node.operator.as_str();
    let first = || given.numbers(0);
    let each = |change: fn(f64) -> f64| Some(first()?.iter().map(|n| change(*n)).collect());
    let found: Vec<f64> = match operator {
        "Constant" => given.constant()?.numbers?,
        "ConstantOfShape" => {
            let value = given.node.attribute("value", given.called);
            let value = match value.and_then(|value| value.tensor.as_ref()) {
                Some((_, numbers)) => *numbers.as_ref()?.first()?,
                None => 0.,
            };
            vec![value; count]
        }
        "Shape" => {
            let dims: Vec<f64> = given.input(0)?.dims.as_ref()?.iter().map(|n| *n as f64).collect();
            let part = |name: &str, default: usize| {
                let at = given.list(name).and_then(|list| list.first().copied())?;
                let at = if at < 0. { at + dims.len() as f64 } else { at };
                Some(at.clamp(0., dims.len() as f64) as usize).or(Some(default))
            };
            let (start, end) = (part("start", 0).unwrap_or(0), part("end", 0).unwrap_or(dims.len()));
            return Some(dims.get(start..end)?.to_vec());
        }
        "Size" => vec![given.input(0)?.dims.as_ref()?.iter().map(|n| *n as f64).product()],
        "Identity" | "Reshape" | "Unsqueeze" | "Squeeze" | "Flatten" => first()?.to_vec(),
        "Cast" => {
            let whole = [2, 3, 4, 5, 6, 7, 12, 13].contains(&given.element());
            first()?.iter().map(|n| if whole { n.trunc() } else { *n }).collect()
        }
        "Neg" => each(|n| -n)?,
        "Abs" => each(f64::abs)?,
        "Floor" => each(f64::floor)?,
        "Ceil" => each(f64::ceil)?,
        "Sqrt" => each(f64::sqrt)?,
        "Not" => each(|n| f64::from(n == 0.))?,
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Min" | "Max" | "Pow" | "Equal" | "Greater" | "Less"
        | "And" | "Or" | "GreaterOrEqual" | "LessOrEqual" => pairs(given, count)?,
        "Where" => (0..count)
            .map(|at| repeated(given, if repeated(given, 0, at)? != 0. { 1 } else { 2 }, at))
            .collect::<Option<_>>()?,
        "Expand" | "Tile" if first()?.len() == 1 => vec![first()?[0]; count],
        "Concat" => {
            given.inputs.iter().map(|value| value.numbers.clone()).collect::<Option<Vec<_>>>()?.concat()
        }
        "Gather" => {
            let (data, at) = (first()?, given.axes_of(given.numbers(1)?, first()?.len())?);
            at.into_iter().map(|at| data.get(at).copied()).collect::<Option<_>>()?
        }
        "Slice" => sliced(given)?,
        "Range" => {
            let (start, step) = (*first()?.first()?, *given.numbers(2)?.first()?);
            (0..count).map(|at| start + step * at as f64).collect()
        }
        "ReduceProd" if count == 1 => vec![first()?.iter().product()],
        "ReduceSum" if count == 1 => vec![first()?.iter().sum()],
        "ReduceMax" if count == 1 => vec![first()?.iter().copied().fold(f64::MIN, f64::max)],
        "ReduceMin" if count == 1 => vec![first()?.iter().copied().fold(f64::MAX, f64::min)],
        _ => return None,
    };
    // The order along several axes is not followed.
    let plain =
        ["Constant", "Identity", "Cast", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "ConstantOfShape"];
    let flat = given.inputs.iter().all(|value| value.dims.as_ref().is_none_or(|dims| dims.len() < 2));
    // Beyond this, integer products wrap, and floating-point numbers are no longer exact.
    let exact = if [1, 7, 11].contains(&given.element()) { 2f64.powi(53) } else { 2f64.powi(31) };
    let exact = found.iter().all(|n| n.abs() <= exact);
    (exact && found.len() == count && (flat || plain.contains(&operator))).then_some(found)
}

/// The number at a position of an input; a single number is repeated.
fn repeated(given: &Given<'_>, input: usize, at: usize) -> Option<f64> {
    let numbers = given.numbers(input)?;
    numbers.get(if numbers.len() == 1 { 0 } else { at }).copied()
}

fn pairs(given: &Given<'_>, count: usize) -> Option<Vec<f64>> {
    let whole = given.integers();
    let pair = |at: usize| {
        let (a, b) = (repeated(given, 0, at)?, repeated(given, 1, at)?);
        Some(match given.node.operator.as_str() {
            "Add" => a + b,
            "Sub" => a - b,
            "Mul" => a * b,
            "Div" if whole => (a / b).trunc(),
            "Div" => a / b,
            "Mod" => a.rem_euclid(b),
            "Min" => a.min(b),
            "Max" => a.max(b),
            "Pow" => a.powf(b),
            "Equal" => f64::from(a == b),
            "Greater" => f64::from(a > b),
            "GreaterOrEqual" => f64::from(a >= b),
            "Less" => f64::from(a < b),
            "LessOrEqual" => f64::from(a <= b),
            "And" => f64::from(a != 0. && b != 0.),
            _ => f64::from(a != 0. || b != 0.),
        })
    };
    // With other rounding, equal numbers could differ.
    let compared = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"];
    if !whole && compared.contains(&&*given.node.operator) {
        return None;
    }
    (given.inputs.len() == 2).then(|| (0..count).map(pair).collect()).flatten()
}

fn sliced(given: &Given<'_>) -> Option<Vec<f64>> {
    let data = given.numbers(0)?;
    let one = |at: usize, name: &str| {
        given.numbers(at).and_then(|n| n.first().copied()).or_else(|| given.list(name)?.first().copied())
    };
    let step = if given.input(4).is_some() { given.numbers(4)?.first().copied()? } else { 1. };
    let place =
        |n: f64| (if n < 0. { n + data.len() as f64 } else { n }).clamp(0., data.len() as f64) as usize;
    let (start, end) = (place(one(1, "starts")?), place(one(2, "ends")?));
    (step == 1.).then(|| data.get(start..end.max(start)).map(<[f64]>::to_vec)).flatten()
}
