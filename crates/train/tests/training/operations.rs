//! Every operation: ONNX Runtime against the evaluator, on random numbers, at recorded sizes and at others.

use crate::tiny::{alone, close, noisy};
use anyhow::Result;
use std::collections::BTreeSet;
use tch::{Device, Kind, Tensor};
use wuerst_model::record::{Axis, DType, Extent, Id, Init, NetworkGraph, Op};
use wuerst_train::eval::{Evaluator, Mode};
use wuerst_train::session::Session;

/// The operations that compute something, without their settings. The match makes a new one a compile error here.
const OPERATIONS: usize = 33;

fn number(op: &Op) -> Option<usize> {
    Some(match op {
        Op::Input(_) | Op::Param(_) | Op::Constant(_) => return None,
        Op::Add => 0,
        Op::Sub => 1,
        Op::Mul => 2,
        Op::Div => 3,
        Op::Abs => 4,
        Op::Sigmoid => 5,
        Op::Relu => 6,
        Op::LeakyRelu(_) => 7,
        Op::Gelu => 8,
        Op::Clip { .. } => 9,
        Op::ReduceMean(_) => 10,
        Op::ReduceL2(_) => 11,
        Op::Linear => 12,
        Op::MatMul => 13,
        Op::Conv { .. } => 14,
        Op::ConvTranspose { .. } => 15,
        Op::LayerNorm { .. } => 16,
        Op::BatchNorm { .. } => 17,
        Op::Attention { .. } => 18,
        Op::Concat(_) => 19,
        Op::Slice { .. } => 20,
        Op::Prefix => 21,
        Op::Transpose(_) => 22,
        Op::Reshape(_) => 23,
        Op::ImageToTokens => 24,
        Op::TokensToImage => 25,
        Op::Gather => 26,
        Op::SpaceToDepth(_) => 27,
        Op::DepthToSpace(_) => 28,
        Op::ReplicationPad(_) => 29,
        Op::CubicResize => 30,
        Op::LinearResize => 31,
        Op::ArgMin | Op::StopGradient | Op::Dropout(_) => 32,
    })
}

/// `[b,c,h,w]`, all but c free at run time.
fn image(g: &mut NetworkGraph, name: &str, channels: usize, [h, w]: [usize; 2]) -> Id {
    let (h, w) = (Axis::named(&format!("{name} h"), h), Axis::named(&format!("{name} w"), w));
    g.input(name, DType::F32, &[Axis::named("b", 2), Axis::fixed(channels), h, w])
}

/// `[b,length,c]`; lengths of the same name are equal.
fn tokens(g: &mut NetworkGraph, name: &str, length: (&str, usize), channels: usize) -> Id {
    let axes = [Axis::named("b", 2), Axis::named(length.0, length.1), Axis::fixed(channels)];
    g.input(name, DType::F32, &axes)
}

fn param(g: &mut NetworkGraph, name: &str, shape: &[usize]) -> Id {
    g.param(name, shape, Init::Normal(0.5))
}

/// Records some operations, runs them both ways, and gives the numbers of those it met.
fn agree(record: impl FnOnce(&mut NetworkGraph) -> Vec<Id>) -> Result<BTreeSet<usize>> {
    let mut g = NetworkGraph::new();
    for (at, id) in record(&mut g).into_iter().enumerate() {
        g.output(&format!("result {at}"), id);
    }
    let g = g.finish()?;
    let met: BTreeSet<usize> = g.nodes.iter().filter_map(|node| number(&node.op)).collect();
    let weights = noisy(&g, 3);
    let session = Session::new(&g, &weights.source(), 1)?;
    let evaluator = Evaluator::new(g);
    for larger in [0, 2, 6] {
        let feeds: Vec<Tensor> =
            evaluator.graph().inputs.iter().map(|i| feed(&i.axes, i.dtype, larger)).collect();
        let got = session.run(&feeds.iter().collect::<Vec<_>>())?;
        let want = tch::no_grad(|| evaluator.run(&weights.0, &feeds, Mode::INFERENCE));
        for (got, want) in got.iter().zip(&want) {
            close(got, want, 1e-5);
        }
    }
    Ok(met)
}

/// Random numbers whose free axes are `larger` than recorded. Integers are masks whose first column is 1.
fn feed(axes: &[Axis], dtype: DType, larger: usize) -> Tensor {
    let size = |a: &Axis| (a.size + if a.name.is_some() { larger } else { 0 }) as i64;
    let size: Vec<i64> = axes.iter().map(size).collect();
    match dtype {
        DType::F32 => Tensor::randn(size, (Kind::Float, Device::Cpu)),
        DType::I64 => {
            let mask = Tensor::randint(2, size, (Kind::Int64, Device::Cpu));
            let _ = mask.narrow(1, 0, 1).fill_(1);
            mask
        }
    }
}

fn numbers(g: &mut NetworkGraph) -> Vec<Id> {
    let (a, b) = (image(g, "a", 3, [4, 2]), param(g, "b", &[3, 1, 1]));
    let positive = g.push(Op::Abs, &[b]);
    let unary = [
        Op::Abs,
        Op::Sigmoid,
        Op::Relu,
        Op::LeakyRelu(0.2),
        Op::Gelu,
        Op::Clip { min: -0.5, max: 0.75 },
        Op::Clip { min: 0., max: 6. },
        Op::ReduceMean(vec![1]),
        Op::ReduceMean(vec![2, 3]),
        Op::ReduceL2(vec![2, 3]),
        Op::StopGradient,
        Op::Dropout(0.5),
    ];
    let mut results: Vec<Id> = unary.into_iter().map(|op| g.push(op, &[a])).collect();
    results.extend([Op::Add, Op::Sub, Op::Mul].map(|op| g.push(op, &[a, b])));
    results.push(g.push(Op::Div, &[a, positive]));
    results
}

