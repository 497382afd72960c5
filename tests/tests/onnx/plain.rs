//! The operations as plain loops, slow and obvious.

use ndarray::{Array, ArrayD, Axis, Ix2, Ix3, Ix4, IxDyn, s};

/// A matrix product of the last axis with a `[out,in]` weight.
pub fn linear(x: &ArrayD<f32>, w: &ArrayD<f32>, bias: Option<&ArrayD<f32>>) -> ArrayD<f32> {
    let (out, inner) = (w.shape()[0], w.shape()[1]);
    let mut shape = x.shape().to_vec();
    shape[x.ndim() - 1] = out;
    let mut y = ArrayD::zeros(shape);
    for (x, mut y) in x.rows().into_iter().zip(y.rows_mut()) {
        for o in 0..out {
            y[o] = bias.map_or(0., |b| b[o]) + (0..inner).map(|i| x[i] * w[[o, i]]).sum::<f32>();
        }
    }
    y
}

/// A strided, padded, grouped convolution; `pads` are top, left, bottom, right.
pub fn conv(
    x: &ArrayD<f32>,
    w: &ArrayD<f32>,
    bias: &ArrayD<f32>,
    stride: usize,
    pads: [usize; 4],
    groups: usize,
) -> ArrayD<f32> {
    let (x, w) = (four(x), four(w));
    let (b, c, h, width) = x.dim();
    let (out, inner, kh, kw) = w.dim();
    let shape =
        [b, out, (h + pads[0] + pads[2] - kh) / stride + 1, (width + pads[1] + pads[3] - kw) / stride + 1];
    assert_eq!(c, inner * groups);
    ArrayD::from_shape_fn(IxDyn(&shape), |at| {
        let group = at[1] / (out / groups);
        let mut sum = bias[at[1]];
        for (i, dy, dx) in ndarray::indices((inner, kh, kw)) {
            let y = (at[2] * stride + dy).checked_sub(pads[0]).filter(|y| *y < h);
            let column = (at[3] * stride + dx).checked_sub(pads[1]).filter(|x| *x < width);
            if let (Some(y), Some(column)) = (y, column) {
                sum += x[[at[0], group * inner + i, y, column]] * w[[at[1], i, dy, dx]];
            }
        }
        sum
    })
}

/// A transposed convolution: each pixel adds the kernel to the result, `pad` is cut off.
pub fn conv_transpose(
    x: &ArrayD<f32>,
    w: &ArrayD<f32>,
    bias: &ArrayD<f32>,
    stride: usize,
    pad: usize,
) -> ArrayD<f32> {
    let (x, w) = (four(x), four(w));
    let (b, _, h, width) = x.dim();
    let (inner, out, kh, kw) = w.dim();
    let mut y = Array::zeros((b, out, (h - 1) * stride + kh, (width - 1) * stride + kw));
    for (n, i, row, column) in ndarray::indices(x.dim()) {
        assert!(i < inner);
        for (o, dy, dx) in ndarray::indices((out, kh, kw)) {
            y[[n, o, row * stride + dy, column * stride + dx]] += x[[n, i, row, column]] * w[[i, o, dy, dx]];
        }
    }
    for mut channels in y.outer_iter_mut() {
        channels.outer_iter_mut().zip(bias).for_each(|(mut plane, bias)| plane += *bias);
    }
    let (_, _, rows, columns) = y.dim();
    y.slice(s![.., .., pad..rows - pad, pad..columns - pad]).to_owned().into_dyn()
}

/// (x − mean) / √(variance + eps) over the last axis.
pub fn layer_norm(x: &ArrayD<f32>, eps: f32) -> ArrayD<f32> {
    let mut y = x.clone();
    for mut row in y.rows_mut() {
        let mean = row.mean().unwrap_or(0.);
        let variance = row.mapv(|v| (v - mean) * (v - mean)).mean().unwrap_or(0.);
        row.mapv_inplace(|v| (v - mean) / (variance + eps).sqrt());
    }
    y
}

/// Scaled dot-product attention; `sees(b, i, j)` is whether query i of picture b sees key j.
pub fn attention(
    [q, k, v]: [&ArrayD<f32>; 3],
    heads: usize,
    sees: impl Fn(usize, usize, usize) -> bool,
) -> ArrayD<f32> {
    let [q, k, v] = [q, k, v].map(|x| x.view().into_dimensionality::<Ix3>().unwrap());
    let (b, n, c) = q.dim();
    let (m, d) = (k.dim().1, c / heads);
    let mut y = Array::zeros((b, n, c));
    for (b, i, head) in ndarray::indices((b, n, heads)) {
        let part = head * d..(head + 1) * d;
        let score = |j: usize| {
            let dot: f32 = part.clone().map(|f| q[[b, i, f]] * k[[b, j, f]]).sum();
            if sees(b, i, j) { (dot / (d as f32).sqrt()).exp() } else { 0. }
        };
        let scores: Vec<f32> = (0..m).map(score).collect();
        let sum: f32 = scores.iter().sum();
        for f in part.clone() {
            y[[b, i, f]] = (0..m).map(|j| scores[j] / sum * v[[b, j, f]]).sum();
        }
    }
    y.into_dyn()
}

/// `[b,c,h,w]` to `[b,h·w,c]`.
pub fn tokens(x: &ArrayD<f32>) -> ArrayD<f32> {
    let (b, c, h, w) = four(x).dim();
    let x = four(x);
    ArrayD::from_shape_fn(IxDyn(&[b, h * w, c]), |at| x[[at[0], at[2], at[1] / w, at[1] % w]])
}

/// The mean or the root of the sum of squares over axes, kept as 1.
pub fn reduce(x: &ArrayD<f32>, axes: &[usize], of: impl Fn(&[f32]) -> f32) -> ArrayD<f32> {
    let mut shape = x.shape().to_vec();
    axes.iter().for_each(|axis| shape[*axis] = 1);
    ArrayD::from_shape_fn(IxDyn(&shape), |at| {
        let mut part = x.view();
        for axis in 0..x.ndim() {
            if !axes.contains(&axis) {
                part.slice_axis_inplace(Axis(axis), (at[axis]..at[axis] + 1).into());
            }
        }
        of(&part.iter().copied().collect::<Vec<_>>())
    })
}

pub fn four(x: &ArrayD<f32>) -> Array<f32, Ix4> {
    x.clone().into_dimensionality().unwrap()
}

pub fn two(x: &ArrayD<f32>) -> Array<f32, Ix2> {
    x.clone().into_dimensionality().unwrap()
}
