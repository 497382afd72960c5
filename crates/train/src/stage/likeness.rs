//! Difference of two pictures, which Stage A's training minimises.

use crate::config::PictureLoss;
use crate::eval::{Evaluator, Mode, Weights};
use tch::{Kind, Tensor};

/// A network whose early features measure the similarity of two pictures.
pub struct Perceptual {
    /// Recorded with one input picture in 0..1 and several outputs `[b,c,h,w]`.
    pub network: Evaluator,
    /// Frozen weights of the network.
    pub weights: Weights,
    /// Side that pictures are enlarged to before the comparison.
    pub side: i64,
}

impl Perceptual {
    /// Mean squared distance of the two pictures' features, each normalised to unit length at every place.
    fn distance(&self, real: &Tensor, made: &Tensor, kind: Kind) -> Tensor {
        let mode = Mode { training: false, kind };
        let look = |pictures: &Tensor| {
            let enlarged = pictures.upsample_bilinear2d([self.side, self.side], false, None, None);
            self.network.run(&self.weights, &[enlarged], mode)
        };
        let wanted = tch::no_grad(|| look(real));
        let got = look(made);
        let unit = |x: &Tensor| {
            let x = x.to_kind(Kind::Float);
            let norm = x.norm_scalaropt_dim(2, [1i64], true) + 1e-6;
            x / norm
        };
        let terms: Vec<Tensor> = wanted
            .iter()
            .zip(&got)
            .map(|(w, g)| (unit(w) - unit(g)).square().sum_dim_intlist(1i64, false, None).mean(Kind::Float))
            .collect();
        Tensor::stack(&terms, 0).sum(Kind::Float)
    }
}

/// The loss of reconstructed pictures.
pub struct Likeness {
    /// Compares by features; left out, pictures are compared by pixels alone.
    pub perceptual: Option<Perceptual>,
    /// Weights of its parts.
    pub weights: PictureLoss,
    /// Precision of the features' convolutions.
    pub kind: Kind,
}

impl Likeness {
    /// The loss of pictures `made` in place of `real`, both in 0..1, and its parts for the log.
    pub fn loss(&self, real: &Tensor, made: &Tensor) -> (Tensor, Vec<(&'static str, f64)>) {
        let mut loss = (made - real).square().mean(Kind::Float);
        let mut parts = vec![("mse", loss.double_value(&[]))];
        if let Some(perceptual) = self.perceptual.as_ref().filter(|_| self.weights.perceptual > 0.) {
            let distance = perceptual.distance(real, made, self.kind);
            parts.push(("perceptual", distance.double_value(&[])));
            loss += distance * self.weights.perceptual;
        }
        if self.weights.flat > 0. {
            let stains = stains(real, made);
            parts.push(("flat", stains.double_value(&[])));
            loss += stains * self.weights.flat;
        }
        (loss, parts)
    }
}

/// Mean absolute error at pixels where the real picture has the same colour in all eight neighbours, relative to the
/// whole picture. The squared error hardly reacts to faint stains in flat areas, which people notice first.
fn stains(real: &Tensor, made: &Tensor) -> Tensor {
    let flat = tch::no_grad(|| {
        let highest = |x: &Tensor| x.max_pool2d([3, 3], [1, 1], [1, 1], [1, 1], false);
        let spread = highest(real) + highest(&-real);
        spread.amax([1i64], true).lt(0.5 / 255.).to_kind(Kind::Float)
    });
    ((made - real).abs() * flat).mean(Kind::Float)
}

/// Mean over the pictures of their peak signal-to-noise ratios in decibels.
pub fn psnr(real: &Tensor, made: &Tensor) -> f64 {
    let squares = (made.clamp(0., 1.) - real).square().mean_dim(&[1i64, 2, 3][..], false, Kind::Float);
    (squares.clamp_min(1e-6).log10() * -10.).mean(Kind::Float).double_value(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn stains_count_flat_ground_alone() {
        let real = Tensor::zeros([1, 3, 8, 8], (Kind::Float, Device::Cpu));
        // An edge: columns 3 and 4 have neighbours of another colour.
        let _ = real.narrow(3, 4, 4).fill_(1.);
        let stained = &real + 0.1;
        let share = stains(&real, &stained).double_value(&[]) / 0.1;
        assert!((share - 0.75).abs() < 1e-5, "{share}");
        let wrong_edge = real.copy();
        let _ = wrong_edge.narrow(3, 3, 2).fill_(0.5);
        assert_eq!(stains(&real, &wrong_edge).double_value(&[]), 0.);
    }

    #[test]
    fn psnr_is_mean_of_decibels() {
        let real = Tensor::full([2, 3, 4, 4], 0.5, (Kind::Float, Device::Cpu));
        let made = real.copy();
        let _ = made.get(0).fill_(0.6);
        let _ = made.get(1).fill_(0.51);
        // 20 and 40 dB.
        assert!((psnr(&real, &made) - 30.).abs() < 1e-3);
    }
}
