//! The layers that several networks share.
//!
//! Images are `[b,c,h,w]`; `name` is the layer's prefix in the published checkpoints. Initial values are those of
//! Würstchen's authors: Xavier-uniform weights and zero biases, unless a network states otherwise.

use crate::record::{Extent, Id, Init, NetworkGraph, Op};

/// Epsilon of the layer norms and of the global response norm in stages A, B and C.
pub const EPS: f32 = 1e-6;

/// Uniform in ±√(6 / (inputs + outputs)), which keeps the variance of values and gradients (Glorot and Bengio, 2010).
pub fn xavier(inputs: usize, outputs: usize) -> Init {
    Init::Uniform((6. / (inputs + outputs) as f32).sqrt())
}

/// `x·Wᵀ + b` on the last axis, `W` `[out,in]`.
pub fn linear(g: &mut NetworkGraph, name: &str, x: Id, out: usize) -> Id {
    let init = xavier(features(g, x), out);
    linear_from(g, name, x, out, init)
}

/// [`linear`] with initial weights `init`.
pub fn linear_from(g: &mut NetworkGraph, name: &str, x: Id, out: usize, init: Init) -> Id {
    linear_times(g, name, x, out, init, None)
}

/// [`linear_from`] times a learned number `[1]`.
pub fn linear_times(
    g: &mut NetworkGraph,
    name: &str,
    x: Id,
    out: usize,
    init: Init,
    times: Option<Id>,
) -> Id {
    let inner = features(g, x);
    let w = g.param(&format!("{name}.weight"), &[out, inner], init);
    let b = g.param(&format!("{name}.bias"), &[out], Init::Constant(0.));
    let [w, b] = scaled(g, [w, b], times);
    g.push(Op::Linear, &[x, w, b])
}

fn scaled(g: &mut NetworkGraph, params: [Id; 2], times: Option<Id>) -> [Id; 2] {
    times.map_or(params, |times| params.map(|param| g.push(Op::Mul, &[param, times])))
}

/// Extent of the last axis.
pub fn features(g: &NetworkGraph, x: Id) -> usize {
    g.shape(x).last().copied().unwrap_or(1)
}

/// Extent of axis 1 of an image.
pub fn channels(g: &NetworkGraph, x: Id) -> usize {
    g.shape(x).get(1).copied().unwrap_or(1)
}

/// Dense convolution with a square kernel and equal padding on all sides; `[kernel, stride, pad]`.
pub fn conv(g: &mut NetworkGraph, name: &str, x: Id, out: usize, [k, stride, pad]: [usize; 3]) -> Id {
    let init = xavier(channels(g, x) * k * k, out * k * k);
    conv_from(g, name, x, out, [k, stride, pad], init)
}

/// [`conv`] with initial weights `init`.
pub fn conv_from(
    g: &mut NetworkGraph,
    name: &str,
    x: Id,
    out: usize,
    [k, stride, pad]: [usize; 3],
    init: Init,
) -> Id {
    let c = channels(g, x);
    let w = g.param(&format!("{name}.weight"), &[out, c, k, k], init);
    let b = g.param(&format!("{name}.bias"), &[out], Init::Constant(0.));
    g.push(Op::Conv { stride, pads: [pad; 4], groups: 1 }, &[x, w, b])
}

/// Depthwise `kernel`² convolution that keeps the size if `pad` is half the kernel.
pub fn depthwise(g: &mut NetworkGraph, name: &str, x: Id, kernel: usize, pad: usize) -> Id {
    depthwise_times(g, name, x, [kernel, pad], None)
}

/// [`depthwise`] times a learned number `[1]`; `[kernel, pad]`.
pub fn depthwise_times(
    g: &mut NetworkGraph,
    name: &str,
    x: Id,
    [kernel, pad]: [usize; 2],
    times: Option<Id>,
) -> Id {
    let c = channels(g, x);
    // The authors' initialiser counts every channel's output, although each feeds only its own.
    let init = xavier(kernel * kernel, c * kernel * kernel);
    let w = g.param(&format!("{name}.weight"), &[c, 1, kernel, kernel], init);
    let b = g.param(&format!("{name}.bias"), &[c], Init::Constant(0.));
    let [w, b] = scaled(g, [w, b], times);
    g.push(Op::Conv { stride: 1, pads: [pad; 4], groups: c }, &[x, w, b])
}

/// Transposed convolution with a square kernel; `[kernel, stride, pad]`.
///
/// Initial values are PyTorch's, uniform in ±1/√(out·kernel²), as the authors left them.
pub fn conv_transpose(
    g: &mut NetworkGraph,
    name: &str,
    x: Id,
    out: usize,
    [k, stride, pad]: [usize; 3],
) -> Id {
    let c = channels(g, x);
    let init = Init::Uniform(1. / ((out * k * k) as f32).sqrt());
    let w = g.param(&format!("{name}.weight"), &[c, out, k, k], init);
    let b = g.param(&format!("{name}.bias"), &[out], init);
    g.push(Op::ConvTranspose { stride, pad }, &[x, w, b])
}

