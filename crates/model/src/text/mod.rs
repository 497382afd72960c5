//! Text encoders: from token ids to one state for each token, which the prior and the decoder attend to.

pub mod bert;
pub mod clip;
pub mod tokenizer;

use serde::{Deserialize, Serialize};

use crate::layer::{layer_norm, linear};
use crate::record::{Id, Init, NetworkGraph, Op};

/// The bend between the two layers of a transformer's MLP, as `config.json` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x · Φ(x).
    Gelu,
    /// x · σ(1.702·x), OpenAI's approximation of the same.
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

/// What one transformer layer needs to know; both encoders fill it from their configuration.
struct Transformer<'a> {
    heads: usize,
    inner: usize,
    activation: Activation,
    causal: bool,
    eps: f32,
    /// Query, key, value and output of the attention, then the two layers of the MLP, below the layer's prefix.
    names: [&'a str; 6],
}

impl Transformer<'_> {
    fn attention(&self, g: &mut NetworkGraph, layer: &str, x: Id, mask: Id) -> Id {
        let width = g.shape(x).last().copied().unwrap_or(1);
        let part =
            |g: &mut NetworkGraph, i: usize, x| linear(g, &format!("{layer}.{}", self.names[i]), x, width);
        let (q, k, v) = (part(g, 0, x), part(g, 1, x), part(g, 2, x));
        let y = g.push(Op::Attention { heads: self.heads, causal: self.causal }, &[q, k, v, mask]);
        part(g, 3, y)
    }

    fn mlp(&self, g: &mut NetworkGraph, layer: &str, x: Id) -> Id {
        let width = g.shape(x).last().copied().unwrap_or(1);
        let y = linear(g, &format!("{layer}.{}", self.names[4]), x, self.inner);
        let y = self.activation.apply(g, y);
        linear(g, &format!("{layer}.{}", self.names[5]), y, width)
    }

    fn norm(&self, g: &mut NetworkGraph, name: &str, x: Id) -> Id {
        layer_norm(g, name, x, self.eps)
    }
}

/// Learned rows `[rows,width]`, started as both encoders' authors do.
fn table(g: &mut NetworkGraph, name: &str, rows: usize, width: usize) -> Id {
    g.param(&format!("{name}.weight"), &[rows, width], Init::Normal(0.02))
}

/// What is wrong with the extents that both encoders share, if anything.
fn check(width: usize, heads: usize) -> Result<(), String> {
    if heads == 0 || width == 0 || !width.is_multiple_of(heads) {
        return Err(format!("hidden_size {width} does not divide among {heads} heads"));
    }
    Ok(())
}
