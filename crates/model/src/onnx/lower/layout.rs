//! Operations that only move elements. Extents that are free at run time are read from the values.

use super::super::builder::Builder;
use super::super::proto::AttributeProto;
use super::super::weights::ExportError;
use super::with;
use crate::record::{Extent, NetworkNode, Op};

type Lowered = Result<String, ExportError>;

pub fn slice(b: &mut Builder<'_>, node: &NetworkNode, axis: usize, start: usize, end: usize) -> Lowered {
    let (x, axis) = (b.value(node.args[0])?, b.ints(&[axis as i64])?);
    let (start, end) = (b.ints(&[start as i64])?, b.ints(&[end as i64])?);
    Ok(b.emit("Slice", &[&x, &start, &end, &axis], vec![]))
}

pub fn prefix(b: &mut Builder<'_>, node: &NetworkNode) -> Lowered {
    let (x, zero, rows) = (b.value(node.args[0])?, b.ints(&[0])?, b.extent(node.args[1], 1)?);
    Ok(b.emit("Slice", &[&x, &zero, &rows, &zero], vec![]))
}

pub fn reshape(b: &mut Builder<'_>, node: &NetworkNode, extents: &[Extent]) -> Lowered {
    let extent = |e: &Extent| match e {
        Extent::Keep => 0,
        Extent::Infer => -1,
        Extent::Fixed(n) => *n as i64,
    };
    let target: Vec<i64> = extents.iter().map(extent).collect();
    let (x, target) = (b.value(node.args[0])?, b.ints(&target)?);
    Ok(b.emit("Reshape", &[&x, &target], vec![]))
}

/// The features are first moved within the image: ONNX Runtime merges this with the layout change of its convolutions.
pub fn image_to_tokens(b: &mut Builder<'_>, node: &NetworkNode) -> Lowered {
    let (x, target) = (b.value(node.args[0])?, b.ints(&[0, -1, node.shape[2] as i64])?);
    let inner = b.emit("Transpose", &[&x], vec![AttributeProto::ints("perm", [0, 2, 3, 1])]);
    Ok(b.emit("Reshape", &[&inner, &target], vec![]))
}

pub fn tokens_to_image(b: &mut Builder<'_>, node: &NetworkNode) -> Lowered {
    let x = places(b, node)?;
    Ok(features_outside(b, &x))
}

/// `[b,h·w,c]` as `[b,h,w,c]`, for [`Op::TokensToImage`].
fn places(b: &mut Builder<'_>, node: &NetworkNode) -> Lowered {
    let (x, like) = (b.value(node.args[0])?, node.args[1]);
    let (keep, h, w) = (b.ints(&[0])?, b.extent(like, 2)?, b.extent(like, 3)?);
    let c = b.ints(&[node.shape[1] as i64])?;
    let target = b.once(&format!("image {h} {w} {c}"), |b| {
        Ok(b.emit("Concat", &[&keep, &h, &w, &c], vec![AttributeProto::int("axis", 0)]))
    })?;
    Ok(b.emit("Reshape", &[&x, &target], vec![]))
}

fn features_outside(b: &mut Builder<'_>, x: &str) -> String {
    b.emit("Transpose", &[x], vec![AttributeProto::ints("perm", [0, 3, 1, 2])])
}

/// ONNX puts the position within the block outermost, PyTorch the channel: they differ by a permutation of channels.
pub fn space_to_depth(b: &mut Builder<'_>, node: &NetworkNode, n: usize) -> Lowered {
    let blocks = with(b, "SpaceToDepth", node, vec![AttributeProto::int("blocksize", n as i64)])?;
    let channels = node.shape[1] / (n * n);
    if channels == 1 {
        return Ok(blocks);
    }
    let order = (0..channels).flat_map(|c| (0..n * n).map(move |place| (place * channels + c) as i64));
    let order = b.ints(&order.collect::<Vec<_>>())?;
    Ok(b.emit("Gather", &[&blocks, &order], vec![AttributeProto::int("axis", 1)]))
}

pub fn depth_to_space(b: &mut Builder<'_>, node: &NetworkNode, n: usize) -> Lowered {
    let attributes = vec![AttributeProto::int("blocksize", n as i64), AttributeProto::string("mode", "CRD")];
    with(b, "DepthToSpace", node, attributes)
}

/// Between tokens and a convolution, the border is repeated before the features are moved, for the reason given at
/// [`image_to_tokens`].
pub fn replication_pad(b: &mut Builder<'_>, node: &NetworkNode, n: i64) -> Lowered {
    let edge = || vec![AttributeProto::string("mode", "edge")];
    let image = &b.graph.nodes[node.args[0].0];
    if image.op == Op::TokensToImage {
        let (x, pads) = (places(b, image)?, b.ints(&[0, n, n, 0, 0, n, n, 0])?);
        let padded = b.emit("Pad", &[&x, &pads], edge());
        return Ok(features_outside(b, &padded));
    }
    let (x, pads) = (b.value(node.args[0])?, b.ints(&[0, 0, n, n, 0, 0, n, n])?);
    Ok(b.emit("Pad", &[&x, &pads], edge()))
}
