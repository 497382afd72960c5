//! Deterministic sampling while training, for the sample grids.
//!
//! Pictures for users are made by the engine; this is the same DDIM step on libtorch tensors, so that a sample grid needs
//! no export.

use tch::{Device, Kind, Tensor};

/// Guidance and schedule of a sampling run.
#[derive(Debug, Clone, Copy)]
pub struct Guided {
    /// 1 uses the caption alone; above, moves away from what the empty caption gives.
    pub weight: f64,
    /// Offset of the cosine schedule.
    pub s: f64,
}

/// DDIM from noise `start` over `steps` equal steps of time; `noise(x, t, captioned)` predicts the noise.
pub fn ddim(
    start: &Tensor,
    steps: usize,
    how: Guided,
    noise: impl Fn(&Tensor, &Tensor, bool) -> Tensor,
) -> Tensor {
    tch::no_grad(|| {
        let mut x = start.shallow_clone();
        let alpha = |i: usize| alpha_bar(1. - i as f64 / steps as f64, how.s);
        for i in 0..steps {
            let (now, next) = (alpha(i), alpha(i + 1));
            let t = Tensor::full([x.size()[0]], 1. - i as f64 / steps as f64, (Kind::Float, x.device()));
            let mut e = noise(&x, &t, true);
            if how.weight != 1. {
                let free = noise(&x, &t, false);
                e = &free + (e - &free) * how.weight;
            }
            let clean = (&x - &e * (1. - now).sqrt()) / now.sqrt();
            x = clean * next.sqrt() + e * (1. - next).sqrt();
        }
        x.to_device(Device::Cpu)
    })
}

fn alpha_bar(t: f64, s: f64) -> f64 {
    let half_pi = std::f64::consts::FRAC_PI_2;
    let cos2 = |t: f64| ((t + s) / (1. + s) * half_pi).cos().powi(2);
    (cos2(t) / cos2(0.)).clamp(1e-4, 0.9999)
}