/// An image in channels-last layout (NHWC), as tokens, for norms and channel-wise layers. Blocks pass it on, and only
/// convolutions transpose it to NCHW.
#[derive(Debug, Clone, Copy)]
pub struct ChannelsLast {
    /// `[b,h·w,c]`.
    pub tokens: Id,
    /// An image `[b,_,h,w]` that supplies height and width.
    pub like: Id,
}

impl ChannelsLast {
    /// The tokens of an image `[b,c,h,w]`.
    pub fn of(g: &mut NetworkGraph, image: Id) -> ChannelsLast {
        ChannelsLast { tokens: g.push(Op::ImageToTokens, &[image]), like: image }
    }

    /// The image `[b,c,h,w]`.
    pub fn image(self, g: &mut NetworkGraph) -> Id {
        g.push(Op::TokensToImage, &[self.tokens, self.like])
    }

    /// Replaces the tokens.
    pub fn with(self, tokens: Id) -> ChannelsLast {
        ChannelsLast { tokens, ..self }
    }

    /// Layer norm over the channels, without scale and bias.
    pub fn norm(self, g: &mut NetworkGraph) -> ChannelsLast {
        self.with(g.push(Op::LayerNorm { eps: EPS }, &[self.tokens]))
    }

    /// Adds tokens to the channels.
    pub fn add(self, g: &mut NetworkGraph, tokens: Id) -> ChannelsLast {
        self.with(g.push(Op::Add, &[self.tokens, tokens]))
    }
}

/// Layer norm over the last axis with scale and bias.
pub fn layer_norm(g: &mut NetworkGraph, name: &str, x: Id, eps: f32) -> Id {
    let c = features(g, x);
    let scale = g.param(&format!("{name}.weight"), &[c], Init::Constant(1.));
    let shift = g.param(&format!("{name}.bias"), &[c], Init::Constant(0.));
    g.push(Op::LayerNorm { eps }, &[x, scale, shift])
}

/// Batch norm over the channels of an image, with running statistics.
pub fn batch_norm(g: &mut NetworkGraph, name: &str, x: Id, eps: f32, momentum: f32) -> Id {
    let c = channels(g, x);
    let scale = g.param(&format!("{name}.weight"), &[c], Init::Constant(1.));
    let shift = g.param(&format!("{name}.bias"), &[c], Init::Constant(0.));
    running_norm(g, name, [x, scale, shift], eps, momentum)
}

/// [`batch_norm`] without scale and shift.
pub fn plain_batch_norm(g: &mut NetworkGraph, name: &str, x: Id, eps: f32, momentum: f32) -> Id {
    let c = channels(g, x);
    let (scale, shift) = (g.constant(&[c], vec![1.; c]), g.constant(&[c], vec![0.; c]));
    running_norm(g, name, [x, scale, shift], eps, momentum)
}

/// A batch norm of image, scale and shift, with running statistics.
fn running_norm(g: &mut NetworkGraph, name: &str, args: [Id; 3], eps: f32, momentum: f32) -> Id {
    let [x, scale, shift] = args;
    let c = channels(g, x);
    let mean = g.buffer(&format!("{name}.running_mean"), &[c], Init::Constant(0.));
    let var = g.buffer(&format!("{name}.running_var"), &[c], Init::Constant(1.));
    g.push(Op::BatchNorm { eps, momentum }, &[x, scale, shift, mean, var])
}

/// x · σ(x).
pub fn silu(g: &mut NetworkGraph, x: Id) -> Id {
    let s = g.push(Op::Sigmoid, &[x]);
    g.push(Op::Mul, &[x, s])
}

/// Global response norm of `[b,n,c]` (ConvNeXt V2): channels compete by their energy over the picture.
fn response_norm(g: &mut NetworkGraph, name: &str, x: Id) -> Id {
    let c = features(g, x);
    let vector = |g: &mut NetworkGraph, part| {
        let vector = g.param(&format!("{name}.{part}"), &[1, 1, 1, c], Init::Constant(0.));
        g.push(Op::Reshape(vec![Extent::Fixed(c)]), &[vector])
    };
    let (gamma, beta) = (vector(g, "gamma"), vector(g, "beta"));
    let energy = g.push(Op::ReduceL2(vec![1]), &[x]);
    let mean = g.push(Op::ReduceMean(vec![2]), &[energy]);
    let eps = g.scalar(EPS);
    let mean = g.push(Op::Add, &[mean, eps]);
    let share = g.push(Op::Div, &[energy, mean]);
    // x·share·γ + β + x in two passes over x instead of four: the factor has one element a channel.
    let factor = g.push(Op::Mul, &[share, gamma]);
    let one = g.scalar(1.);
    let factor = g.push(Op::Add, &[factor, one]);
    let scaled = g.push(Op::Mul, &[x, factor]);
    g.push(Op::Add, &[scaled, beta])
}

