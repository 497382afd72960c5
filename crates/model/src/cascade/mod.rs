//! Stable Cascade's denoisers: one U-Net of ConvNeXt blocks, which is stage C or stage B depending on its configuration.
//!
//! diffusers calls it `StableCascadeUNet`; names are those of its checkpoint.

mod config;

pub use config::{BlockType, CascadeConfig, SelfAttention};

use crate::contract::{self, Sizes};
use crate::layer::{
    AttnBlock, ChannelsLast, EPS, ResBlock, attn_block, conv, conv_from, conv_transpose, linear_from,
    res_block, timestep_block_with, xavier,
};
use crate::record::{Extent, Id, Init, NetworkGraph, Op, RecordError};

/// Inputs of the network: latents, time, and conditions.
#[derive(Debug, Clone, Copy)]
pub struct Inputs {
    /// Noisy latents `[b,in_channels,h,w]`.
    pub latents: Id,
    /// Embeddings of the time and of each further condition, concatenated: `[b,c_r·n]`.
    pub time: Id,
    /// Pooled text `[b,1,p]`.
    pub pooled: Id,
    /// Text states `[b,l,t]` and CLIP embeddings of pictures `[b,n,i]`; only stage C has them.
    pub text_and_image: Option<(Id, Id)>,
    /// The semantic embedding `[b,c,h,w]`, of any size; only stage B has one.
    pub embedding: Option<Id>,
}

/// Predicted noise `[b,out_channels,h,w]`.
pub fn noise(g: &mut NetworkGraph, config: &CascadeConfig, inputs: Inputs) -> Id {
    if let Err(message) = config.check() {
        return g.reject("cascade", message);
    }
    let network =
        Network { config, times: times(g, config, inputs.time), condition: condition(g, config, inputs) };
    let x = stem(g, config, inputs);
    let results = network.down(g, x);
    let x = network.up(g, results);
    let x = x.norm(g).image(g);
    // Initially predicts no noise.
    let out = config.out_channels * config.patch_size.pow(2);
    let x = conv_from(g, "clf.1", x, out, [1, 1, 0], Init::Constant(0.));
    g.push(Op::DepthToSpace(config.patch_size), &[x])
}

/// The embeddings of the time and of each condition in the row, with the suffix of their layers' names.
fn times(g: &mut NetworkGraph, config: &CascadeConfig, row: Id) -> Vec<(String, Id)> {
    let length = config.timestep_ratio_embedding_dim;
    let own = config.timestep_conditioning_type.iter().map(|condition| format!("mapper_{condition}"));
    let names = [String::from("mapper")].into_iter().chain(own).enumerate();
    let part = |(at, name)| {
        (name, g.push(Op::Slice { axis: 1, start: at * length, end: (at + 1) * length }, &[row]))
    };
    names.map(part).collect()
}

/// The tokens that blocks attend to: text, pooled text and pictures, or the pooled text alone.
fn condition(g: &mut NetworkGraph, config: &CascadeConfig, inputs: Inputs) -> Id {
    let narrow = Init::Normal(0.02);
    // Several tokens from each pooled text and each picture.
    let parted = |g: &mut NetworkGraph, name: &str, x| {
        let x = linear_from(g, name, x, config.conditioning_dim * config.clip_seq, narrow);
        g.push(Op::Reshape(vec![Extent::Keep, Extent::Infer, Extent::Fixed(config.conditioning_dim)]), &[x])
    };
    let pooled = parted(g, "clip_txt_pooled_mapper", inputs.pooled);
    let tokens = match inputs.text_and_image {
        Some((text, image)) => {
            let text = linear_from(g, "clip_txt_mapper", text, config.conditioning_dim, narrow);
            let image = parted(g, "clip_img_mapper", image);
            g.push(Op::Concat(1), &[text, pooled, image])
        }
        None => pooled,
    };
    g.push(Op::LayerNorm { eps: EPS }, &[tokens])
}

/// Input of the first level: the latents, with stage B's conditions.
fn stem(g: &mut NetworkGraph, config: &CascadeConfig, inputs: Inputs) -> ChannelsLast {
    let x = g.push(Op::SpaceToDepth(config.patch_size), &[inputs.latents]);
    let (inner, first) = (config.in_channels * config.patch_size.pow(2), config.block_out_channels[0]);
    let narrow = match xavier(inner, first) {
        Init::Uniform(bound) => Init::Uniform(0.02 * bound),
        other => other,
    };
    let x = conv_from(g, "embedding.1", x, first, [1, 1, 0], narrow);
    let mut x = ChannelsLast::of(g, x).norm(g);
    if let Some(embedding) = inputs.embedding {
        let resized = g.push(Op::LinearResize, &[embedding, x.like]);
        let mapped = mapper(g, "effnet_mapper", resized, first);
        x = x.add(g, mapped.tokens);
    }
    if let Some(colours) = config.pixel_mapper_in_channels {
        let black = black(g, "pixels_mapper", colours, first);
        x = x.add(g, black);
    }
    x
}

