//! EfficientNet-Lite (Tan et al., 2020): EfficientNet without squeeze-and-excitation, with ReLU6.
//!
//! Names are those of the `efficientnet_lite_pytorch` weights. They were converted from TensorFlow, which explains the
//! padding, the scale of the input and the momentum of the batch norms.

use super::{Block, bare_conv, normalised};
use crate::layer::{batch_norm, channels};
use crate::record::{Id, NetworkGraph, Op};

/// Repeats, kernel, stride, expansion and channels of the seven stages of Lite0.
const STAGES: [[usize; 5]; 7] = [
    [1, 3, 1, 1, 16],
    [2, 3, 2, 6, 24],
    [2, 5, 2, 6, 40],
    [3, 3, 2, 6, 80],
    [3, 5, 1, 6, 112],
    [4, 5, 2, 6, 192],
    [1, 3, 1, 6, 320],
];

/// The blocks of a family member, `width` times as wide and `depth` times as deep as Lite0.
pub fn blocks(width: f64, depth: f64) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (stage, [repeats, kernel, stride, expand, out]) in STAGES.into_iter().enumerate() {
        // Only the stages between the first and the last grow.
        let ends = stage == 0 || stage == STAGES.len() - 1;
        let repeats = if ends { repeats } else { (depth * repeats as f64).ceil() as usize };
        for i in 0..repeats {
            let name = format!("_blocks.{}", blocks.len());
            let stride = if i == 0 { stride } else { 1 };
            blocks.push(Block { name, expand, kernel, stride, out: widened(out, width), fused: false });
        }
    }
    blocks
}

/// `channels` times `width`, rounded to a multiple of 8 that is at most a tenth lower.
fn widened(channels: usize, width: f64) -> usize {
    let exact = channels as f64 * width;
    let rounded = (((exact + 4.) / 8.) as usize * 8).max(8);
    if (rounded as f64) < 0.9 * exact { rounded + 8 } else { rounded }
}

/// `(255·x − 127) / 128`, then a convolution that halves the resolution.
pub fn stem(g: &mut NetworkGraph, image: Id) -> Id {
    let x = normalised(g, image, [255. / 128.; 3], [-127. / 128.; 3]);
    let x = conv(g, "_conv_stem", x, 32, [3, 2, 1]);
    let x = norm(g, "_bn0", x);
    relu6(g, x)
}

pub fn block(g: &mut NetworkGraph, block: &Block, x: Id) -> Id {
    let (name, input) = (&block.name, channels(g, x));
    let inner = input * block.expand;
    let mut y = x;
    if block.expand != 1 {
        y = conv(g, &format!("{name}._expand_conv"), y, inner, [1, 1, 1]);
        y = norm(g, &format!("{name}._bn0"), y);
        y = relu6(g, y);
    }
    y = conv(g, &format!("{name}._depthwise_conv"), y, inner, [block.kernel, block.stride, inner]);
    y = norm(g, &format!("{name}._bn1"), y);
    y = relu6(g, y);
    y = conv(g, &format!("{name}._project_conv"), y, block.out, [1, 1, 1]);
    y = norm(g, &format!("{name}._bn2"), y);
    if block.stride == 1 && input == block.out { g.push(Op::Add, &[y, x]) } else { y }
}

pub fn head(g: &mut NetworkGraph, x: Id) -> Id {
    let x = conv(g, "_conv_head", x, 1280, [1, 1, 1]);
    let x = norm(g, "_bn1", x);
    relu6(g, x)
}

/// A convolution padded as TensorFlow's "same"; `[kernel, stride, groups]`.
///
/// At stride 2 the padding depends on the parity of the sides. Only even sides are recorded, for which the larger half of
/// the padding comes last.
fn conv(g: &mut NetworkGraph, name: &str, x: Id, out: usize, [kernel, stride, groups]: [usize; 3]) -> Id {
    let sides = g.shape(x).get(2..).unwrap_or_default().to_vec();
    if let Some(odd) = sides.iter().find(|side| !side.is_multiple_of(stride)) {
        let message =
            format!("cannot halve a side of {odd}; EfficientNet-Lite wants pictures of multiples of 32");
        return g.reject(name, message);
    }
    let total = kernel - stride;
    let (before, after) = (total / 2, total - total / 2);
    let pads = if kernel == 1 { [0; 4] } else { [before, before, after, after] };
    bare_conv(g, name, x, out, kernel, Op::Conv { stride, pads, groups })
}

fn norm(g: &mut NetworkGraph, name: &str, x: Id) -> Id {
    batch_norm(g, name, x, 1e-3, 0.01)
}

fn relu6(g: &mut NetworkGraph, x: Id) -> Id {
    g.push(Op::Clip { min: 0., max: 6. }, &[x])
}
