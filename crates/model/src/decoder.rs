//! Stage B: the diffusion decoder from a semantic embedding to VQGAN latents.
//!
//! diffusers calls it `WuerstchenDiffNeXt`, a U-Net of ConvNeXt blocks; names and defaults are those of its checkpoint.

use serde::{Deserialize, Serialize};

use crate::contract::{self, Sizes};
use crate::layer::{
    AttnBlock, ChannelsLast, EPS, ResBlock, attn_block, conv, conv_from, conv_transpose, halves, linear_from,
    res_block, timestep_block, xavier,
};
use crate::record::{Id, Init, NetworkGraph, Op, RecordError};

/// Sizes of the network, as in diffusers' `config.json`; the default is the published model.
///
/// The lists have one entry for each level, the largest resolution first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecoderConfig {
    /// Channels of the noisy latents.
    pub c_in: usize,
    /// Channels of the predicted noise; equal to `c_in`.
    pub c_out: usize,
    /// Features of the time embedding; at least 4.
    pub c_r: usize,
    /// Side of the latent blocks that become channels before the first level.
    pub patch_size: usize,
    /// Features of the conditions inside the network.
    pub c_cond: usize,
    /// Channels of each level.
    pub c_hidden: Vec<usize>,
    /// Attention heads of each level; −1 for no attention.
    pub nhead: Vec<i64>,
    /// Number of blocks in each level, both on the way down and up.
    pub blocks: Vec<usize>,
    /// Blocks of each level in order: `C` residual convolution, `T` time, `A` attention.
    pub level_config: Vec<String>,
    /// Whether a level reads the semantic embedding.
    pub inject_effnet: Vec<bool>,
    /// Channels of the semantic embedding.
    pub effnet_embd: usize,
    /// Features of the text states.
    pub clip_embd: usize,
    /// Side of the depthwise kernels; odd.
    pub kernel_size: usize,
    /// Share of hidden units zeroed while training.
    pub dropout: Dropout,
}

/// One setting for the whole network, or one for each level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PerLevel<T> {
    /// One setting for all levels.
    All(T),
    /// By level.
    Levels(Vec<T>),
}

/// Dropout rates, in 0..1.
pub type Dropout = PerLevel<f32>;

impl<T: Copy + Default> PerLevel<T> {
    /// Number of entries, if there is one for each level.
    pub(crate) fn levels(&self) -> Option<usize> {
        match self {
            PerLevel::All(_) => None,
            PerLevel::Levels(all) => Some(all.len()),
        }
    }

    /// The setting of a level.
    pub(crate) fn at(&self, level: usize) -> T {
        match self {
            PerLevel::All(one) => *one,
            PerLevel::Levels(all) => all.get(level).copied().unwrap_or_default(),
        }
    }
}

/// Checks that lists have one entry for each of the `levels` in the list `of`.
pub(crate) fn one_per_level(of: &str, levels: usize, lists: &[(&str, usize)]) -> Result<(), String> {
    match lists.iter().find(|(_, len)| *len != levels) {
        Some((name, len)) => {
            Err(format!("{name} has {len} entries, {of} has {levels}; one for each level is expected"))
        }
        None => Ok(()),
    }
}

impl Default for DecoderConfig {
    fn default() -> DecoderConfig {
        DecoderConfig {
            c_in: 4,
            c_out: 4,
            c_r: 64,
            patch_size: 2,
            c_cond: 1024,
            c_hidden: vec![320, 640, 1280, 1280],
            nhead: vec![-1, 10, 20, 20],
            blocks: vec![4, 4, 14, 4],
            level_config: ["CT", "CTA", "CTA", "CTA"].map(String::from).to_vec(),
            inject_effnet: vec![false, true, true, true],
            effnet_embd: 16,
            clip_embd: 1024,
            kernel_size: 3,
            dropout: Dropout::All(0.1),
        }
    }
}

impl DecoderConfig {
    /// Height and width of the latents must be multiples of this: 16 in the published model.
    pub fn stride(&self) -> usize {
        self.patch_size << (self.c_hidden.len().clamp(1, 16) - 1)
    }

