//! CLIP's vision tower: computes one vector from a picture, which Stable Cascade's prior varies.
//!
//! transformers calls it `CLIPVisionModelWithProjection`; names are those of its checkpoint without `vision_model.`.

use serde::{Deserialize, Serialize};

use crate::contract::{self, Sizes};
use crate::record::{Extent, Id, Init, NetworkGraph, Op, RecordError};
use crate::text::{Activation, CLIP_NAMES, Transformer, check, table};

/// Sizes of the network, as in transformers' `config.json`, which leaves out what equals this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VisionConfig {
    /// Features of a state.
    pub hidden_size: usize,
    /// Features inside the MLP.
    pub intermediate_size: usize,
    /// Features of the result.
    pub projection_dim: usize,
    /// Transformer layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Colours.
    pub num_channels: usize,
    /// Side of the pictures in pixels.
    pub image_size: usize,
    /// Side of the patches that become tokens, in pixels.
    pub patch_size: usize,
    /// The MLP's activation.
    pub hidden_act: Activation,
    /// Added to variances.
    pub layer_norm_eps: f32,
}

impl Default for VisionConfig {
    fn default() -> VisionConfig {
        VisionConfig {
            hidden_size: 768,
            intermediate_size: 3072,
            projection_dim: 512,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }
}

impl VisionConfig {
    /// CLIP ViT-L/14, used by the published prior.
    pub fn l() -> VisionConfig {
        VisionConfig {
            hidden_size: 1024,
            intermediate_size: 4096,
            projection_dim: 768,
            num_hidden_layers: 24,
            num_attention_heads: 16,
            patch_size: 14,
            ..VisionConfig::default()
        }
    }

    /// Problem of the sizes, if any.
    fn check(&self) -> Result<(), String> {
        check(self.hidden_size, self.num_attention_heads)?;
        if self.patch_size == 0 || self.patch_size > self.image_size || self.projection_dim == 0 {
            let (patch, image) = (self.patch_size, self.image_size);
            return Err(format!(
                "patch_size {patch} and image_size {image} make no patches, or projection_dim is 0"
            ));
        }
        Ok(())
    }
}

/// The embedding `[b,projection_dim]` of pictures `[b,num_channels,image_size,image_size]`, normalised as in CLIP's training.
pub fn embeds(g: &mut NetworkGraph, config: &VisionConfig, image: Id) -> Id {
    if let Err(message) = config.check() {
        return g.reject("vision", message);
    }
    let transformer = Transformer {
        heads: config.num_attention_heads,
        inner: config.intermediate_size,
        activation: config.hidden_act,
        causal: false,
        eps: config.layer_norm_eps,
        names: CLIP_NAMES,
    };
    let (width, side) = (config.hidden_size, config.patch_size);
    let patch = [width, config.num_channels, side, side];
    let patch = g.param("embeddings.patch_embedding.weight", &patch, Init::Normal(0.02));
    let patches = g.push(Op::Conv { stride: side, pads: [0; 4], groups: 1 }, &[image, patch]);
    let patches = g.push(Op::ImageToTokens, &[patches]);
    // The class token comes before the patches of every picture.
    let class = g.param("embeddings.class_embedding", &[width], Init::Normal(0.02));
    let first = g.push(Op::Slice { axis: 1, start: 0, end: 1 }, &[patches]);
    let zero = g.scalar(0.);
    let first = g.push(Op::Mul, &[first, zero]);
    let first = g.push(Op::Add, &[first, class]);
    let x = g.push(Op::Concat(1), &[first, patches]);
    let tokens = (config.image_size / side).pow(2) + 1;
    let positions = table(g, "embeddings.position_embedding", tokens, width);
    let x = g.push(Op::Add, &[x, positions]);
    // The checkpoints have this spelling.
    let mut x = transformer.norm(g, "pre_layrnorm", x);
    for i in 0..config.num_hidden_layers {
        x = transformer.clip_layer(g, &format!("encoder.layers.{i}"), x, None);
    }
    let class = g.push(Op::Slice { axis: 1, start: 0, end: 1 }, &[x]);
    let class = g.push(Op::Reshape(vec![Extent::Keep, Extent::Infer]), &[class]);
    let class = transformer.norm(g, "post_layernorm", class);
    let projection = [config.projection_dim, width];
    let projection = g.param("visual_projection.weight", &projection, Init::Normal(0.02));
    g.push(Op::Linear, &[class, projection])
}

/// The contract `image-encoder`: `image` to `embeds`. Only the batch of `sizes` is used.
pub fn graph(config: &VisionConfig, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let image = contract::square(&mut g, "image", sizes.batch, [config.num_channels, config.image_size]);
    let embeds = embeds(&mut g, config, image);
    g.output("embeds", embeds);
    g.finish()
}
