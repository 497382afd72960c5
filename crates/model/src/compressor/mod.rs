//! The semantic compressor: computes from a picture the embedding that the prior generates and the decoder reads.
//!
//! An ImageNet backbone that reduces the resolution by 32, and a 1×1 projection added by training. The backbone can be
//! cut between two blocks, so that training computes the frozen first part once and trains only the rest.

mod lite;
mod v2;

use serde::{Deserialize, Serialize};

use crate::contract::{self, Sizes};
use crate::layer::{batch_norm, channels, plain_batch_norm};
use crate::record::{Id, Init, NetworkGraph, Op, RecordError};

/// Pixels per cell of the embedding along one axis.
pub const STRIDE: usize = 32;

/// The compressor's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backbone {
    /// EfficientNet-Lite0: small, 3.4 M parameters. Picture sides must be multiples of 32.
    EfficientnetLite0,
    /// EfficientNet-Lite1.
    EfficientnetLite1,
    /// EfficientNet-Lite2.
    EfficientnetLite2,
    /// EfficientNet-Lite3.
    EfficientnetLite3,
    /// EfficientNet-Lite4.
    EfficientnetLite4,
    /// EfficientNetV2-S, used to train the published models: 20.2 M parameters.
    EfficientnetV2S,
}

/// Sizes of the compressor; the default is the published one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CompressorConfig {
    /// The network below the projection.
    pub backbone: Backbone,
    /// Channels of the embedding.
    pub channels: usize,
    /// Whether the last batch norm has a scale and a shift, as in Würstchen v2, but not in Stable Cascade.
    #[serde(skip_serializing_if = "is_true")]
    pub affine: bool,
}

fn is_true(flag: &bool) -> bool {
    *flag
}

impl Default for CompressorConfig {
    fn default() -> CompressorConfig {
        CompressorConfig { backbone: Backbone::EfficientnetV2S, channels: 16, affine: true }
    }
}

/// One inverted bottleneck.
struct Block {
    /// Prefix of its parameters.
    name: String,
    /// The inner width is this many times the input's.
    expand: usize,
    /// Side of the spatial kernel.
    kernel: usize,
    stride: usize,
    /// Channels of the result.
    out: usize,
    /// Whether one dense convolution replaces the expanding and the depthwise one.
    fused: bool,
}

impl Backbone {
    /// Number of blocks between stem and head; the network can be cut at 0 to this number.
    pub fn depth(self) -> usize {
        self.blocks().len()
    }

    fn blocks(self) -> Vec<Block> {
        match self {
            Backbone::EfficientnetLite0 => lite::blocks(1.0, 1.0),
            Backbone::EfficientnetLite1 => lite::blocks(1.0, 1.1),
            Backbone::EfficientnetLite2 => lite::blocks(1.1, 1.2),
            Backbone::EfficientnetLite3 => lite::blocks(1.2, 1.4),
            Backbone::EfficientnetLite4 => lite::blocks(1.4, 1.8),
            Backbone::EfficientnetV2S => v2::blocks(),
        }
    }

    fn block(self, g: &mut NetworkGraph, block: &Block, x: Id) -> Id {
        match self {
            Backbone::EfficientnetV2S => v2::block(g, block, x),
            _ => lite::block(g, block, x),
        }
    }
}

/// The first part of a backbone: normalises pictures `[b,3,H,W]` in 0..1, then applies the stem and `count` blocks.
///
/// Frozen in training, so that its result can be computed once per picture.
pub fn first_blocks(g: &mut NetworkGraph, backbone: Backbone, image: Id, count: usize) -> Id {
    if count > backbone.depth() {
        return g.reject("compressor", format!("{count} blocks wanted of {}", backbone.depth()));
    }
    let x = match backbone {
        Backbone::EfficientnetV2S => v2::stem(g, image),
        _ => lite::stem(g, image),
    };
    next_blocks(g, backbone, x, 0..count)
}

/// Further blocks of a backbone, by index, applied to the result of the previous block. Indices beyond the last block are
/// ignored.
pub fn next_blocks(g: &mut NetworkGraph, backbone: Backbone, x: Id, range: std::ops::Range<usize>) -> Id {
    let mut x = x;
    for block in backbone.blocks().iter().take(range.end).skip(range.start) {
        x = backbone.block(g, block, x);
    }
    x
}

/// The rest of a backbone after its `first` blocks: the other blocks and the head, `[b,1280,H/32,W/32]`.
pub fn last_blocks(g: &mut NetworkGraph, backbone: Backbone, x: Id, first: usize) -> Id {
    if first > backbone.depth() {
        return g.reject("compressor", format!("{first} blocks left out of {}", backbone.depth()));
    }
    let x = next_blocks(g, backbone, x, first..backbone.depth());
    match backbone {
        Backbone::EfficientnetV2S => v2::head(g, x),
        _ => lite::head(g, x),
    }
}

/// The trained part of a compressor whose first blocks are frozen: [`last_blocks`] and the projection to
/// `[b,channels,H/32,W/32]`, which ends in a batch norm with mean 0 and variance 1.
pub fn tail(g: &mut NetworkGraph, config: &CompressorConfig, x: Id, first: usize) -> Id {
    let x = last_blocks(g, config.backbone, x, first);
    let shape = [config.channels, channels(g, x), 1, 1];
    let w = g.param("mapper.0.weight", &shape, Init::Uniform(1. / (shape[1] as f32).sqrt()));
    let x = g.push(Op::Conv { stride: 1, pads: [0; 4], groups: 1 }, &[x, w]);
    if config.affine {
        batch_norm(g, "mapper.1", x, 1e-5, 0.1)
    } else {
        plain_batch_norm(g, "mapper.1", x, 1e-5, 0.1)
    }
}

/// The contract `compressor`: `image` `[b,3,S,T]` in 0..1 to `embedding`; `sizes` are the picture's.
pub fn graph(config: &CompressorConfig, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let image = contract::picture(&mut g, "image", sizes, 3);
    let x = first_blocks(&mut g, config.backbone, image, 0);
    let embedding = tail(&mut g, config, x, 0);
    g.output("embedding", embedding);
    g.finish()
}

/// The frozen part only: `image` `[b,3,S,T]` in 0..1 to `features` after `count` blocks; `sizes` are those of the picture.
pub fn frozen_graph(backbone: Backbone, count: usize, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let image = contract::picture(&mut g, "image", sizes, 3);
    let features = first_blocks(&mut g, backbone, image, count);
    g.output("features", features);
    g.finish()
}

/// Scales and shifts the three colours.
fn normalised(g: &mut NetworkGraph, image: Id, scale: [f32; 3], shift: [f32; 3]) -> Id {
    let scale = g.constant(&[1, 3, 1, 1], scale.to_vec());
    let shift = g.constant(&[1, 3, 1, 1], shift.to_vec());
    let x = g.push(Op::Mul, &[image, scale]);
    g.push(Op::Add, &[x, shift])
}

/// A convolution without bias; its initial values keep the variance of gradients (He et al., 2015).
fn bare_conv(g: &mut NetworkGraph, name: &str, x: Id, out: usize, kernel: usize, op: Op) -> Id {
    let Op::Conv { groups, .. } = op else { return x };
    let shape = [out, channels(g, x) / groups.max(1), kernel, kernel];
    let fan_out = out * kernel * kernel / groups.max(1);
    let w = g.param(&format!("{name}.weight"), &shape, Init::Normal((2. / fan_out as f32).sqrt()));
    g.push(op, &[x, w])
}
