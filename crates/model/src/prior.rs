//! Stage C: the diffusion prior from text to a semantic embedding.
//!
//! diffusers calls it `WuerstchenPrior`; names are those of its checkpoint.

use serde::{Deserialize, Serialize};

use crate::contract::{self, Sizes};
use crate::layer::{
    AttnBlock, ChannelsLast, ResBlock, attn_block, conv_from, halves, linear_from, res_block, timestep_block,
};
use crate::record::{Id, Init, NetworkGraph, Op, RecordError};

/// Sizes of the network, as in diffusers' `config.json`; the default is the published model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PriorConfig {
    /// Channels of the semantic embedding.
    pub c_in: usize,
    /// Channels inside.
    pub c: usize,
    /// Features of the text states.
    pub c_cond: usize,
    /// Features of the time embedding; at least 4.
    pub c_r: usize,
    /// How often residual, time and attention block repeat.
    pub depth: usize,
    /// Number of attention heads, a divisor of `c`.
    pub nhead: usize,
    /// Share of hidden units zeroed while training.
    pub dropout: f32,
}

impl Default for PriorConfig {
    fn default() -> PriorConfig {
        PriorConfig { c_in: 16, c: 1536, c_cond: 1280, c_r: 64, depth: 32, nhead: 24, dropout: 0.1 }
    }
}

impl PriorConfig {
    /// The problem of the sizes, if any.
    fn check(&self) -> Result<(), String> {
        if self.c_in == 0 || self.c == 0 || self.nhead == 0 {
            return Err("c_in, c and nhead must not be 0".into());
        }
        if self.c_r < 4 {
            return Err(format!("c_r is {}; at least 4 is expected", self.c_r));
        }
        Ok(())
    }
}

/// Predicted noise `[b,16,h,w]` in noisy `latents` `[b,16,h,w]`, given the time embedding `time` `[b,c_r]` and `text`
/// `[b,l,c_cond]`.
pub fn noise(g: &mut NetworkGraph, config: &PriorConfig, latents: Id, time: Id, text: Id) -> Id {
    if let Err(message) = config.check() {
        return g.reject("prior", message);
    }
    let narrow = Init::Normal(0.02);
    let x = conv_from(g, "projection", latents, config.c, [1, 1, 0], narrow);
    let mut x = ChannelsLast::of(g, x);
    let condition = linear_from(g, "cond_mapper.0", text, config.c, narrow);
    let condition = g.push(Op::LeakyRelu(0.2), &[condition]);
    let condition = linear_from(g, "cond_mapper.2", condition, config.c, narrow);

    let attention = AttnBlock { heads: config.nhead, self_attn: true, dropout: config.dropout };
    let block = ResBlock { kernel: 3, dropout: config.dropout, depth: config.depth };
    for i in (0..3 * config.depth).step_by(3) {
        x = res_block(g, &format!("blocks.{i}"), x, None, block);
        x = timestep_block(g, &format!("blocks.{}", i + 1), x, time);
        x = attn_block(g, &format!("blocks.{}", i + 2), x, condition, attention);
    }

    // Initially a = b = 0, and the prediction equals the latents. With random a and b the divisor comes close to 0
    // somewhere, and training never recovers from the first losses.
    let x = x.norm(g).image(g);
    let x = conv_from(g, "out.1", x, 2 * config.c_in, [1, 1, 0], Init::Constant(0.));
    let (a, b) = halves(g, x, 1);
    let (one, floor) = (g.scalar(1.), g.scalar(1e-5));
    let b = g.push(Op::Sub, &[one, b]);
    let b = g.push(Op::Abs, &[b]);
    let b = g.push(Op::Add, &[b, floor]);
    let difference = g.push(Op::Sub, &[latents, a]);
    g.push(Op::Div, &[difference, b])
}

/// The contract `prior`: `latents`, `time_embedding`, `text` to `noise`.
pub fn graph(config: &PriorConfig, sizes: &Sizes) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let latents = contract::picture(&mut g, "latents", sizes, config.c_in);
    let time = contract::time_embedding(&mut g, sizes, config.c_r);
    let text = contract::text(&mut g, sizes, config.c_cond);
    let noise = noise(&mut g, config, latents, time, text);
    g.output("noise", noise);
    g.finish()
}
