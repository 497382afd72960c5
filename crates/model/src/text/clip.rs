//! CLIP's text encoder: a causal transformer with norms before each part.

use serde::{Deserialize, Serialize};

use super::{Activation, CLIP_NAMES, Transformer, check, table};
use crate::contract::{self, Sizes};
use crate::record::{Id, NetworkGraph, Op, RecordError};

/// Sizes of the network, as in transformers' `config.json`, which omits values equal to this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClipConfig {
    /// Token ids.
    pub vocab_size: usize,
    /// Features of a state.
    pub hidden_size: usize,
    /// Features inside the MLP.
    pub intermediate_size: usize,
    /// Transformer layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Longest text, in tokens.
    pub max_position_embeddings: usize,
    /// The MLP's activation.
    pub hidden_act: Activation,
    /// Added to variances.
    pub layer_norm_eps: f32,
}

impl Default for ClipConfig {
    fn default() -> ClipConfig {
        ClipConfig {
            vocab_size: 49_408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }
}

impl ClipConfig {
    /// CLIP ViT-H/14, used by the published decoder.
    pub fn h() -> ClipConfig {
        ClipConfig {
            hidden_size: 1024,
            intermediate_size: 4096,
            num_hidden_layers: 24,
            num_attention_heads: 16,
            hidden_act: Activation::Gelu,
            ..ClipConfig::default()
        }
    }

    /// CLIP ViT-bigG/14, used by the published prior.
    pub fn big_g() -> ClipConfig {
        ClipConfig {
            hidden_size: 1280,
            intermediate_size: 5120,
            num_hidden_layers: 32,
            num_attention_heads: 20,
            ..ClipConfig::h()
        }
    }
}

impl ClipConfig {
    pub(super) fn transformer(&self) -> Transformer<'static> {
        Transformer {
            heads: self.num_attention_heads,
            inner: self.intermediate_size,
            activation: self.hidden_act,
            causal: true,
            eps: self.layer_norm_eps,
            names: CLIP_NAMES,
        }
    }
}

/// States `[b,l,hidden_size]`, before the last norm, of `ids` i64 `[b,l]`; `mask` i64 `[b,l]` is 1 at real tokens.
pub(super) fn layers(g: &mut NetworkGraph, config: &ClipConfig, ids: Id, mask: Id) -> Id {
    if let Err(message) = check(config.hidden_size, config.num_attention_heads) {
        return g.reject("clip", message);
    }
    let (transformer, width) = (config.transformer(), config.hidden_size);
    let tokens = table(g, "embeddings.token_embedding", config.vocab_size, width);
    let positions = table(g, "embeddings.position_embedding", config.max_position_embeddings, width);
    let x = g.push(Op::Gather, &[tokens, ids]);
    let positions = g.push(Op::Prefix, &[positions, ids]);
    let mut x = g.push(Op::Add, &[x, positions]);
    for i in 0..config.num_hidden_layers {
        x = transformer.clip_layer(g, &format!("encoder.layers.{i}"), x, Some(mask));
    }
    x
}

/// The name of the last norm.
pub(super) const LAST_NORM: &str = "final_layer_norm";

/// States `[b,l,hidden_size]`, after the last norm, of `ids` i64 `[b,l]`; `mask` i64 `[b,l]` is 1 at real tokens.
///
/// Parameter names are those of transformers 5; older checkpoints put `text_model.` before each.
pub fn states(g: &mut NetworkGraph, config: &ClipConfig, ids: Id, mask: Id) -> Id {
    let x = layers(g, config, ids, mask);
    config.transformer().norm(g, LAST_NORM, x)
}

/// The contract `text-encoder`: `input_ids` and `attention_mask` to `states`.
pub fn graph(config: &ClipConfig, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let (ids, mask) = contract::tokens(&mut g, sizes);
    let states = states(&mut g, config, ids, mask);
    g.output("states", states);
    g.finish()
}
