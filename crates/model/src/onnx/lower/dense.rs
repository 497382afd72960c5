//! Matrix products, convolutions and norms.

use super::super::builder::Builder;
use super::super::proto::AttributeProto;
use super::super::quantize;
use super::super::weights::ExportError;
use super::{apart, joined, residual, with};
use crate::record::{Id, NetworkNode};

type Lowered = Result<String, ExportError>;

/// A linear layer; over joined places with parts computed separately, one product per part.
pub fn linear(b: &mut Builder<'_>, at: Id, node: &NetworkNode) -> Lowered {
    let Some((axis, parts)) = apart::parts(b, node.args[0]) else {
        return product(b, at, node, node.args[0]);
    };
    // Unchanged parts first: ONNX Runtime computes the input written last first, and would otherwise hold all layers'
    // results for the text during the whole evaluation.
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|part| b.stepwise[parts[*part].0]);
    let mut products = vec![String::new(); parts.len()];
    for part in order {
        products[part] = product(b, at, node, parts[part])?;
    }
    let products: Vec<&str> = products.iter().map(String::as_str).collect();
    Ok(b.emit("Concat", &products, vec![AttributeProto::int("axis", axis as i64)]))
}

/// A linear layer of `x`: `MatMul` with a weight stored transposed, so that the right operand is constant and ONNX
/// Runtime packs it once; or a product in int8.
fn product(b: &mut Builder<'_>, at: Id, node: &NetworkNode, x: Id) -> Lowered {
    if !b.in_int8
        && let Some(narrow) = joined::narrow(b, node, x)?
    {
        let product = b.emit("MatMul", &[&narrow.x, &narrow.weight], vec![]);
        return Ok(b.emit("Add", &[&product, &narrow.bias], vec![]));
    }
    let product = if b.in_int8 {
        quantize::product(b, x, node.args[1])?
    } else {
        let (x, w) = (b.value(x)?, b.transposed(node.args[1])?);
        b.emit("MatMul", &[&x, &w], vec![])
    };
    match node.args.get(2).filter(|_| !b.residuals.unbiased(at)) {
        Some(bias) => {
            let bias = b.value(*bias)?;
            Ok(b.emit("Add", &[&product, &bias], vec![]))
        }
        None => Ok(product),
    }
}

pub fn conv(
    b: &mut Builder<'_>,
    node: &NetworkNode,
    stride: usize,
    pads: &[usize; 4],
    groups: usize,
) -> Lowered {
    let attributes = vec![
        AttributeProto::ints("strides", [stride; 2]),
        AttributeProto::ints("pads", *pads),
        AttributeProto::int("group", groups as i64),
    ];
    with(b, "Conv", node, attributes)
}

pub fn conv_transpose(b: &mut Builder<'_>, node: &NetworkNode, stride: usize, pad: usize) -> Lowered {
    let attributes =
        vec![AttributeProto::ints("strides", [stride; 2]), AttributeProto::ints("pads", [pad; 4])];
    with(b, "ConvTranspose", node, attributes)
}

/// The operator requires a scale; ones if the network has none.
pub fn layer_norm(b: &mut Builder<'_>, at: Id, node: &NetworkNode, eps: f32) -> Lowered {
    let affine = match &node.args[1..] {
        [] => vec![b.ones(node.shape.last().copied().unwrap_or(1))?],
        affine => affine.iter().map(|id| vector(b, *id)).collect::<Result<_, _>>()?,
    };
    if let Some(norm) = residual::norm(b, at, &affine, eps)? {
        return Ok(norm);
    }
    let x = b.value(node.args[0])?;
    let args: Vec<&str> = [&x].into_iter().chain(&affine).map(String::as_str).collect();
    let attributes = vec![AttributeProto::int("axis", -1), AttributeProto::float("epsilon", eps)];
    Ok(b.emit("LayerNormalization", &args, attributes))
}

pub fn batch_norm(b: &mut Builder<'_>, node: &NetworkNode, eps: f32) -> Lowered {
    let mut args = vec![b.value(node.args[0])?];
    for id in &node.args[1..] {
        args.push(vector(b, *id)?);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Ok(b.emit("BatchNormalization", &args, vec![AttributeProto::float("epsilon", eps)]))
}

/// The norm over the places of `[b,n,c]`, by a product with ones. ONNX Runtime's ReduceSum would round differently for
/// other numbers of threads on the CPU (for batches of two, as in guidance), and its ReduceL2 takes up to ten times as
/// long.
pub fn norm_over_places(b: &mut Builder<'_>, node: &NetworkNode) -> Lowered {
    let x = b.value(node.args[0])?;
    let (one, places) = (b.ints(&[1])?, b.extent(node.args[0], 1)?);
    let ones = b.once(&format!("ones {places}"), |b| {
        let row = b.emit("Concat", &[&one, &places], vec![AttributeProto::int("axis", 0)]);
        let one = b.ones(1)?;
        Ok(b.emit("Expand", &[&one, &row], vec![]))
    })?;
    let squares = b.emit("Mul", &[&x, &x], vec![]);
    let sum = b.emit("MatMul", &[&ones, &squares], vec![]);
    Ok(b.emit("Sqrt", &[&sum], vec![]))
}

/// A per-channel argument without the axes of extent 1 that recordings allow.
fn vector(b: &mut Builder<'_>, id: Id) -> Lowered {
    let x = b.value(id)?;
    if b.rank(id) == 1 {
        return Ok(x);
    }
    let flat = b.ints(&[-1])?;
    Ok(b.emit("Reshape", &[&x, &flat], vec![]))
}
