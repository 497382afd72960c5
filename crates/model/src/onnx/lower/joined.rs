//! Channel-wise layers over features that a 1×1 convolution has widened from a few, as in the decoder's blocks: 16
//! channels of the semantic embedding become hundreds, and are joined to each block's features.
//!
//! With M the convolution and W the columns of the layer's weight that read it, z·Mᵀ·Wᵀ = z·(W·M)ᵀ: the layer can read
//! the few channels themselves. The products of weights do not depend on inputs, so runtimes compute them once, while
//! loading; for an f16 model they are computed when it is written.

use super::super::builder::Builder;
use super::super::fold;
use super::super::proto::AttributeProto;
use super::super::weights::{ExportError, Weight};
use crate::record::{Id, NetworkGraph, NetworkNode, Op};

type Lowered = Result<String, ExportError>;

/// Replacement of a layer's input: features, weight `[in,out]`, bias.
pub struct Narrow {
    pub x: String,
    pub weight: String,
    pub bias: String,
}

/// The layer over the fewer original features of `x`. `None` if none were widened.
pub fn narrow(b: &mut Builder<'_>, layer: &NetworkNode, x: Id) -> Result<Option<Narrow>, ExportError> {
    let graph = b.graph;
    let parts = parts(graph, x);
    let [others @ .., last] = &parts[..] else { return Ok(None) };
    let Some(conv) = widening(graph, *last).filter(|_| !others.is_empty() && layer.args.len() == 3) else {
        return Ok(None);
    };
    let (inner, wide) = (graph.shape(layer.args[1])[1], graph.shape(*last)[2]);
    let x = joined(b, others, conv.args[0])?;
    if b.in_f16()
        && let Some(narrow) = folded(b, layer, conv, x.clone())?
    {
        return Ok(Some(narrow));
    }
    let matrix = b.transposed(layer.args[1])?;
    let rows = |b: &mut Builder<'_>, start: usize, end: usize| {
        let (start, end, axis) = (b.ints(&[start as i64])?, b.ints(&[end as i64])?, b.ints(&[0])?);
        Ok::<_, ExportError>(b.emit("Slice", &[&matrix, &start, &end, &axis], vec![]))
    };
    let (own, widened) = (rows(b, 0, inner - wide)?, rows(b, inner - wide, inner)?);
    let kernel = kernel(b, conv)?;
    let few = b.emit("MatMul", &[&kernel, &widened], vec![]);
    let weight = b.emit("Concat", &[&own, &few], vec![AttributeProto::int("axis", 0)]);
    let (shift, bias) = (b.value(conv.args[2])?, b.value(layer.args[2])?);
    let shift = b.emit("MatMul", &[&shift, &widened], vec![]);
    let bias = b.emit("Add", &[&bias, &shift], vec![]);
    Ok(Some(Narrow { x, weight, bias }))
}

/// The products of weights as tensors; `None` if the weights are computed by unsupported operations.
fn folded(
    b: &mut Builder<'_>,
    layer: &NetworkNode,
    conv: &NetworkNode,
    x: String,
) -> Result<Option<Narrow>, ExportError> {
    let weights = [layer.args[1], layer.args[2], conv.args[1], conv.args[2]];
    let mut of = weights.into_iter().map(|id| fold::folded(b.graph, &b.store, id));
    let mut next = || of.next().transpose().map(Option::flatten);
    let (Some(matrix), Some(bias), Some(kernel), Some(shift)) = (next()?, next()?, next()?, next()?) else {
        return Ok(None);
    };
    let ([out, inner], [wide, few]) = ([0, 1].map(|i| matrix.shape[i]), [0, 1].map(|i| kernel.shape[i]));
    let (mut rows, mut widened) =
        (Vec::with_capacity(out * (inner - wide + few)), Vec::with_capacity(out * wide));
    for row in matrix.data.chunks_exact(inner) {
        widened.extend_from_slice(&row[inner - wide..]);
    }
    let product = fold::product(&widened, &kernel.data, [out, wide, few]);
    for (row, product) in matrix.data.chunks_exact(inner).zip(product.chunks_exact(few)) {
        rows.extend_from_slice(&row[..inner - wide]);
        rows.extend_from_slice(product);
    }
    let shift = fold::product(&widened, &shift.data, [out, wide, 1]);
    let shifted = bias.data.iter().zip(shift).map(|(bias, shift)| bias + shift).collect();
    let (weight, bias_name) = (b.fresh_in_scope("folded.T"), b.fresh_in_scope("folded.bias"));
    b.keep(&weight, Weight { shape: vec![out, inner - wide + few], data: rows }, true)?;
    b.keep(&bias_name, Weight { shape: vec![out], data: shifted }, false)?;
    Ok(Some(Narrow { x, weight, bias: bias_name }))
}

