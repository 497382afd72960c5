//! Stage A: the VQGAN between pictures and latents at a quarter of their size.
//!
//! diffusers calls it `PaellaVQModel`; names and defaults are those of its checkpoint.

use serde::{Deserialize, Serialize};

use crate::contract::{self, Sizes};
use crate::layer::{
    ChannelsLast, EPS, batch_norm, conv, conv_transpose, depthwise_times, features, linear, linear_times,
    xavier,
};
use crate::record::{Id, Init, NetworkGraph, Op, RecordError};

/// Sizes of the network, as in diffusers' `config.json`; the default is the published model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VqganConfig {
    /// Channels of the picture to encode.
    pub in_channels: usize,
    /// Channels of the decoded picture.
    pub out_channels: usize,
    /// Side of the pixel blocks that become channels before the first level.
    pub up_down_scale_factor: usize,
    /// Resolutions; each after the first halves height and width.
    pub levels: usize,
    /// Residual blocks of the decoder's lowest resolution.
    pub bottleneck_blocks: usize,
    /// Channels at the lowest resolution; each level above has half.
    pub embed_dim: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Entries of the codebook.
    pub num_vq_embeddings: usize,
    /// Factor of the decoder's latents before [`decode`]; [`encode`] returns latents multiplied by its inverse.
    pub scale_factor: f32,
}

impl Default for VqganConfig {
    fn default() -> VqganConfig {
        VqganConfig {
            in_channels: 3,
            out_channels: 3,
            up_down_scale_factor: 2,
            levels: 2,
            bottleneck_blocks: 12,
            embed_dim: 384,
            latent_channels: 4,
            num_vq_embeddings: 8192,
            scale_factor: 0.3764,
        }
    }
}

impl VqganConfig {
    /// Pixels per latent along one axis: 4 in the published model.
    pub fn stride(&self) -> usize {
        self.up_down_scale_factor << (self.levels.clamp(1, 16) - 1)
    }

    /// How many latents around its own a place of a decoded picture depends on, along each axis.
    pub fn decoder_margin(&self) -> usize {
        let levels = self.levels.clamp(1, 16);
        let level = |seen: usize, level: usize| {
            // A transposed convolution of four places reaches two of them further.
            let seen = if level > 0 { (seen + 2).div_ceil(2) } else { seen };
            seen + if level == levels - 1 { self.bottleneck_blocks } else { 1 }
        };
        (0..levels).fold(0, level)
    }

    /// How many latents around its own, each a block of pixels, one of an encoded picture depends on.
    pub fn encoder_margin(&self) -> usize {
        let halvings = self.levels.clamp(1, 16) - 1;
        // A block of layers reads one pixel around each place; a strided convolution of width four reads two.
        let seen = (0..halvings).fold(1, |seen: usize, _| 2 * seen + 3);
        seen.div_ceil(1 << halvings)
    }

    /// Channels of a level, 0 being the largest resolution.
    fn channels(&self, level: usize) -> usize {
        self.embed_dim >> (self.levels - 1 - level)
    }

    /// The problem of the sizes, if any.
    fn check(&self) -> Result<(), String> {
        let sizes = [self.in_channels, self.out_channels, self.up_down_scale_factor, self.latent_channels];
        if sizes.contains(&0) || self.num_vq_embeddings == 0 {
            return Err("channels, scale factor and codebook must not be 0".into());
        }
        if !(1..=16).contains(&self.levels) {
            return Err(format!("levels is {}, not in 1..16", self.levels));
        }
        if self.embed_dim == 0 || !self.embed_dim.is_multiple_of(1 << (self.levels - 1)) {
            return Err(format!("embed_dim {} cannot be halved for {} levels", self.embed_dim, self.levels));
        }
        Ok(())
    }
}

/// Latents `[b,latent_channels,h,w]` of pictures `[b,in_channels,stride·h,stride·w]` in 0..1, before any scaling.
pub fn encode(g: &mut NetworkGraph, config: &VqganConfig, image: Id) -> Id {
    if let Err(message) = config.check() {
        return g.reject("vqgan", message);
    }
    let x = g.push(Op::SpaceToDepth(config.up_down_scale_factor), &[image]);
    let mut x = conv(g, "in_block.1", x, config.channels(0), [1, 1, 0]);
    let mut names = (0..).map(|i| format!("down_blocks.{i}"));
    let mut name = || names.next().unwrap_or_default();
    for level in 0..config.levels {
        if level > 0 {
            x = conv(g, &name(), x, config.channels(level), [4, 2, 1]);
        }
        let places = ChannelsLast::of(g, x);
        x = mix_block(g, &name(), places).image(g);
    }
    let name = name();
    let shape = [config.latent_channels, config.embed_dim, 1, 1];
    let w = g.param(&format!("{name}.0.weight"), &shape, xavier(shape[1], shape[0]));
    let x = g.push(Op::Conv { stride: 1, pads: [0; 4], groups: 1 }, &[x, w]);
    // Brings the latents to mean 0 and variance 1, which stage B's noise schedule assumes.
    batch_norm(g, &format!("{name}.1"), x, 1e-5, 0.1)
}