    /// Number of convolutions, time and attention blocks on the way down, and as many on the way up.
    pub(crate) fn parts(&self) -> usize {
        let levels = self.blocks.iter().zip(&self.level_config);
        levels.map(|(n, kinds)| n.saturating_mul(kinds.len())).fold(0, usize::saturating_add)
    }

    /// The problem of the sizes, if any.
    fn check(&self) -> Result<(), String> {
        let levels = self.c_hidden.len();
        let lists = [
            ("nhead", self.nhead.len()),
            ("blocks", self.blocks.len()),
            ("level_config", self.level_config.len()),
            ("inject_effnet", self.inject_effnet.len()),
        ];
        one_per_level("c_hidden", levels, &lists)?;
        if levels > 16 {
            return Err(format!("{levels} levels; at most 16 are possible"));
        }
        if levels == 0 || self.c_hidden.contains(&0) || self.patch_size == 0 {
            return Err("there must be a level, and no channels or patch of 0".into());
        }
        if self.c_in != self.c_out || self.c_r < 4 || self.kernel_size.is_multiple_of(2) {
            return Err("c_in must equal c_out, c_r be at least 4, kernel_size be odd".into());
        }
        for (level, kinds) in self.level_config.iter().enumerate() {
            if let Some(kind) = kinds.chars().find(|kind| !"CTA".contains(*kind)) {
                return Err(format!("level_config {kinds:?}: no block {kind:?}; C, T and A are known"));
            }
            if kinds.contains('A') && self.nhead[level] < 1 {
                return Err(format!("level {level} has attention, but {} heads", self.nhead[level]));
            }
        }
        Ok(())
    }
}

/// Inputs to the blocks of every level.
struct Conditions<'a> {
    config: &'a DecoderConfig,
    time: Id,
    text: Id,
    embedding: Id,
}

/// Predicted noise `[b,4,H,W]` in noisy `latents` `[b,4,H,W]`, given the time embedding `time` `[b,c_r]`, the semantic
/// `embedding` `[b,16,h,w]` and `text` `[b,l,clip_embd]`.
pub fn noise(
    g: &mut NetworkGraph,
    config: &DecoderConfig,
    latents: Id,
    time: Id,
    embedding: Id,
    text: Id,
) -> Id {
    if let Err(message) = config.check() {
        return g.reject("decoder", message);
    }
    let text = linear_from(g, "clip_mapper", text, config.c_cond, Init::Normal(0.02));
    let text = g.push(Op::LayerNorm { eps: EPS }, &[text]);
    let conditions = Conditions { config, time, text, embedding };

    let x = g.push(Op::SpaceToDepth(config.patch_size), &[latents]);
    let (inner, first) = (config.c_in * config.patch_size.pow(2), config.c_hidden[0]);
    let Init::Uniform(bound) = xavier(inner, first) else { return x };
    let x = conv_from(g, "embedding.1", x, first, [1, 1, 0], Init::Uniform(0.02 * bound));
    let x = ChannelsLast::of(g, x).norm(g);

    let (levels, x) = conditions.down(g, x);
    let x = conditions.up(g, levels, x);

    let x = x.norm(g).image(g);
    // At the start a = 0 and b = 1/2, so that the prediction is twice the latents.
    let out = 2 * config.c_out * config.patch_size.pow(2);
    let x = conv_from(g, "clf.1", x, out, [1, 1, 0], Init::Constant(0.));
    let x = g.push(Op::DepthToSpace(config.patch_size), &[x]);
    let (a, b) = halves(g, x, 1);

    // Keeps b away from 0 and 1: σ(b)·(1 − 2ε) + ε with ε = 1e-3.
    let (slope, floor) = (g.scalar(1. - 2e-3), g.scalar(1e-3));
    let b = g.push(Op::Sigmoid, &[b]);
    let b = g.push(Op::Mul, &[b, slope]);
    let b = g.push(Op::Add, &[b, floor]);
    let difference = g.push(Op::Sub, &[latents, a]);
    g.push(Op::Div, &[difference, b])
}