/// Two channel-wise layers with a norm.
fn mapper(g: &mut NetworkGraph, name: &str, x: Id, out: usize) -> ChannelsLast {
    let narrow = Init::Normal(0.02);
    let x = conv_from(g, &format!("{name}.0"), x, 4 * out, [1, 1, 0], narrow);
    let x = g.push(Op::Gelu, &[x]);
    let x = conv_from(g, &format!("{name}.2"), x, out, [1, 1, 0], narrow);
    ChannelsLast::of(g, x).norm(g)
}

/// [`mapper`] for absent pixels, which count as black: only its biases matter, so it gives one number per channel,
/// `[1,1,out]`, for all places. Recorded as products, since hosts compute no convolution while they load a model.
fn black(g: &mut NetworkGraph, name: &str, colours: usize, out: usize) -> Id {
    let mut x = g.constant(&[1, 1, colours], vec![0.; colours]);
    for (layer, [wide, inner]) in [(0, [4 * out, colours]), (2, [out, 4 * out])] {
        let weight = g.param(&format!("{name}.{layer}.weight"), &[wide, inner, 1, 1], Init::Normal(0.02));
        let bias = g.param(&format!("{name}.{layer}.bias"), &[wide], Init::Constant(0.));
        let weight = g.push(Op::Reshape(vec![Extent::Fixed(wide), Extent::Fixed(inner)]), &[weight]);
        x = g.push(Op::Linear, &[x, weight, bias]);
        if layer == 0 {
            x = g.push(Op::Gelu, &[x]);
        }
    }
    g.push(Op::LayerNorm { eps: EPS }, &[x])
}

/// Inputs of the blocks of every level.
struct Network<'a> {
    config: &'a CascadeConfig,
    times: Vec<(String, Id)>,
    condition: Id,
}

/// One pass through a level.
struct Level<'a> {
    level: usize,
    /// `down_blocks.0`, `up_blocks.0` and so on.
    blocks: String,
    mappers: String,
    layers: usize,
    repeats: usize,
    /// Additional input to the first block of each repeat.
    skip: Option<&'a ChannelsLast>,
}

