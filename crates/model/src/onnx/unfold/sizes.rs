//! Sizes of a node's results, from the sizes of its inputs.

use super::numbers::Given;
use super::value::{Value, elements};
use crate::onnx::survey::DIMENSIONS;

/// The known size of a result.
pub enum Size {
    /// Extents.
    Dims(Vec<u64>),
    /// Maximum number of elements.
    Most(u64),
    /// Unknown.
    Unknown,
}

use Size::{Dims, Most, Unknown};

/// Results with the extents of the first argument.
const SAME: &str = " Identity Abs Neg Exp Log Sqrt Erf Sigmoid Tanh Relu Gelu LeakyRelu Elu Selu Celu HardSigmoid HardSwish \
    Softplus Softsign ThresholdedRelu Mish Swish Softmax LogSoftmax Hardmax Cast CastLike Clip Not BitwiseNot Floor Ceil Round \
    Sign Reciprocal Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh IsNaN IsInf CumSum Trilu \
    LayerNormalization RMSNormalization GroupNormalization InstanceNormalization BatchNormalization LpNormalization \
    MeanVarianceNormalization LRN Dropout ReverseSequence ScatterElements ScatterND Scatter EyeLike \
    QuantizeLinear DequantizeLinear DynamicQuantizeLinear BiasGelu FastGelu QuickGelu SimplifiedLayerNormalization \
    SkipLayerNormalization SkipSimplifiedLayerNormalization Inverse RandomNormalLike RandomUniformLike Bernoulli ";
/// Results with at most as many elements as the first argument.
const FEWER: &str = " Flatten TopK Unique Compress DepthToSpace SpaceToDepth Split SplitToSequence ArgMax ArgMin \
    GlobalAveragePool GlobalMaxPool MaxPool AveragePool Det ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean \
    ReduceMin ReduceProd ReduceSum ReduceSumSquare StringNormalizer StringConcat SequenceAt Optional OptionalGetElement ";
/// Results with the broadcast extents of all arguments.
const MATCHED: &str = " Add Sub Mul Div Pow Mod Min Max Mean Sum And Or Xor Equal Greater Less GreaterOrEqual LessOrEqual \
    Where PRelu BitShift BitwiseAnd BitwiseOr BitwiseXor ";

fn among(list: &str, operator: &str) -> bool {
    list.split_ascii_whitespace().any(|name| name == operator)
}

/// Whether an operator makes a result whose size is given by its arguments' values.
pub fn enlarges(operator: &str) -> bool {
    let names = ["ConstantOfShape", "Expand", "Tile", "Range", "Pad", "Resize", "Upsample", "OneHot"];
    names.contains(&operator) || ["RandomNormal", "RandomUniform"].contains(&operator)
}

/// The size of each result.
pub fn size(given: &Given<'_>) -> Size {
    let operator = given.node.operator.as_str();
    let first = given.input(0);
    let most = first.map_or(0, |value| value.most);
    let dims = first.and_then(|value| value.dims.clone());
    let known = |dims: Option<Vec<u64>>| dims.map_or(Unknown, Dims);
    match operator {
        "Constant" => constant(given),
        "Shape" => dims.map_or(Most(64), |dims| Dims(vec![dims.len() as u64])),
        "Size" => Dims(vec![]),
        "SequenceEmpty" => Most(0),
        "ConstantOfShape" => known(given.extents(0)),
        "RandomNormal" | "RandomUniform" => {
            known(given.list("shape").map(|list| extents(&list)).unwrap_or_default())
        }
        "Expand" => known(matched([dims, given.extents(1)].into_iter())),
        "Tile" => match (dims, given.extents(1)) {
            (Some(dims), Some(times)) if dims.len() == times.len() => {
                Dims(dims.iter().zip(times).map(|(n, times)| n.saturating_mul(times)).collect())
            }
            _ => Unknown,
        },
        "Range" => known(range(given).map(|count| vec![count])),
        "Pad" => known(dims.and_then(|dims| padded(given, dims))),
        "Resize" | "Upsample" => resized(given, most, dims),
        "OneHot" => match given.numbers(1).and_then(<[f64]>::first) {
            Some(depth) if *depth >= 0. => Most(most.saturating_mul(*depth as u64)),
            _ => Unknown,
        },
        "Reshape" => given.extents_of(1, dims.as_deref()).map_or(Most(most), |dims| inferred(dims, most)),
        "Squeeze" | "Unsqueeze" => {
            dims.and_then(|dims| axes(given, &dims, operator == "Squeeze")).map_or(Most(most), Dims)
        }
        "Transpose" => match (dims, given.list("perm")) {
            (Some(dims), Some(perm)) => {
                let moved = perm.iter().map(|axis| dims.get(*axis as usize).copied()).collect();
                let moved: Option<Vec<u64>> = moved;
                moved.filter(|moved| elements(moved) == elements(&dims)).map_or(Most(most), Dims)
            }
            (Some(mut dims), None) => {
                dims.reverse();
                Dims(dims)
            }
            _ => Most(most),
        },
        "Concat" => joined(given),
        "ConcatFromSequence" | "SequenceConstruct" | "SequenceInsert" | "StringSplit" => Unknown,
        "Slice" => dims.and_then(|dims| cut(given, dims)).map_or(Most(most), Dims),
        "Gather" => gathered(given),
        "GatherElements" => known(given.input(1).and_then(|indices| indices.dims.clone())),
        "NonZero" => Most(most.saturating_mul(dims.map_or(64, |dims| dims.len() as u64))),
        "MatMul" | "MatMulInteger" => product(given),
        "Gemm" => transposed_product(given),
        _ if among(SAME, operator) => dims.map_or(Most(most), Dims),
        _ if among(FEWER, operator) => Most(most),
        _ if among(MATCHED, operator) => match matched(given.inputs.iter().map(|value| value.dims.clone())) {
            Some(dims) => Dims(dims),
            None => Most(given.inputs.iter().fold(1, |all, value| all.saturating_mul(value.most.max(1)))),
        },
        _ => Unknown,
    }
}