fn products(g: &mut NetworkGraph) -> Vec<Id> {
    let x = tokens(g, "x", ("length", 5), 6);
    let (w, b) = (param(g, "w", &[4, 6]), param(g, "b", &[4]));
    let right = param(g, "right", &[6, 3]);
    let y = g.push(Op::Linear, &[x, w, b]);
    let turned = g.push(Op::Transpose(vec![0, 2, 1]), &[x]);
    let image = image(g, "image", 4, [6, 4]);
    let (k, k3, deep) =
        (param(g, "k", &[6, 4, 1, 1]), param(g, "k3", &[6, 4, 3, 3]), param(g, "deep", &[4, 1, 5, 5]));
    let (six, up) = (param(g, "six", &[6]), param(g, "up", &[4, 3, 4, 4]));
    let conv = |stride, pads, groups| Op::Conv { stride, pads, groups };
    vec![
        g.push(Op::Linear, &[x, w]),
        y,
        g.push(Op::MatMul, &[x, right]),
        g.push(Op::MatMul, &[turned, y]),
        g.push(conv(1, [0; 4], 1), &[image, k]),
        g.push(conv(1, [1; 4], 1), &[image, k3, six]),
        g.push(conv(2, [0, 0, 1, 1], 1), &[image, k3, six]),
        g.push(conv(2, [1, 1, 2, 2], 4), &[image, deep]),
        g.push(Op::ConvTranspose { stride: 2, pad: 1 }, &[image, up]),
    ]
}

fn norms(g: &mut NetworkGraph) -> Vec<Id> {
    let (x, image) = (tokens(g, "x", ("length", 5), 6), image(g, "image", 3, [4, 4]));
    let (scale, bias) = (param(g, "scale", &[6]), param(g, "bias", &[6]));
    let (s, b) = (param(g, "bn.scale", &[3]), param(g, "bn.bias", &[3]));
    let mean = g.buffer("bn.running_mean", &[3], Init::Normal(0.5));
    let variance = g.buffer("bn.running_var", &[3], Init::Constant(1.));
    vec![
        g.push(Op::LayerNorm { eps: 1e-6 }, &[x]),
        g.push(Op::LayerNorm { eps: 1e-6 }, &[x, scale]),
        g.push(Op::LayerNorm { eps: 1e-5 }, &[x, scale, bias]),
        g.push(Op::BatchNorm { eps: 1e-3, momentum: 0.1 }, &[image, s, b, mean, variance]),
    ]
}

fn attention(g: &mut NetworkGraph) -> Vec<Id> {
    let (q, k, v) =
        (tokens(g, "q", ("queries", 5), 8), tokens(g, "k", ("keys", 7), 8), tokens(g, "v", ("keys", 7), 8));
    let mask = g.input("mask", DType::I64, &[Axis::named("b", 2), Axis::named("keys", 7)]);
    let own = g.input("own mask", DType::I64, &[Axis::named("b", 2), Axis::named("queries", 5)]);
    vec![
        g.push(Op::Attention { heads: 2, causal: false }, &[q, k, v]),
        g.push(Op::Attention { heads: 4, causal: false }, &[q, k, v, mask]),
        g.push(Op::Attention { heads: 2, causal: true }, &[q, q, q]),
        g.push(Op::Attention { heads: 2, causal: true }, &[q, q, q, own]),
    ]
}

fn arrangements(g: &mut NetworkGraph) -> Vec<Id> {
    let (x, y) = (image(g, "x", 8, [4, 6]), tokens(g, "y", ("length", 5), 4));
    let (table, places) = (param(g, "table", &[7, 4]), param(g, "places", &[20, 4]));
    let flat = g.push(Op::ImageToTokens, &[x]);
    let half = g.push(Op::Slice { axis: 1, start: 2, end: 6 }, &[x]);
    let column = g.push(Op::Reshape(vec![Extent::Keep, Extent::Infer, Extent::Fixed(2)]), &[flat]);
    let index = g.push(Op::ArgMin, &[y]);
    vec![
        g.push(Op::Concat(1), &[half, x]),
        half,
        column,
        g.push(Op::Prefix, &[places, y]),
        g.push(Op::Transpose(vec![0, 2, 3, 1]), &[x]),
        flat,
        g.push(Op::TokensToImage, &[flat, x]),
        g.push(Op::Gather, &[table, index]),
        g.push(Op::SpaceToDepth(2), &[x]),
        g.push(Op::DepthToSpace(2), &[x]),
        g.push(Op::ReplicationPad(1), &[x]),
        g.push(Op::ReplicationPad(2), &[x]),
    ]
}

fn resizes(g: &mut NetworkGraph) -> Vec<Id> {
    let [tiny, low, high] =
        [("tiny", [1, 1]), ("low", [4, 3]), ("high", [9, 16])].map(|(n, s)| image(g, n, 2, s));
    let pairs = [(low, high), (high, low), (tiny, low), (low, low)];
    let resized = pairs.map(|(x, like)| [Op::CubicResize, Op::LinearResize].map(|op| g.push(op, &[x, like])));
    resized.concat()
}

#[test]
fn evaluator_and_onnx_runtime_agree() -> Result<()> {
    let _alone = alone();
    tch::manual_seed(1);
    let mut met = BTreeSet::new();
    for record in [numbers, products, norms, attention, arrangements, resizes] {
        met.extend(agree(record)?);
    }
    assert!(met.iter().copied().eq(0..OPERATIONS), "not every operation was met: {met:?}");
    Ok(())
}