impl Network<'_> {
    /// Each level's result, the largest resolution first.
    fn down(&self, g: &mut NetworkGraph, mut x: ChannelsLast) -> Vec<ChannelsLast> {
        let config = self.config;
        let mut results = Vec::new();
        for level in 0..config.block_out_channels.len() {
            if level > 0 {
                x = self.downscale(g, level, x);
            }
            let way = Level {
                level,
                blocks: format!("down_blocks.{level}"),
                mappers: format!("down_repeat_mappers.{level}"),
                layers: config.down_num_layers_per_block[level],
                repeats: config.down_blocks_repeat_mappers[level],
                skip: None,
            };
            x = self.level(g, &way, x);
            results.push(x);
        }
        results
    }

    /// From the lowest resolution back to the largest, each level joined to what the way down had there.
    fn up(&self, g: &mut NetworkGraph, mut results: Vec<ChannelsLast>) -> ChannelsLast {
        let config = self.config;
        let levels = results.len();
        let Some(mut x) = results.pop() else { unreachable!("there is a level") };
        for at in 0..levels {
            let level = levels - 1 - at;
            let joins = config.block_types_per_layer[level].first() == Some(&BlockType::Res)
                && config.up_num_layers_per_block[at] > 0;
            let skip = if at > 0 { results.pop().filter(|_| joins) } else { None };
            if let Some(skip) = skip.filter(|_| self.resizes(level + 1)) {
                let resized = x.image(g);
                let resized = g.push(Op::LinearResize, &[resized, skip.like]);
                x = ChannelsLast { like: skip.like, ..ChannelsLast::of(g, resized) };
            }
            let way = Level {
                level,
                blocks: format!("up_blocks.{at}"),
                mappers: format!("up_repeat_mappers.{at}"),
                layers: config.up_num_layers_per_block[at],
                repeats: config.up_blocks_repeat_mappers[at],
                skip: skip.as_ref(),
            };
            x = self.level(g, &way, x);
            if level > 0 {
                x = self.upscale(g, at, level, x);
            }
        }
        x
    }

    /// Whether a level after the first has another resolution than the previous one.
    fn resizes(&self, level: usize) -> bool {
        self.config.switch_level.as_ref().is_none_or(|switched| switched[level - 1])
    }

    fn downscale(&self, g: &mut NetworkGraph, level: usize, x: ChannelsLast) -> ChannelsLast {
        let (wide, out) = (x.norm(g).image(g), self.config.block_out_channels[level]);
        let name = format!("down_downscalers.{level}.1");
        if self.config.switch_level.is_none() {
            let narrow = conv(g, &name, wide, out, [2, 2, 0]);
            return ChannelsLast::of(g, narrow);
        }
        let mapped = conv(g, &format!("{name}.blocks.0"), wide, out, [1, 1, 0]);
        let resized = if self.resizes(level) {
            let half = sized_like(g, mapped, |plane, weight| {
                (Op::Conv { stride: 2, pads: [0; 4], groups: 1 }, [plane, weight])
            });
            g.push(Op::LinearResize, &[mapped, half])
        } else {
            mapped
        };
        ChannelsLast::of(g, resized)
    }

    fn upscale(&self, g: &mut NetworkGraph, at: usize, level: usize, x: ChannelsLast) -> ChannelsLast {
        let (narrow, out) = (x.norm(g).image(g), self.config.block_out_channels[level - 1]);
        let name = format!("up_upscalers.{at}.1");
        let wide = match self.config.switch_level {
            None => conv_transpose(g, &name, narrow, out, [2, 2, 0]),
            Some(_) => {
                let resized = if self.resizes(level) {
                    let twice = sized_like(g, narrow, |plane, weight| {
                        (Op::ConvTranspose { stride: 2, pad: 0 }, [plane, weight])
                    });
                    g.push(Op::LinearResize, &[narrow, twice])
                } else {
                    narrow
                };
                conv(g, &format!("{name}.blocks.1"), resized, out, [1, 1, 0])
            }
        };
        ChannelsLast::of(g, wide)
    }

    /// All blocks of a level, including repeats.
    fn level(&self, g: &mut NetworkGraph, way: &Level<'_>, mut x: ChannelsLast) -> ChannelsLast {
        let config = self.config;
        let (level, channels) = (way.level, config.block_out_channels[way.level]);
        let dropout = config.dropout.at(level);
        let block =
            ResBlock { kernel: config.kernel_size, dropout, depth: config.down_num_layers_per_block[0] };
        let heads = usize::try_from(config.num_attention_heads[level]).unwrap_or(0);
        let attention = AttnBlock { heads, self_attn: config.self_attn.at(level), dropout };
        let types = config.block_types_per_layer[level].repeat(way.layers);
        for repeat in 0..way.repeats {
            if repeat > 0 {
                let image = x.image(g);
                let mapped = conv(g, &format!("{}.{}", way.mappers, repeat - 1), image, channels, [1, 1, 0]);
                x = x.with(g.push(Op::ImageToTokens, &[mapped]));
            }
            for (i, kind) in types.iter().enumerate() {
                let name = format!("{}.{i}", way.blocks);
                let skip = way.skip.filter(|_| i == 0).map(|skip| skip.tokens);
                x = match kind {
                    BlockType::Res => res_block(g, &name, x, skip, block),
                    BlockType::Timestep => self.timestep(g, &name, x),
                    BlockType::Attn => attn_block(g, &name, x, self.condition, attention),
                };
            }
        }
        x
    }

    fn timestep(&self, g: &mut NetworkGraph, name: &str, x: ChannelsLast) -> ChannelsLast {
        let mapped: Vec<_> = self.times.iter().map(|(end, r)| (format!("{name}.{end}"), *r)).collect();
        timestep_block_with(g, x, &mapped)
    }
}

/// A plane with the size that an operation with a 2×2 kernel gives an image; only its size is used.
fn sized_like(g: &mut NetworkGraph, image: Id, make: impl FnOnce(Id, Id) -> (Op, [Id; 2])) -> Id {
    let plane = g.push(Op::Slice { axis: 1, start: 0, end: 1 }, &[image]);
    let weight = g.constant(&[1, 1, 2, 2], vec![1.; 4]);
    let (op, args) = make(plane, weight);
    g.push(op, &args)
}

/// The contract `prior` or `decoder` of Stable Cascade, depending on the configuration.
pub fn graph(config: &CascadeConfig, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let latents = contract::picture(&mut g, "latents", sizes, config.in_channels);
    let row = config.timestep_ratio_embedding_dim.saturating_mul(config.time_embeddings());
    let time = contract::time_embedding(&mut g, sizes, row);
    let embedding = config.effnet_in_channels.map(|channels| contract::embedding(&mut g, sizes, channels));
    let text_and_image = config
        .clip_text_in_channels
        .zip(config.clip_image_in_channels)
        .map(|(text, image)| (contract::text(&mut g, sizes, text), contract::images(&mut g, sizes, image)));
    let pooled = contract::pooled(&mut g, sizes, config.clip_text_pooled_in_channels);
    let noise = noise(&mut g, config, Inputs { latents, time, pooled, text_and_image, embedding });
    g.output("noise", noise);
    g.finish()
}