fn constant(given: &Given<'_>) -> Size {
    let tensor = |value: &Value| value.dims.clone().map_or(Unknown, Dims);
    match given.constant() {
        Some(value) => tensor(&value),
        None => Unknown,
    }
}

/// Numbers as extents; `None` if one is negative.
pub fn extents(numbers: &[f64]) -> Option<Vec<u64>> {
    numbers.iter().map(|n| (*n >= 0.).then_some(*n as u64)).collect()
}

/// Broadcast extents.
fn matched(all: impl Iterator<Item = Option<Vec<u64>>>) -> Option<Vec<u64>> {
    let all: Vec<Vec<u64>> = all.collect::<Option<_>>()?;
    let rank = all.iter().map(Vec::len).max()?;
    let at =
        |dims: &Vec<u64>, axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis]);
    // One extent of 0 makes the result empty, and 1 adapts to any other.
    let extent = |axis| {
        let extents = || all.iter().map(|dims| at(dims, axis));
        if extents().any(|n| n == 0) { 0 } else { extents().max().unwrap_or(1) }
    };
    Some((0..rank).map(extent).collect())
}

fn range(given: &Given<'_>) -> Option<u64> {
    let number = |at| given.numbers(at)?.first().copied();
    let (start, limit, step) = (number(0)?, number(1)?, number(2)?);
    let count = ((limit - start) / step).ceil();
    if count.is_nan() { None } else { Some(count.max(0.) as u64) }
}

fn padded(given: &Given<'_>, mut dims: Vec<u64>) -> Option<Vec<u64>> {
    let pads = given.numbers(1).map(<[f64]>::to_vec).or_else(|| given.list("pads"))?;
    let axes = match given.input(3) {
        Some(_) => given.axes_of(given.numbers(3)?, dims.len())?,
        None => (0..dims.len()).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return None;
    }
    for (at, axis) in axes.iter().enumerate() {
        let sum = dims[*axis] as f64 + pads[at] + pads[at + axes.len()];
        dims[*axis] = sum.max(0.) as u64;
    }
    Some(dims)
}

/// The size for `Resize`, whose scales or sizes may apply to some axes only, and for `Upsample`.
fn resized(given: &Given<'_>, most: u64, dims: Option<Vec<u64>>) -> Size {
    let numbers = |at: usize| given.numbers(at).filter(|numbers| !numbers.is_empty());
    let rank = dims.map(|dims| dims.len());
    if let Some(sizes) = numbers(3).and_then(extents) {
        let all = rank == Some(sizes.len());
        let product = elements(&sizes);
        return if all { Dims(sizes) } else { Most(product.saturating_mul(most)) };
    }
    let listed = given.list("scales");
    let Some(scales) = numbers(2).or(numbers(1)).or(listed.as_deref()) else { return Unknown };
    let larger = scales.iter().map(|scale| scale.max(1.)).product::<f64>() * most as f64;
    if larger.is_nan() { Unknown } else { Most(larger.ceil() as u64) }
}

/// Extents in which one of −1 stands for the remaining elements.
fn inferred(dims: Vec<Option<u64>>, most: u64) -> Size {
    let others = dims.iter().flatten().fold(1u64, |all, n| all.saturating_mul(*n)).max(1);
    Dims(dims.into_iter().map(|extent| extent.unwrap_or(most / others)).collect())
}

