//! BERT as a text encoder, as in all-MiniLM-L6-v2: a bidirectional transformer with norms after each part.

use serde::{Deserialize, Serialize};

use super::{Activation, Transformer, check, table};
use crate::contract::{self, Sizes};
use crate::record::{Id, NetworkGraph, Op, RecordError};

/// Sizes of the network, as in transformers' `config.json`, which omits values equal to this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BertConfig {
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
    /// Number of segment types; all text here has the first.
    pub type_vocab_size: usize,
    /// The MLP's activation.
    pub hidden_act: Activation,
    /// Added to variances.
    pub layer_norm_eps: f32,
}

impl Default for BertConfig {
    fn default() -> BertConfig {
        BertConfig {
            vocab_size: 30_522,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            hidden_act: Activation::Gelu,
            layer_norm_eps: 1e-12,
        }
    }
}

impl BertConfig {
    /// all-MiniLM-L6-v2: 22.6 M parameters without the pooler, 384 features.
    pub fn minilm() -> BertConfig {
        BertConfig {
            hidden_size: 384,
            intermediate_size: 1536,
            num_hidden_layers: 6,
            ..BertConfig::default()
        }
    }
}

/// States `[b,l,hidden_size]` of `ids` i64 `[b,l]`; `mask` i64 `[b,l]` is 1 at real tokens.
///
/// A checkpoint's `pooler` is not read, since it is not used here.
pub fn states(g: &mut NetworkGraph, config: &BertConfig, ids: Id, mask: Id) -> Id {
    if let Err(message) = check(config.hidden_size, config.num_attention_heads) {
        return g.reject("bert", message);
    }
    let transformer = Transformer {
        heads: config.num_attention_heads,
        inner: config.intermediate_size,
        activation: config.hidden_act,
        causal: false,
        eps: config.layer_norm_eps,
        names: [
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            "intermediate.dense",
            "output.dense",
        ],
    };
    let width = config.hidden_size;
    let words = table(g, "embeddings.word_embeddings", config.vocab_size, width);
    let positions = table(g, "embeddings.position_embeddings", config.max_position_embeddings, width);
    let segments = table(g, "embeddings.token_type_embeddings", config.type_vocab_size, width);
    let x = g.push(Op::Gather, &[words, ids]);
    let positions = g.push(Op::Prefix, &[positions, ids]);
    let segment = g.push(Op::Slice { axis: 0, start: 0, end: 1 }, &[segments]);
    let x = g.push(Op::Add, &[x, positions]);
    let x = g.push(Op::Add, &[x, segment]);
    let mut x = transformer.norm(g, "embeddings.LayerNorm", x);
    for i in 0..config.num_hidden_layers {
        let layer = format!("encoder.layer.{i}");
        let y = transformer.attention(g, &layer, x, Some(mask));
        let y = g.push(Op::Add, &[x, y]);
        x = transformer.norm(g, &format!("{layer}.attention.output.LayerNorm"), y);
        let y = transformer.mlp(g, &layer, x);
        let y = g.push(Op::Add, &[x, y]);
        x = transformer.norm(g, &format!("{layer}.output.LayerNorm"), y);
    }
    x
}

/// The contract `text-encoder`: `input_ids` and `attention_mask` to `states`.
pub fn graph(config: &BertConfig, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let (ids, mask) = contract::tokens(&mut g, sizes);
    let states = states(&mut g, config, ids, mask);
    g.output("states", states);
    g.finish()
}
