//! Deterministic sampling during training, for the sample grids.
//!
//! The engine makes pictures for users; this file performs the same DDIM steps on libtorch tensors, so that a sample grid
//! needs no export.

use tch::{Device, Kind, Tensor};
use wuerst_model::schedule::{self, Schedule};

/// DDIM from noise `start` over `steps` equal steps of time; `noise(x, t, captioned)` predicts the noise.
///
/// A `weight` of 1 uses the caption alone; a larger one moves the prediction away from that for the empty caption.
pub fn ddim(
    start: &Tensor,
    steps: usize,
    (schedule, weight): (&Schedule, f64),
    noise: impl Fn(&Tensor, &Tensor, bool) -> Tensor,
) -> Tensor {
    tch::no_grad(|| {
        let mut x = start.shallow_clone();
        for pair in schedule::linear(1., steps).windows(2) {
            let step = schedule.ddim(pair[0], pair[1]);
            let t = Tensor::full([x.size()[0]], pair[0], (Kind::Float, x.device()));
            let mut predicted = noise(&x, &t, true);
            if weight != 1. {
                let free = noise(&x, &t, false);
                predicted = &free + (predicted - &free) * weight;
            }
            x = x * step.sample + predicted * step.predicted;
        }
        x.to_device(Device::Cpu)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_known_picture() {
        let (schedule, picture) = (Schedule::default(), 0.25);
        // The noise that is left over where the picture is the same everywhere.
        let predict = |x: &Tensor, t: &Tensor, captioned: bool| {
            let (kept, noise) = schedule.mix(t.double_value(&[0]));
            let picture = if captioned { picture } else { 0. };
            (x - kept * picture) / noise
        };
        let start = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
        for (weight, want) in [(1., picture), (2., 2. * picture)] {
            let got = ddim(&start, 10, (&schedule, weight), predict);
            let far = (got - want).abs().max().double_value(&[]);
            assert!(far < 0.03, "{far} from {want}");
        }
    }
}
