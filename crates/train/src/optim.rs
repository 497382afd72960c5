//! AdamW with warm-up, gradient clipping and an exponential moving average of the weights.

use crate::eval::Weights;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// How the weights are stepped.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimConfig {
    /// Learning rate after the warm-up.
    pub rate: f64,
    /// Steps over which the rate grows linearly from zero.
    pub warm_up: u64,
    /// Steps over which the rate falls to a twentieth along a half cosine; 0 keeps it.
    #[serde(default)]
    pub decay_steps: u64,
    /// Decay rates of the two moment estimates.
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// Pull of the weight matrices towards zero, per unit of learning rate; vectors are left alone.
    #[serde(default = "weight_decay")]
    pub weight_decay: f64,
    /// Limit of the gradient's global norm.
    #[serde(default = "clip")]
    pub clip: f64,
    /// Longest memory of the averaged weights: at step n the share kept is min(this, (1+n)/(10+n)).
    #[serde(default = "ema")]
    pub ema: f64,
}

fn betas() -> [f64; 2] {
    [0.9, 0.95]
}

fn weight_decay() -> f64 {
    0.01
}

fn clip() -> f64 {
    1.
}

fn ema() -> f64 {
    0.999
}

impl OptimConfig {
    /// The learning rate at a step.
    pub fn rate_at(&self, step: u64) -> f64 {
        let warm = ((step + 1) as f64 / self.warm_up.max(1) as f64).min(1.);
        let fallen = match self.decay_steps {
            0 => 1.,
            n => 0.525 + 0.475 * (std::f64::consts::PI * (step as f64 / n as f64).min(1.)).cos(),
        };
        self.rate * warm * fallen
    }

    /// Share of the average that a step keeps.
    pub fn ema_at(&self, step: u64) -> f64 {
        self.ema.min((1. + step as f64) / (10. + step as f64))
    }
}

/// Moment estimates of each learned tensor, in the order of [`Weights::trainable`].
pub struct AdamW {
    moments: Vec<(String, Tensor, Tensor)>,
}

impl AdamW {
    /// Zero moments for every learned tensor.
    pub fn new(weights: &Weights) -> AdamW {
        let zeros = |t: &Tensor| t.detach().zeros_like();
        AdamW {
            moments: weights.trainable().iter().map(|(n, t)| (n.to_string(), zeros(t), zeros(t))).collect(),
        }
    }

    /// One step along the gradients that `backward` left; they are cleared. Returns their norm before clipping.
    pub fn step(&mut self, weights: &Weights, config: &OptimConfig, step: u64) -> f64 {
        tch::no_grad(|| {
            let pairs: Vec<(Tensor, Tensor)> =
                weights.trainable().iter().map(|(_, t)| (t.shallow_clone(), t.grad())).collect();
            let squares: Vec<Tensor> =
                pairs.iter().filter(|(_, g)| g.defined()).map(|(_, g)| g.square().sum(Kind::Float)).collect();
            let norm = Tensor::stack(&squares, 0).sum(Kind::Float).sqrt().double_value(&[]);
            if !norm.is_finite() {
                pairs.into_iter().filter(|(_, g)| g.defined()).for_each(|(_, mut g)| drop(g.zero_()));
                return norm;
            }
            let scale = (config.clip / (norm + 1e-6)).min(1.);
            let ([b1, b2], rate, n) = (config.betas, config.rate_at(step), (step + 1) as i32);
            let (c1, c2) = (1. - b1.powi(n), 1. - b2.powi(n));
            for ((mut w, mut g), (_, m, v)) in pairs.into_iter().zip(&mut self.moments) {
                if !g.defined() {
                    continue;
                }
                let _ = g.g_mul_scalar_(scale);
                let _ = m.lerp_(&g, 1. - b1);
                let _ = v.g_mul_scalar_(b2).addcmul_(&(&g * (1. - b2)), &g);
                if w.dim() > 1 {
                    let _ = w.g_mul_scalar_(1. - rate * config.weight_decay);
                }
                let _ = w.addcdiv_(&(&*m * (-rate / c1)), &((&*v / c2).sqrt() + 1e-8));
                let _ = g.zero_();
            }
            norm
        })
    }

    /// The moments by name, for a checkpoint.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let pair = |(n, m, v): &(String, Tensor, Tensor)| {
            [(format!("m.{n}"), m.shallow_clone()), (format!("v.{n}"), v.shallow_clone())]
        };
        self.moments.iter().flat_map(pair).collect()
    }

    /// Puts back what [`state`](AdamW::state) gave; a name without moments starts at zero.
    pub fn restore(&mut self, state: &[(String, Tensor)]) {
        for (name, m, v) in &mut self.moments {
            for (key, value) in state {
                match key.split_once('.') {
                    Some(("m", n)) if n == name => m.copy_(value),
                    Some(("v", n)) if n == name => v.copy_(value),
                    _ => {}
                }
            }
        }
    }
}