/// Properties shared by the residual blocks of one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResBlock {
    /// Side of the depthwise kernel; odd.
    pub kernel: usize,
    /// Share of the hidden units zeroed while training.
    pub dropout: f32,
    /// Number of residual blocks in the network. The initial weights of each block's last layer are divided by √depth, so
    /// that their sum does not grow with their number.
    pub depth: usize,
}

/// The residual block of stages B and C: depthwise convolution, norm, and a channel-wise MLP with response norm.
///
/// In stage B, `skip` `[b,h·w,s]` is joined to the MLP's input.
pub fn res_block(
    g: &mut NetworkGraph,
    name: &str,
    x: ChannelsLast,
    skip: Option<Id>,
    block: ResBlock,
) -> ChannelsLast {
    let c = features(g, x.tokens);
    let y = x.image(g);
    let y = depthwise(g, &format!("{name}.depthwise"), y, block.kernel, block.kernel / 2);
    let y = ChannelsLast::of(g, y).norm(g).tokens;
    let y = match skip {
        Some(skip) => g.push(Op::Concat(2), &[y, skip]),
        None => y,
    };
    let y = linear(g, &format!("{name}.channelwise.0"), y, 4 * c);
    let y = g.push(Op::Gelu, &[y]);
    let y = response_norm(g, &format!("{name}.channelwise.2"), y);
    let y = g.push(Op::Dropout(block.dropout), &[y]);
    let bound = (6. / (5 * c) as f32).sqrt() / (block.depth.max(1) as f32).sqrt();
    let y = linear_from(g, &format!("{name}.channelwise.4"), y, c, Init::Uniform(bound));
    x.add(g, y)
}

/// Scales and shifts the channels by a linear function of the time embedding `[b,c_r]`.
pub fn timestep_block(g: &mut NetworkGraph, name: &str, x: ChannelsLast, r: Id) -> ChannelsLast {
    timestep_block_with(g, x, &[(format!("{name}.mapper"), r)])
}

/// [`timestep_block`] for several embeddings `[b,c_r]`, each with the name of its own layer; scales and shifts are added.
pub fn timestep_block_with(g: &mut NetworkGraph, x: ChannelsLast, mapped: &[(String, Id)]) -> ChannelsLast {
    let c = features(g, x.tokens);
    let mut sum: Option<Id> = None;
    for (name, r) in mapped {
        // Starts as the identity, as the authors' modules.py.
        let ab = linear_from(g, name, *r, 2 * c, Init::Constant(0.));
        sum = Some(sum.map_or(ab, |sum| g.push(Op::Add, &[sum, ab])));
    }
    let Some(ab) = sum else { return x };
    let ab = g.push(Op::Reshape(vec![Extent::Keep, Extent::Fixed(1), Extent::Fixed(2 * c)]), &[ab]);
    let (a, b) = halves(g, ab, 2);
    let one = g.scalar(1.);
    let a = g.push(Op::Add, &[a, one]);
    let scaled = g.push(Op::Mul, &[x.tokens, a]);
    x.with(scaled).add(g, b)
}

/// Properties shared by the attention blocks of one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttnBlock {
    /// Number of attention heads, a divisor of the number of channels.
    pub heads: usize,
    /// Whether the picture attends to itself in addition to the condition.
    pub self_attn: bool,
    /// Fraction of the result that is set to zero in training.
    pub dropout: f32,
}

/// Attention from the picture to itself and to the condition `[b,l,c_cond]`.
pub fn attn_block(
    g: &mut NetworkGraph,
    name: &str,
    x: ChannelsLast,
    cond: Id,
    block: AttnBlock,
) -> ChannelsLast {
    let c = features(g, x.tokens);
    let kv = silu(g, cond);
    let mut kv = linear(g, &format!("{name}.kv_mapper.1"), kv, c);
    let tokens = x.norm(g).tokens;
    if block.self_attn {
        kv = g.push(Op::Concat(1), &[tokens, kv]);
    }
    let q = linear(g, &format!("{name}.attention.to_q"), tokens, c);
    let k = linear(g, &format!("{name}.attention.to_k"), kv, c);
    let v = linear(g, &format!("{name}.attention.to_v"), kv, c);
    let y = g.push(Op::Attention { heads: block.heads, causal: false }, &[q, k, v]);
    let y = linear(g, &format!("{name}.attention.to_out.0"), y, c);
    let y = g.push(Op::Dropout(block.dropout), &[y]);
    x.add(g, y)
}

/// The two halves of an axis.
pub fn halves(g: &mut NetworkGraph, x: Id, axis: usize) -> (Id, Id) {
    let n = g.shape(x).get(axis).copied().unwrap_or(0);
    let first = g.push(Op::Slice { axis, start: 0, end: n / 2 }, &[x]);
    (first, g.push(Op::Slice { axis, start: n / 2, end: n }, &[x]))
}
