//! Text encoders: compute a state for each token id, to which the prior and the decoder attend.

pub mod bert;
pub mod clip;
pub mod pooled;
pub mod tokenizer;

use serde::{Deserialize, Serialize};

use crate::layer::{layer_norm, linear};
use crate::record::{Id, Init, NetworkGraph, Op};

/// Activation of a transformer's MLP, with its name in `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x · Φ(x).
    Gelu,
    /// x · σ(1.702·x), OpenAI's approximation of GELU.
    QuickGelu,
}

impl Activation {
    fn apply(self, g: &mut NetworkGraph, x: Id) -> Id {
        match self {
            Activation::Gelu => g.push(Op::Gelu, &[x]),
            Activation::QuickGelu => {
                let slope = g.scalar(1.702);
                let gate = g.push(Op::Mul, &[x, slope]);
                let gate = g.push(Op::Sigmoid, &[gate]);
                g.push(Op::Mul, &[x, gate])
            }
        }
    }
}

/// Names of the layers in both of CLIP's encoders, see [`Transformer`].
pub(crate) const CLIP_NAMES: [&str; 6] =
    ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2"];

/// Settings of one transformer layer, filled by the encoders from their configuration.
pub(crate) struct Transformer<'a> {
    pub(crate) heads: usize,
    pub(crate) inner: usize,
    pub(crate) activation: Activation,
    pub(crate) causal: bool,
    pub(crate) eps: f32,
    /// Query, key, value and output of the attention, then the two layers of the MLP, below the layer's prefix.
    pub(crate) names: [&'a str; 6],
}

impl Transformer<'_> {
    /// Attention from all places to all, or to those selected by `mask`.
    fn attention(&self, g: &mut NetworkGraph, layer: &str, x: Id, mask: Option<Id>) -> Id {
        let width = g.shape(x).last().copied().unwrap_or(1);
        let part =
            |g: &mut NetworkGraph, i: usize, x| linear(g, &format!("{layer}.{}", self.names[i]), x, width);
        let (q, k, v) = (part(g, 0, x), part(g, 1, x), part(g, 2, x));
        let args: Vec<Id> = [q, k, v].into_iter().chain(mask).collect();
        let y = g.push(Op::Attention { heads: self.heads, causal: self.causal }, &args);
        part(g, 3, y)
    }

    fn mlp(&self, g: &mut NetworkGraph, layer: &str, x: Id) -> Id {
        let width = g.shape(x).last().copied().unwrap_or(1);
        let y = linear(g, &format!("{layer}.{}", self.names[4]), x, self.inner);
        let y = self.activation.apply(g, y);
        linear(g, &format!("{layer}.{}", self.names[5]), y, width)
    }

    pub(crate) fn norm(&self, g: &mut NetworkGraph, name: &str, x: Id) -> Id {
        layer_norm(g, name, x, self.eps)
    }

    /// One layer of CLIP, with norms before each part.
    pub(crate) fn clip_layer(&self, g: &mut NetworkGraph, layer: &str, x: Id, mask: Option<Id>) -> Id {
        let y = self.norm(g, &format!("{layer}.layer_norm1"), x);
        let y = self.attention(g, layer, y, mask);
        let x = g.push(Op::Add, &[x, y]);
        let y = self.norm(g, &format!("{layer}.layer_norm2"), x);
        let y = self.mlp(g, layer, y);
        g.push(Op::Add, &[x, y])
    }
}

/// Trained rows `[rows,width]`, initialised as by the encoders' authors.
pub(crate) fn table(g: &mut NetworkGraph, name: &str, rows: usize, width: usize) -> Id {
    g.param(&format!("{name}.weight"), &[rows, width], Init::Normal(0.02))
}

/// The problem of the extents that the encoders share, if any.
pub(crate) fn check(width: usize, heads: usize) -> Result<(), String> {
    if heads == 0 || width == 0 || !width.is_multiple_of(heads) {
        return Err(format!("hidden_size {width} does not divide among {heads} heads"));
    }
    Ok(())
}