/// The values that are joined along the features, in order.
fn parts(graph: &NetworkGraph, id: Id) -> Vec<Id> {
    let node = &graph.nodes[id.0];
    match node.op {
        Op::Concat(2) if node.shape.len() == 3 => {
            node.args.iter().flat_map(|arg| parts(graph, *arg)).collect()
        }
        _ => vec![id],
    }
}

/// The 1×1 convolution with bias that makes these tokens, if it has fewer input than output channels.
fn widening(graph: &NetworkGraph, tokens: Id) -> Option<&NetworkNode> {
    let node = &graph.nodes[tokens.0];
    let conv = node.args.first().filter(|_| node.op == Op::ImageToTokens).map(|arg| &graph.nodes[arg.0])?;
    let plain = conv.op == Op::Conv { stride: 1, pads: [0; 4], groups: 1 } && conv.args.len() == 3;
    match *graph.shape(*conv.args.get(1)?) {
        [out, inner, 1, 1] if plain && inner < out => Some(conv),
        _ => None,
    }
}

fn joined(b: &mut Builder<'_>, others: &[Id], image: Id) -> Lowered {
    let mut names = others.iter().map(|id| b.value(*id)).collect::<Result<Vec<_>, _>>()?;
    let channels = b.graph.shape(image)[1] as i64;
    let target = b.ints(&[0, -1, channels])?;
    let image = b.value(image)?;
    names.push(b.once(&format!("places of {image}"), |b| {
        let inner = b.emit("Transpose", &[&image], vec![AttributeProto::ints("perm", [0, 2, 3, 1])]);
        Ok(b.emit("Reshape", &[&inner, &target], vec![]))
    })?);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(b.emit("Concat", &names, vec![AttributeProto::int("axis", 2)]))
}

/// The convolution's kernel as a matrix `[in,out]`.
fn kernel(b: &mut Builder<'_>, conv: &NetworkNode) -> Lowered {
    let graph = b.graph;
    let [out, inner] = [0, 1].map(|axis| graph.shape(conv.args[1])[axis] as i64);
    let (kernel, target) = (b.value(conv.args[1])?, b.ints(&[out, inner])?);
    b.once(&format!("matrix of {kernel}"), |b| {
        let matrix = b.emit("Reshape", &[&kernel, &target], vec![]);
        Ok(b.emit("Transpose", &[&matrix], vec![AttributeProto::ints("perm", [1, 0])]))
    })
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::super::super::proto::ModelProto;
    use crate::contract::Sizes;
    use crate::decoder::{self, DecoderConfig};
    use crate::onnx::{BoxError, ExportOptions, Operators, Weight, encode};

    #[test]
    fn narrow_embedding_and_fused_norms() {
        let config = DecoderConfig {
            c_cond: 32,
            c_hidden: vec![8, 16],
            nhead: vec![-1, 2],
            blocks: vec![1, 2],
            level_config: vec!["CT".into(), "CTA".into()],
            inject_effnet: vec![false, true],
            clip_embd: 8,
            ..DecoderConfig::default()
        };
        let sizes = Sizes { batch: 1, height: 8, width: 8, embedding: [2, 2], length: 3 };
        let graph = decoder::graph(&config, &sizes).unwrap();
        let weights = |name: &str| -> Result<Weight, BoxError> {
            let shape = graph.params.iter().find(|p| p.name == name).unwrap().shape.clone();
            Ok(Weight { data: vec![0.5; shape.iter().product()], shape })
        };
        let options = ExportOptions { operators: Operators::OnnxRuntime, ..ExportOptions::default() };
        let bytes = encode(&graph, &weights, &options).unwrap();
        let nodes = ModelProto::decode(&bytes[..]).unwrap().graph.unwrap().node;
        let count = |op: &str| nodes.iter().filter(|node| node.op_type == op).count();
        let mapping = nodes.iter().find(|n| n.op_type == "Conv" && n.name.starts_with("effnet_mappers"));
        assert!(mapping.is_none(), "{mapping:?}");
        assert_eq!(count("LayerNormalization"), 0);
        // Each timestep's sum is of other shapes; attention's sum is normed only where a level ends with it.
        let sums = nodes.iter().filter(|n| n.op_type == "SkipLayerNormalization" && n.output.len() == 4);
        assert!(sums.count() > 0);
    }
}