/// Moves latents to their nearest codebook entries. Returns two forms: with the gradient of `latents` (straight through),
/// and the plain entries, whose gradient reaches the codebook.
///
/// With z the latents, e the entries and sg the stopped gradient, van den Oord et al. (2017) train with ‖sg(z) − e‖² +
/// β·‖z − sg(e)‖², β = 0.25.
pub fn quantise(g: &mut NetworkGraph, config: &VqganConfig, latents: Id) -> (Id, Id) {
    let (entries, features) = (config.num_vq_embeddings, config.latent_channels);
    // Spread like the latents, which come from a batch norm: entries that start close together would fall out of use.
    let codebook = g.param("vquantizer.embedding.weight", &[entries, features], Init::Normal(1.));
    let tokens = g.push(Op::ImageToTokens, &[latents]);

    // ‖z − e‖² without ‖z‖², which is equal for every entry: z·(−2e) + ‖e‖².
    let fixed = g.push(Op::StopGradient, &[codebook]);
    let norm = g.push(Op::ReduceL2(vec![1]), &[fixed]);
    let norm = g.push(Op::Mul, &[norm, norm]);
    let norm = g.push(Op::Reshape(vec![crate::record::Extent::Fixed(entries)]), &[norm]);
    let minus_two = g.scalar(-2.);
    let slope = g.push(Op::Mul, &[fixed, minus_two]);
    let z = g.push(Op::StopGradient, &[tokens]);
    let distance = g.push(Op::Linear, &[z, slope, norm]);
    let nearest = g.push(Op::ArgMin, &[distance]);

    let chosen = g.push(Op::Gather, &[codebook, nearest]);
    let chosen = g.push(Op::TokensToImage, &[chosen, latents]);
    let step = g.push(Op::Sub, &[chosen, latents]);
    let step = g.push(Op::StopGradient, &[step]);
    (g.push(Op::Add, &[latents, step]), chosen)
}

/// Pictures `[b,out_channels,stride·h,stride·w]` from latents `[b,latent_channels,h,w]`; about 0..1, not limited to it.
pub fn decode(g: &mut NetworkGraph, config: &VqganConfig, latents: Id) -> Id {
    if let Err(message) = config.check() {
        return g.reject("vqgan", message);
    }
    let mut x = conv(g, "up_blocks.0.0", latents, config.embed_dim, [1, 1, 0]);
    let mut names = (1..).map(|i| format!("up_blocks.{i}"));
    let mut name = || names.next().unwrap_or_default();
    for level in (0..config.levels).rev() {
        let lowest = level == config.levels - 1;
        let mut places = ChannelsLast::of(g, x);
        for _ in 0..if lowest { config.bottleneck_blocks } else { 1 } {
            places = mix_block(g, &name(), places);
        }
        x = places.image(g);
        if level > 0 {
            x = conv_transpose(g, &name(), x, config.channels(level - 1), [4, 2, 1]);
        }
    }
    let out = config.out_channels * config.up_down_scale_factor.pow(2);
    let x = conv(g, "out_block.0", x, out, [1, 1, 0]);
    g.push(Op::DepthToSpace(config.up_down_scale_factor), &[x])
}

/// The residual block of stage A: depthwise 3×3, then a channel-wise MLP, scaled by six trained numbers.
///
/// They start at zero, so every block starts as the identity. They scale weights and not the picture, which is much larger.
fn mix_block(g: &mut NetworkGraph, name: &str, x: ChannelsLast) -> ChannelsLast {
    let c = features(g, x.tokens);
    let gammas = g.param(&format!("{name}.gammas"), &[6], Init::Constant(0.));
    let gamma = |g: &mut NetworkGraph, i| g.push(Op::Slice { axis: 0, start: i, end: i + 1 }, &[gammas]);
    // The norm times 1 + γ₁, plus γ₂.
    let modulated = |g: &mut NetworkGraph, x: ChannelsLast, first| {
        let (scale, shift, one) = (gamma(g, first), gamma(g, first + 1), g.scalar(1.));
        let scale = g.push(Op::Add, &[scale, one]);
        let ones = g.constant(&[c], vec![1.; c]);
        let affine = [scale, shift].map(|number| g.push(Op::Mul, &[ones, number]));
        x.with(g.push(Op::LayerNorm { eps: EPS }, &[x.tokens, affine[0], affine[1]]))
    };

    let y = modulated(g, x, 0).image(g);
    let y = g.push(Op::ReplicationPad(1), &[y]);
    let weight = gamma(g, 2);
    let y = depthwise_times(g, &format!("{name}.depthwise.1"), y, [3, 0], Some(weight));
    let y = g.push(Op::ImageToTokens, &[y]);
    let x = x.add(g, y);

    let y = modulated(g, x, 3).tokens;
    let y = linear(g, &format!("{name}.channelwise.0"), y, 4 * c);
    let y = g.push(Op::Gelu, &[y]);
    let weight = gamma(g, 5);
    let y = linear_times(g, &format!("{name}.channelwise.2"), y, c, xavier(4 * c, c), Some(weight));
    x.add(g, y)
}

/// The contract `vqgan-encoder`: `image` `[b,3,H,W]` in 0..1 to `latents` before scaling; `sizes` are the picture's.
pub fn encoder_graph(config: &VqganConfig, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let image = contract::picture(&mut g, "image", sizes, config.in_channels);
    let latents = encode(&mut g, config, image);
    g.output("latents", latents);
    g.finish()
}

/// The contract `vqgan-decoder`: `latents`, already multiplied by the scale factor, to `image`, about 0..1; `sizes` are
/// those of the latents.
pub fn decoder_graph(config: &VqganConfig, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let latents = contract::picture(&mut g, "latents", sizes, config.latent_channels);
    let image = decode(&mut g, config, latents);
    g.output("image", image);
    g.finish()
}
