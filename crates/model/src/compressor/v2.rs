//! EfficientNetV2-S (Tan and Le, 2021), as torchvision's `efficientnet_v2_s().features`.
//!
//! As in Würstchen's compressor, names begin with `backbone.` in place of torchvision's `features.`.

use super::{Block, bare_conv, normalised};
use crate::layer::{batch_norm, channels, conv, silu};
use crate::record::{Id, NetworkGraph, Op};

/// Repeats, stride, expansion and channels of the six stages; the first three are fused.
const STAGES: [[usize; 4]; 6] =
    [[2, 1, 1, 24], [4, 2, 4, 48], [4, 2, 4, 64], [6, 2, 4, 128], [9, 1, 6, 160], [15, 2, 6, 256]];

/// ImageNet's mean and standard deviation.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

pub fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for (stage, [repeats, stride, expand, out]) in STAGES.into_iter().enumerate() {
        for i in 0..repeats {
            let name = format!("backbone.{}.{i}.block", stage + 1);
            let stride = if i == 0 { stride } else { 1 };
            blocks.push(Block { name, expand, kernel: 3, stride, out, fused: stage < 3 });
        }
    }
    blocks
}

/// `(x − mean) / deviation`, then a convolution that halves the resolution.
pub fn stem(g: &mut NetworkGraph, image: Id) -> Id {
    let scale = DEVIATION.map(|d| 1. / d);
    let shift = [0, 1, 2].map(|i| -MEAN[i] / DEVIATION[i]);
    let x = normalised(g, image, scale, shift);
    let x = conv_norm(g, "backbone.0", x, 24, [3, 2, 1]);
    silu(g, x)
}

pub fn block(g: &mut NetworkGraph, block: &Block, x: Id) -> Id {
    let (name, input) = (&block.name, channels(g, x));
    let inner = input * block.expand;
    let y = if !block.fused {
        let y = conv_norm(g, &format!("{name}.0"), x, inner, [1, 1, 1]);
        let y = silu(g, y);
        let y = conv_norm(g, &format!("{name}.1"), y, inner, [block.kernel, block.stride, inner]);
        let y = silu(g, y);
        let y = excite(g, &format!("{name}.2"), y, input / 4);
        conv_norm(g, &format!("{name}.3"), y, block.out, [1, 1, 1])
    } else if block.expand == 1 {
        let y = conv_norm(g, &format!("{name}.0"), x, block.out, [block.kernel, block.stride, 1]);
        silu(g, y)
    } else {
        let y = conv_norm(g, &format!("{name}.0"), x, inner, [block.kernel, block.stride, 1]);
        let y = silu(g, y);
        conv_norm(g, &format!("{name}.1"), y, block.out, [1, 1, 1])
    };
    if block.stride == 1 && input == block.out { g.push(Op::Add, &[y, x]) } else { y }
}

pub fn head(g: &mut NetworkGraph, x: Id) -> Id {
    let x = conv_norm(g, &format!("backbone.{}", STAGES.len() + 1), x, 1280, [1, 1, 1]);
    silu(g, x)
}

/// Scales channels by the content of the whole picture (squeeze and excitation, Hu et al., 2018).
fn excite(g: &mut NetworkGraph, name: &str, x: Id, squeezed: usize) -> Id {
    let all = channels(g, x);
    let y = g.push(Op::ReduceMean(vec![2, 3]), &[x]);
    let y = conv(g, &format!("{name}.fc1"), y, squeezed, [1, 1, 0]);
    let y = silu(g, y);
    let y = conv(g, &format!("{name}.fc2"), y, all, [1, 1, 0]);
    let y = g.push(Op::Sigmoid, &[y]);
    g.push(Op::Mul, &[x, y])
}

/// Convolution and batch norm, the elements 0 and 1 of torchvision's block; `[kernel, stride, groups]`.
fn conv_norm(
    g: &mut NetworkGraph,
    name: &str,
    x: Id,
    out: usize,
    [kernel, stride, groups]: [usize; 3],
) -> Id {
    let pads = [kernel / 2; 4];
    let x = bare_conv(g, &format!("{name}.0"), x, out, kernel, Op::Conv { stride, pads, groups });
    batch_norm(g, &format!("{name}.1"), x, 1e-3, 0.1)
}
