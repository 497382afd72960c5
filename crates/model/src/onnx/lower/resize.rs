//! Antialiased bicubic and bilinear resizing as two matrix products.
//!
//! Runtimes disagree about `Resize` with aligned corners and antialiasing, but resizing is linear and separable: with R the
//! `[out,in]` matrix of weights, Y = R_h·X·R_wᵀ. The matrices are computed by the model from the sizes it meets, in
//! operators that every runtime has.

use super::super::builder::Builder;
use super::super::proto::{AttributeProto, elem};
use super::super::weights::ExportError;
use crate::record::NetworkNode;

type Lowered = Result<String, ExportError>;

/// Sharpness of the kernel: −0.5 in PyTorch with antialiasing.
const A: f32 = -0.5;

/// Weighting of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kernel {
    /// Keys' cubic, which widens when shrinking.
    Cubic,
    /// The two nearest pixels.
    Linear,
}

pub fn resize(b: &mut Builder<'_>, node: &NetworkNode, kernel: Kernel) -> Lowered {
    let [image, like] = [node.args[0], node.args[1]];
    let x = b.value(image)?;
    let (from_h, from_w) = (b.extent(image, 2)?, b.extent(image, 3)?);
    let (to_h, to_w) = (b.extent_of_input(like, 2)?, b.extent_of_input(like, 3)?);
    let rows = matrix(b, &from_h, &to_h, kernel)?;
    let columns = matrix(b, &from_w, &to_w, kernel)?;
    let swap = vec![AttributeProto::ints("perm", [1, 0])];
    let columns = b.once(&format!("transposed {columns}"), |b| Ok(b.emit("Transpose", &[&columns], swap)))?;
    let wide = b.emit("MatMul", &[&x, &columns], vec![]);
    Ok(b.emit("MatMul", &[&rows, &wide], vec![]))
}

/// The weights `[to,from]`, each row summing to 1.
///
/// With corners aligned, the step between samples is s = (from−1)/(to−1), or 0 if there is one sample. Linear: the centre
/// of row i is s·i, and the weight of pixel j is 1 − |j − centre|, if positive. Cubic: the centre is s·(i+½) and the
/// weight k((j + ½ − centre) / max(s, 1)); the kernel widens when shrinking.
fn matrix(b: &mut Builder<'_>, from: &str, to: &str, kernel: Kernel) -> Lowered {
    let name = if kernel == Kernel::Cubic { "cubic" } else { "linear" };
    b.once_in(&format!("{name}/{from}-{to}"), |b| {
        let one = b.scalar(1.)?;
        let step = step(b, from, to)?;
        let sample = samples(b, to, kernel)?;
        let centre = b.emit("Mul", &[&sample, &step], vec![]);
        let axis = b.ints(&[1])?;
        let centre = b.emit("Unsqueeze", &[&centre, &axis], vec![]);
        let pixel = samples(b, from, kernel)?;
        let offset = b.emit("Sub", &[&pixel, &centre], vec![]);
        if kernel == Kernel::Linear {
            let distance = b.emit("Abs", &[&offset], vec![]);
            let weights = b.emit("Sub", &[&one, &distance], vec![]);
            return Ok(b.emit("Relu", &[&weights], vec![]));
        }
        let width = b.emit("Max", &[&step, &one], vec![]);
        let offset = b.emit("Div", &[&offset, &width], vec![]);
        let weights = cubic(b, &offset)?;
        let sum = b.emit("ReduceSum", &[&weights, &axis], vec![AttributeProto::int("keepdims", 1)]);
        Ok(b.emit("Div", &[&weights, &sum], vec![]))
    })
}

/// s of [`matrix`], f32 `[1]`.
fn step(b: &mut Builder<'_>, from: &str, to: &str) -> Lowered {
    let one = b.scalar(1.)?;
    let steps = |b: &mut Builder<'_>, extent: &str| {
        let extent = float(b, extent);
        b.emit("Sub", &[&extent, &one], vec![])
    };
    let (from, to) = (steps(b, from), steps(b, to));
    // For one sample, (from−1)/1 would be wrong, so the step is multiplied by 0 if there is only one.
    let divisor = b.emit("Max", &[&to, &one], vec![]);
    let step = b.emit("Div", &[&from, &divisor], vec![]);
    let several = b.emit("Min", &[&to, &one], vec![]);
    Ok(b.emit("Mul", &[&step, &several], vec![]))
}

/// 0, 1, …, as many as the extent; ½, 1½, … for the cubic kernel.
fn samples(b: &mut Builder<'_>, extent: &str, kernel: Kernel) -> Lowered {
    let indices = b.indices(extent)?;
    let indices = float(b, &indices);
    if kernel == Kernel::Linear {
        return Ok(indices);
    }
    let half = b.scalar(0.5)?;
    Ok(b.emit("Add", &[&indices, &half], vec![]))
}

fn float(b: &mut Builder<'_>, x: &str) -> String {
    b.emit("Cast", &[x], vec![AttributeProto::int("to", elem::FLOAT.into())])
}

/// Keys' cubic kernel of |x|: (a+2)x³ − (a+3)x² + 1 below 1, a(x³ − 5x² + 8x − 4) from 1 to 2, then 0.
fn cubic(b: &mut Builder<'_>, x: &str) -> Lowered {
    let (one, two) = (b.scalar(1.)?, b.scalar(2.)?);
    let x = b.emit("Abs", &[x], vec![]);
    // The outer piece is 0 at 2 and beyond.
    let x = b.emit("Min", &[&x, &two], vec![]);
    let near = polynomial(b, &x, [A + 2., -(A + 3.), 0., 1.])?;
    let far = polynomial(b, &x, [A, -5. * A, 8. * A, -4. * A])?;
    let inner = b.emit("Less", &[&x, &one], vec![]);
    Ok(b.emit("Where", &[&inner, &near, &far], vec![]))
}

/// Horner's rule, highest power first.
fn polynomial(b: &mut Builder<'_>, x: &str, [third, second, first, zeroth]: [f32; 4]) -> Lowered {
    let mut sum = b.scalar(third)?;
    for coefficient in [second, first, zeroth] {
        sum = b.emit("Mul", &[&sum, x], vec![]);
        let coefficient = b.scalar(coefficient)?;
        sum = b.emit("Add", &[&sum, &coefficient], vec![]);
    }
    Ok(sum)
}
