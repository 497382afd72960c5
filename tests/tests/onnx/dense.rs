//! Matrix products, convolutions and norms.

use anyhow::Result;
use ndarray::{Array, Ix3, s};
use wuerst_model::onnx::{self, ExportOptions, Operators};
use wuerst_model::record::{Axis, DType, NetworkGraph, Op};
use wuerst_tests::numbers::{Random, assert_close, random_weights};
use wuerst_tests::runtime::Model;

use crate::plain;
use crate::recorded::Case;

const CLOSE: f32 = 1e-5;

#[test]
fn linear_multiplies_by_transpose() -> Result<()> {
    for bias in [false, true] {
        let mut case = Case::new();
        let x = case.input(&[2, 3, 4], &[1, 7, 4]);
        let w = case.param("layer.weight", &[5, 4]);
        let b = bias.then(|| case.param("layer.bias", &[5]));
        let want = plain::linear(&x, &w, b.as_ref());
        assert_close(&case.run(Op::Linear)?.f32()?, &want, CLOSE);
    }
    Ok(())
}

#[test]
fn matrices_multiply_for_each_batch() -> Result<()> {
    let mut case = Case::new();
    let a = case.input(&[2, 3, 4], &[6, 5, 4]);
    let b = case.input(&[2, 4, 2], &[6, 4, 9]);
    let [a, b] = [a, b].map(|x| x.into_dimensionality::<Ix3>().unwrap());
    let want = Array::from_shape_fn((6, 5, 9), |(n, i, j)| (0..4).map(|k| a[[n, i, k]] * b[[n, k, j]]).sum());
    assert_close(&case.run(Op::MatMul)?.f32()?, &want.into_dyn(), CLOSE);
    Ok(())
}

#[test]
fn convolutions() -> Result<()> {
    // Dense, strided, depthwise, and padded at the bottom and right only.
    for (stride, pads, groups, kernel) in
        [(1, [1; 4], 1, 3), (2, [0; 4], 1, 2), (1, [1; 4], 4, 3), (2, [0, 0, 1, 1], 1, 3), (1, [0; 4], 1, 1)]
    {
        let mut case = Case::new();
        let x = case.input(&[1, 4, 6, 6], &[2, 4, 8, 10]);
        let w = case.param("w", &[8, 4 / groups, kernel, kernel]);
        let b = case.param("b", &[8]);
        let want = plain::conv(&x, &w, &b, stride, pads, groups);
        assert_close(&case.run(Op::Conv { stride, pads, groups })?.f32()?, &want, CLOSE);
    }
    Ok(())
}

#[test]
fn transposed_convolutions() -> Result<()> {
    for (kernel, pad) in [(2, 0), (4, 1)] {
        let mut case = Case::new();
        let x = case.input(&[1, 3, 4, 4], &[2, 3, 5, 7]);
        let w = case.param("w", &[3, 6, kernel, kernel]);
        let b = case.param("b", &[6]);
        let want = plain::conv_transpose(&x, &w, &b, 2, pad);
        assert_close(&case.run(Op::ConvTranspose { stride: 2, pad })?.f32()?, &want, CLOSE);
    }
    Ok(())
}

#[test]
fn layer_norm_with_and_without_scale() -> Result<()> {
    let mut case = Case::new();
    let x = case.input(&[2, 3, 6], &[4, 5, 6]);
    let want = plain::layer_norm(&x, 1e-3);
    assert_close(&case.run(Op::LayerNorm { eps: 1e-3 })?.f32()?, &want, CLOSE);

    let mut case = Case::new();
    let x = case.input(&[2, 3, 6], &[4, 5, 6]);
    // A recording may keep broadcast axes on a scale.
    let (scale, shift) = (case.param("scale", &[1, 1, 6]), case.param("shift", &[6]));
    let want = plain::layer_norm(&x, 1e-6) * &scale + &shift;
    assert_close(&case.run(Op::LayerNorm { eps: 1e-6 })?.f32()?, &want, CLOSE);
    Ok(())
}

#[test]
fn batch_norm_uses_running_statistics() -> Result<()> {
    let mut case = Case::new();
    let x = case.input(&[1, 3, 4, 4], &[2, 3, 5, 6]);
    let [scale, shift, mean] = ["scale", "shift", "mean"].map(|name| case.param(name, &[3]));
    let variance = case.param("running_var", &[3]);
    let mut want = plain::four(&x);
    for ((_, c, _, _), v) in want.indexed_iter_mut() {
        *v = (*v - mean[c]) / (variance[c] + 1e-3).sqrt() * scale[c] + shift[c];
    }
    let op = Op::BatchNorm { eps: 1e-3, momentum: 0.1 };
    assert_close(&case.run(op)?.f32()?, &want.into_dyn(), CLOSE);
    Ok(())
}

/// Rows as CLIP's states are: a few numbers hundreds of times as large as the others. The fused norm takes E[x²] − E[x]² for the
/// variance, which loses digits where the mean is many deviations: a number m among n others makes the mean's square only 1/n
/// of the variance.
#[test]
fn fused_norms_keep_outliers() -> Result<()> {
    const FEATURES: usize = 1280;
    let mut g = NetworkGraph::new();
    let axes = [Axis::named("b", 1), Axis::named("n", 2), Axis::fixed(FEATURES)];
    let x = g.input("x", DType::F32, &axes);
    let y = g.push(Op::LayerNorm { eps: 1e-5 }, &[x]);
    g.output("y", y);
    let graph = g.finish()?;
    let options = ExportOptions { operators: Operators::OnnxRuntime, ..ExportOptions::default() };
    let model = onnx::encode(&graph, &random_weights(&graph), &options)?;
    for outlier in [0., 30., 300., 3000.] {
        let mut x = Random::new(9).array(&[1, 77, FEATURES]);
        x.slice_mut(s![.., .., 7]).mapv_inplace(|v| v + outlier);
        x.slice_mut(s![.., .., 133]).mapv_inplace(|v| v - outlier / 4.);
        let got = Model::from_bytes(&model)?.run(&[("x", x.clone().into())])?.remove(0).f32()?;
        let wide = x.mapv(f64::from);
        let rows = wide.lanes(ndarray::Axis(2)).into_iter().zip(got.lanes(ndarray::Axis(2)));
        for (row, got) in rows {
            let (mean, variance) = (row.sum() / FEATURES as f64, row.var(0.));
            let want = row.mapv(|v| (v - mean) / (variance + 1e-5).sqrt());
            // Of all numbers but the outliers, too.
            let apart = |range: std::ops::Range<usize>| {
                let pairs = want.iter().zip(got).skip(range.start).take(range.len());
                let (apart, most) = pairs
                    .fold((0f64, 0f64), |(a, m), (w, g)| (a.max((w - f64::from(*g)).abs()), m.max(w.abs())));
                apart / most
            };
            assert!(apart(0..FEATURES) < 1e-5 && apart(134..FEATURES) < 1e-5, "{outlier}");
        }
    }
    Ok(())
}