impl Conditions<'_> {
    /// Each level's result, the largest resolution first, and the last of them again.
    fn down(&self, g: &mut NetworkGraph, mut x: ChannelsLast) -> (Vec<ChannelsLast>, ChannelsLast) {
        let mut results = Vec::new();
        for level in 0..self.config.c_hidden.len() {
            let path = format!("down_blocks.{level}");
            if level > 0 {
                let wide = x.norm(g).image(g);
                let name = format!("{path}.0.1");
                let narrow = conv(g, &name, wide, self.config.c_hidden[level], [2, 2, 0]);
                x = ChannelsLast::of(g, narrow);
            }
            let embedding = self.injected(g, level, level, x);
            x = self.blocks(g, level, &path, usize::from(level > 0), x, [embedding; 2]);
            results.push(x);
        }
        (results, x)
    }

    /// The upward path, from the lowest resolution to the highest; each level is joined to its result on the way down.
    fn up(&self, g: &mut NetworkGraph, mut results: Vec<ChannelsLast>, mut x: ChannelsLast) -> ChannelsLast {
        let levels = results.len();
        results.pop();
        for level in (0..levels).rev() {
            let at = levels - 1 - level;
            let path = format!("up_blocks.{at}");
            let skip = if at > 0 { results.pop().map(|skip| skip.tokens) } else { None };
            let embedding = self.injected(g, levels + at, level, x);
            let first = match (skip, embedding) {
                (Some(skip), Some(embedding)) => Some(g.push(Op::Concat(2), &[skip, embedding])),
                (skip, embedding) => skip.or(embedding),
            };
            x = self.blocks(g, level, &path, 0, x, [first, embedding]);
            if level > 0 {
                let place = self.config.blocks[level] * self.config.level_config[level].len();
                let name = format!("{path}.{place}.1");
                let narrow = x.norm(g).image(g);
                let wide = conv_transpose(g, &name, narrow, self.config.c_hidden[level - 1], [2, 2, 0]);
                x = ChannelsLast::of(g, wide);
            }
        }
        x
    }

    /// The semantic embedding resampled to the places of `x`, if this level reads it.
    fn injected(&self, g: &mut NetworkGraph, mapper: usize, level: usize, x: ChannelsLast) -> Option<Id> {
        self.config.inject_effnet[level].then(|| {
            let resized = g.push(Op::CubicResize, &[self.embedding, x.like]);
            let name = format!("effnet_mappers.{mapper}");
            let mapped = conv_from(g, &name, resized, self.config.c_cond, [1, 1, 0], Init::Normal(0.02));
            ChannelsLast::of(g, mapped).tokens
        })
    }

    /// The blocks of one level, numbered from `start`; the first additionally reads `joined[0]`, the others `joined[1]`.
    fn blocks(
        &self,
        g: &mut NetworkGraph,
        level: usize,
        path: &str,
        start: usize,
        mut x: ChannelsLast,
        joined: [Option<Id>; 2],
    ) -> ChannelsLast {
        let config = self.config;
        let dropout = config.dropout.at(level);
        let block = ResBlock { kernel: config.kernel_size, dropout, depth: config.blocks.iter().sum() };
        let heads = config.nhead[level].max(1) as usize;
        let attention = AttnBlock { heads, self_attn: true, dropout };
        let kinds = config.level_config[level].repeat(config.blocks[level]);
        for (i, kind) in kinds.chars().enumerate() {
            let name = format!("{path}.{}", start + i);
            x = match kind {
                'C' => res_block(g, &name, x, joined[i.min(1)], block),
                'T' => timestep_block(g, &name, x, self.time),
                _ => attn_block(g, &name, x, self.text, attention),
            };
        }
        x
    }
}

/// The contract `decoder`: `latents`, `time_embedding`, `embedding`, `text` to `noise`.
pub fn graph(config: &DecoderConfig, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let latents = contract::picture(&mut g, "latents", sizes, config.c_in);
    let time = contract::time_embedding(&mut g, sizes, config.c_r);
    let embedding = contract::embedding(&mut g, sizes, config.effnet_embd);
    let text = contract::text(&mut g, sizes, config.clip_embd);
    let noise = noise(&mut g, config, latents, time, embedding, text);
    g.output("noise", noise);
    g.finish()
}
