//! Lowers each recorded operation to ONNX operators.

mod apart;
mod attention;
mod dense;
mod joined;
mod layout;
mod residual;
mod resize;

use super::builder::Builder;
use super::proto::AttributeProto;
use super::weights::ExportError;
use crate::record::{Id, NetworkNode, Op};
pub use residual::Residuals;
use resize::Kernel;

/// Emits the ONNX nodes of one operation and returns the name of its result.
pub fn lower(b: &mut Builder<'_>, at: Id) -> Result<String, ExportError> {
    let graph = b.graph;
    let node = &graph.nodes[at.0];
    match &node.op {
        Op::Input(_) | Op::Param(_) | Op::Constant(_) => unreachable!("sources are not lowered"),
        Op::Add => plain(b, "Add", node),
        Op::Sub => plain(b, "Sub", node),
        Op::Mul => plain(b, "Mul", node),
        Op::Div => plain(b, "Div", node),
        Op::Abs => plain(b, "Abs", node),
        Op::Sigmoid => plain(b, "Sigmoid", node),
        Op::Relu => plain(b, "Relu", node),
        Op::Gelu => plain(b, "Gelu", node),
        Op::MatMul => plain(b, "MatMul", node),
        // Selects rows, as ONNX Gather does on axis 0, its default.
        Op::Gather => plain(b, "Gather", node),
        Op::LeakyRelu(slope) => with(b, "LeakyRelu", node, vec![AttributeProto::float("alpha", *slope)]),
        Op::Clip { min, max } => {
            let (x, min, max) = (b.value(node.args[0])?, b.scalar(*min)?, b.scalar(*max)?);
            Ok(b.emit("Clip", &[&x, &min, &max], vec![]))
        }
        Op::ReduceMean(axes) => {
            let x = b.value(node.args[0])?;
            reduce(b, "ReduceMean", &x, axes)
        }
        Op::ReduceL2(axes) if axes == &[1] && b.rank(node.args[0]) == 3 => dense::norm_over_places(b, node),
        Op::ReduceL2(axes) => {
            let x = b.value(node.args[0])?;
            let squares = b.emit("Mul", &[&x, &x], vec![]);
            let sum = reduce(b, "ReduceSum", &squares, axes)?;
            Ok(b.emit("Sqrt", &[&sum], vec![]))
        }
        Op::ArgMin => {
            let attributes = [("axis", -1), ("keepdims", 0)].map(|(name, v)| AttributeProto::int(name, v));
            with(b, "ArgMin", node, attributes.to_vec())
        }
        // Equal to their argument, except in training.
        Op::StopGradient | Op::Dropout(_) => b.value(node.args[0]),

        Op::Linear => dense::linear(b, at, node),
        Op::Conv { stride, pads, groups } => dense::conv(b, node, *stride, pads, *groups),
        Op::ConvTranspose { stride, pad } => dense::conv_transpose(b, node, *stride, *pad),
        Op::LayerNorm { eps } => dense::layer_norm(b, at, node, *eps),
        Op::BatchNorm { eps, .. } => dense::batch_norm(b, node, *eps),
        Op::Attention { heads, causal } => attention::attention(b, node, *heads, *causal),
        Op::CubicResize => resize::resize(b, node, Kernel::Cubic),
        Op::LinearResize => resize::resize(b, node, Kernel::Linear),

        Op::Concat(axis) => with(b, "Concat", node, vec![AttributeProto::int("axis", *axis as i64)]),
        Op::Transpose(axes) => {
            with(b, "Transpose", node, vec![AttributeProto::ints("perm", axes.iter().copied())])
        }
        Op::Slice { axis, start, end } => layout::slice(b, node, *axis, *start, *end),
        Op::Prefix => layout::prefix(b, node),
        Op::Reshape(extents) => layout::reshape(b, node, extents),
        Op::ImageToTokens => layout::image_to_tokens(b, node),
        Op::TokensToImage => layout::tokens_to_image(b, node),
        Op::SpaceToDepth(n) => layout::space_to_depth(b, node, *n),
        Op::DepthToSpace(n) => layout::depth_to_space(b, node, *n),
        Op::ReplicationPad(n) => layout::replication_pad(b, node, *n as i64),
    }
}

/// An operation that corresponds to one ONNX operator with equal arguments.
fn plain(b: &mut Builder<'_>, op: &str, node: &NetworkNode) -> Result<String, ExportError> {
    with(b, op, node, vec![])
}

fn with(
    b: &mut Builder<'_>,
    op: &str,
    node: &NetworkNode,
    attributes: Vec<AttributeProto>,
) -> Result<String, ExportError> {
    let args = node.args.iter().map(|id| b.value(*id)).collect::<Result<Vec<_>, _>>()?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Ok(b.emit(op, &args, attributes))
}

fn reduce(b: &mut Builder<'_>, op: &str, x: &str, axes: &[usize]) -> Result<String, ExportError> {
    let axes: Vec<i64> = axes.iter().map(|axis| *axis as i64).collect();
    let axes = b.ints(&axes)?;
    Ok(b.emit(op, &[x, &axes], vec![AttributeProto::int("keepdims", 1)]))
}
