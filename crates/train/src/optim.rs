//! AdamW with warm-up, a rate that falls at the end, gradient clipping and an exponential moving average of the weights.

use crate::eval::Weights;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
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
    /// Fraction of the stage's steps, at the end, over which the rate falls linearly to zero; 0 disables it. Before that,
    /// the rate does not depend on the number of steps, which may still change (`wuerst-train branch`).
    #[serde(default)]
    pub fall: f64,
    /// Decay rates of the two moment estimates.
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// Decay of the weight matrices, per unit of learning rate; vectors are not decayed.
    #[serde(default = "weight_decay")]
    pub weight_decay: f64,
    /// Limit of the gradient's global norm.
    #[serde(default = "clip")]
    pub clip: f64,
    /// Maximum decay of the averaged weights: step n keeps the fraction min(this, (1+n)/(10+n)).
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
    /// The learning rate at a step of `steps`.
    pub fn rate_at(&self, step: u64, steps: u64) -> f64 {
        let warm = ((step + 1) as f64 / self.warm_up.max(1) as f64).min(1.);
        let curved = match self.decay_steps {
            0 => 1.,
            n => 0.525 + 0.475 * (std::f64::consts::PI * (step as f64 / n as f64).min(1.)).cos(),
        };
        let falling = steps as f64 * self.fall;
        let left = steps.saturating_sub(step) as f64;
        let fallen = if left < falling { left / falling } else { 1. };
        self.rate * warm * curved * fallen
    }

    /// Checks every setting; `name` is its name in the run's file.
    ///
    /// # Errors
    /// The first setting out of range, with its value and the allowed range.
    pub fn check(&self, name: &str) -> Result<()> {
        let within = |what: &str, value: f64, range: RangeInclusive<f64>| {
            let (least, most) = (range.start(), range.end());
            ensure!(range.contains(&value), "{name}.{what} is {value}; it must be {least} to {most}");
            Ok(())
        };
        ensure!(
            self.rate > 0. && self.rate <= 1.,
            "{name}.rate is {}; it must be above 0, up to 1",
            self.rate
        );
        within("fall", self.fall, 0. ..=1.)?;
        within("ema", self.ema, 0. ..=1.)?;
        within("weight_decay", self.weight_decay, 0. ..=1.)?;
        for beta in self.betas {
            ensure!((0. ..1.).contains(&beta), "{name}.betas has {beta}; each must be 0 or more and below 1");
        }
        ensure!(self.clip > 0., "{name}.clip is {}; it must be above 0", self.clip);
        ensure!(
            self.decay_steps == 0 || self.fall == 0.,
            "{name} has decay_steps and fall: the rate falls in one way or in the other, so set one of them to 0"
        );
        Ok(())
    }

    /// Fraction of the average that a step keeps.
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

    /// Performs step `step` of `steps` with the gradients from `backward`, and clears them. Returns their norm before
    /// clipping.
    pub fn step(&mut self, weights: &Weights, config: &OptimConfig, (step, steps): (u64, u64)) -> f64 {
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
            let ([b1, b2], rate, n) = (config.betas, config.rate_at(step, steps), (step + 1) as i32);
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

    /// Restores the result of [`state`](AdamW::state); a name without moments starts at zero.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn config(extra: &str) -> OptimConfig {
        serde_yaml::from_str(&format!("{{ rate: 1.0, warm_up: 10, {extra} }}")).unwrap()
    }

    #[test]
    fn rate_warms_up_stays_and_falls() {
        let config = config("fall: 0.2");
        let at = |step| config.rate_at(step, 100);
        assert_eq!([at(0), at(9), at(79), at(80)], [0.1, 1., 1., 1.]);
        assert!((at(90) - 0.5).abs() < 1e-9 && (at(99) - 0.05).abs() < 1e-9, "{} {}", at(90), at(99));
    }

    #[test]
    fn more_steps_change_no_earlier_rate() {
        let config = config("fall: 0.2");
        assert!((0..80).all(|step| config.rate_at(step, 100) == config.rate_at(step, 1000)));
    }

    #[test]
    fn wrong_settings_are_named() {
        let told = |extra: &str| config(extra).check("prior.training.optim").unwrap_err().to_string();
        assert!(told("fall: 1.5").contains("prior.training.optim.fall is 1.5"));
        assert!(told("fall: 0.2, decay_steps: 5").contains("decay_steps and fall"));
        assert!(told("betas: [0.9, 1.0]").contains("betas has 1"));
    }
}