fn axes(given: &Given<'_>, dims: &[u64], removed: bool) -> Option<Vec<u64>> {
    let listed = given.numbers(1).map(<[f64]>::to_vec).or_else(|| given.list("axes"));
    let Some(listed) = listed else {
        return (removed && given.input(1).is_none())
            .then(|| dims.iter().copied().filter(|n| *n != 1).collect());
    };
    if listed.len() as u64 > DIMENSIONS {
        return None;
    }
    if removed {
        let gone = given.axes_of(&listed, dims.len())?;
        return Some((0..dims.len()).filter(|axis| !gone.contains(axis)).map(|axis| dims[axis]).collect());
    }
    let new = given.axes_of(&listed, dims.len() + listed.len())?;
    let mut old = dims.iter().copied();
    Some(
        (0..dims.len() + listed.len())
            .map(|axis| if new.contains(&axis) { 1 } else { old.next().unwrap_or(1) })
            .collect(),
    )
}

fn joined(given: &Given<'_>) -> Size {
    let sum = given.inputs.iter().fold(0, |sum: u64, value| sum.saturating_add(value.most));
    let all: Option<Vec<&Vec<u64>>> = given.inputs.iter().map(|value| value.dims.as_ref()).collect();
    let joined = all.and_then(|all| {
        let mut dims = (*all.first()?).clone();
        let axis = *given.axes_of(&given.list("axis")?, dims.len())?.first()?;
        dims[axis] = all.iter().try_fold(0u64, |sum, other| Some(sum.saturating_add(*other.get(axis)?)))?;
        Some(dims)
    });
    joined.map_or(Most(sum), Dims)
}

fn cut(given: &Given<'_>, mut dims: Vec<u64>) -> Option<Vec<u64>> {
    let list = |at: usize, name: &str| given.numbers(at).map(<[f64]>::to_vec).or_else(|| given.list(name));
    let (starts, ends) = (list(1, "starts")?, list(2, "ends")?);
    let axes = match (list(3, "axes"), given.input(3)) {
        (Some(axes), _) => given.axes_of(&axes, dims.len())?,
        (None, Some(_)) => return None,
        (None, None) => (0..starts.len()).collect(),
    };
    let steps = match (list(4, "steps"), given.input(4)) {
        (None, Some(_)) => return None,
        (steps, _) => steps.unwrap_or_default(),
    };
    for (at, axis) in axes.into_iter().enumerate() {
        let length = *dims.get(axis)? as f64;
        let place = |n: f64| (if n < 0. { n + length } else { n }).clamp(0., length);
        let step = steps.get(at).copied().unwrap_or(1.).abs().max(1.);
        let count = (place(*ends.get(at)?) - place(*starts.get(at)?)).abs();
        // Backwards, the end may be before the start.
        let backwards = steps.get(at).is_some_and(|step| *step < 0.);
        let count = if backwards { (count + 1.).min(length) } else { count };
        dims[axis] = (count / step).ceil() as u64;
    }
    Some(dims)
}

fn gathered(given: &Given<'_>) -> Size {
    let (Some(data), Some(indices)) = (given.input(0), given.input(1)) else { return Unknown };
    let dims = data.dims.as_ref().zip(indices.dims.as_ref()).and_then(|(data, indices)| {
        let axis = given.list("axis").unwrap_or_else(|| vec![0.]);
        let axis = *given.axes_of(&axis, data.len())?.first()?;
        Some([&data[..axis], indices, &data[axis + 1..]].concat())
    });
    dims.map_or(Most(data.most.saturating_mul(indices.most)), Dims)
}

fn product(given: &Given<'_>) -> Size {
    let (Some(a), Some(b)) = (given.input(0), given.input(1)) else { return Unknown };
    let dims = a.dims.clone().zip(b.dims.clone()).and_then(|(mut a, mut b)| {
        let (columns, rows) = (
            if b.len() > 1 { b.pop() } else { None },
            if a.len() > 1 { a.remove(a.len() - 2).into() } else { None },
        );
        a.pop()?;
        b.pop()?;
        let mut dims = matched([Some(a), Some(b)].into_iter())?;
        dims.extend(rows.into_iter().chain(columns));
        Some(dims)
    });
    dims.map_or(Most(a.most.saturating_mul(b.most)), Dims)
}

fn transposed_product(given: &Given<'_>) -> Size {
    let side = |at: usize, name: &str, plain: usize| {
        let dims = given.input(at)?.dims.as_ref()?;
        let turned = given.list(name).is_some_and(|list| list.first().is_some_and(|n| *n != 0.));
        dims.get(if turned { 1 - plain } else { plain }).copied()
    };
    match (side(0, "transA", 0), side(1, "transB", 1)) {
        (Some(rows), Some(columns)) => Dims(vec![rows, columns]),
        _ => Unknown,
    }
}
