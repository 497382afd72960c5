//! CLIP's text encoder with the projection of whole texts, as used by Stable Cascade.
//!
//! transformers calls it `CLIPTextModelWithProjection`.

use serde::{Deserialize, Serialize};

use super::clip::{ClipConfig, LAST_NORM, layers};
use crate::contract::{self, Sizes};
use crate::record::{Extent, Id, Init, NetworkGraph, Op, RecordError};

/// A wrong end token named by old configurations. The right one is the largest id of the vocabulary.
const MISNAMED: usize = 2;

/// Maximum size in bytes of a table over token ids or positions, far above that of published networks.
const MOST: usize = 1 << 24;

/// Sizes of the network, as in transformers' `config.json`, which leaves out what equals this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PooledClipConfig {
    /// The encoder.
    #[serde(flatten)]
    pub text: ClipConfig,
    /// Features of a pooled text.
    pub projection_dim: usize,
    /// The token that ends a text; its first occurrence is pooled.
    pub eos_token_id: usize,
}

impl Default for PooledClipConfig {
    fn default() -> PooledClipConfig {
        PooledClipConfig { text: ClipConfig::default(), projection_dim: 512, eos_token_id: 49_407 }
    }
}

impl PooledClipConfig {
    /// CLIP ViT-bigG/14, used by both of Stable Cascade's denoisers.
    pub fn big_g() -> PooledClipConfig {
        PooledClipConfig { text: ClipConfig::big_g(), projection_dim: 1280, ..PooledClipConfig::default() }
    }
}

/// States `[b,l,hidden_size]` before the last norm, and the pooled text `[b,1,projection_dim]`, of `ids` i64 `[b,l]`;
/// `mask` i64 `[b,l]` is 1 at real tokens.
///
/// Parameter names are those of [`super::clip`], and `text_projection.weight`.
pub fn states_and_pooled(g: &mut NetworkGraph, config: &PooledClipConfig, ids: Id, mask: Id) -> (Id, Id) {
    let (words, places) = (config.text.vocab_size, config.text.max_position_embeddings);
    if words.max(places.saturating_mul(places)) > MOST / 4 || config.projection_dim == 0 {
        let message = format!(
            "vocab_size {words}, max_position_embeddings {places} or projection_dim {} is none that an encoder has",
            config.projection_dim
        );
        let x = g.reject("clip", message);
        return (x, x);
    }
    let states = layers(g, &config.text, ids, mask);
    let at = end(g, config, ids);
    let ended = g.push(Op::MatMul, &[at, states]);
    let ended = config.text.transformer().norm(g, LAST_NORM, ended);
    let shape = [config.projection_dim, config.text.hidden_size];
    let projection = g.param("text_projection.weight", &shape, Init::Normal(0.02));
    (states, g.push(Op::Linear, &[ended, projection]))
}

/// 1 at the first end token of each text and 0 elsewhere, f32 `[b,1,l]`.
fn end(g: &mut NetworkGraph, config: &PooledClipConfig, ids: Id) -> Id {
    let (words, places) = (config.text.vocab_size, config.text.max_position_embeddings);
    // The first smallest number of a text marks its end.
    let rank = |id: usize| match config.eos_token_id {
        MISNAMED => -(id as f32),
        end => -f32::from(u8::from(id == end)),
    };
    let ranks = g.constant(&[words, 1], (0..words).map(rank).collect());
    let ranks = g.push(Op::Gather, &[ranks, ids]);
    let ranks = g.push(Op::Reshape(vec![Extent::Keep, Extent::Infer]), &[ranks]);
    let first = g.push(Op::ArgMin, &[ranks]);
    let one = |at: usize| f32::from(u8::from(at.is_multiple_of(places + 1)));
    let ones = g.constant(&[places, places], (0..places * places).map(one).collect());
    // A row for each place, as long as the texts.
    let ones = g.push(Op::Prefix, &[ones, ids]);
    let ones = g.push(Op::Transpose(vec![1, 0]), &[ones]);
    let at = g.push(Op::Gather, &[ones, first]);
    g.push(Op::Reshape(vec![Extent::Keep, Extent::Fixed(1), Extent::Infer]), &[at])
}

/// The contract `text-encoder`: `input_ids` and `attention_mask` to `states` and `pooled`.
pub fn graph(config: &PooledClipConfig, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let (ids, mask) = contract::tokens(&mut g, sizes);
    let (states, pooled) = states_and_pooled(&mut g, config, ids, mask);
    g.output("states", states);
    g.output("pooled", pooled);
    g.finish()
}
