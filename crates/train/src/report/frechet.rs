//! The Fréchet distance between two sets of features (Heusel et al., 2017).

use super::resample::{Estimate, Groups, jackknife};
use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

/// ‖μ₁−μ₂‖² + tr(C₁ + C₂ − 2·(C₁·C₂)^½) of features `[n,d]`, n more than 1, as if both were normal.
///
/// # Errors
/// Too few rows, or rows of different widths.
pub fn distance(one: &Tensor, other: &Tensor) -> Result<f64> {
    let (one, other) = (one.to_kind(Kind::Double), other.to_kind(Kind::Double));
    ensure!(one.size()[0] > 1 && other.size()[0] > 1, "a Fréchet distance needs two pictures of each kind");
    ensure!(one.size()[1] == other.size()[1], "features of {:?} and {:?}", one.size(), other.size());
    let ((m1, c1), (m2, c2)) = (moments(&one), moments(&other));
    let means = (m1 - m2).square().sum(Kind::Double).double_value(&[]);
    // (C₁·C₂)^½ has the trace of (C₁^½·C₂·C₁^½)^½, which is symmetric.
    let root = power(&c1);
    let (values, _) = root.matmul(&c2).matmul(&root).linalg_eigh("L");
    let cross = values.clamp_min(0.).sqrt().sum(Kind::Double).double_value(&[]);
    Ok(means + trace(&c1) + trace(&c2) - 2. * cross)
}

/// [`distance`] with its standard error, from leaving out each group of both samples, which use common group numbers.
///
/// Its bias decreases with the number of pictures and is part of the value: only distances of equal numbers are comparable.
///
/// # Errors
/// As [`distance`], and fewer than two groups.
pub fn estimate(one: &Tensor, other: &Tensor, groups: (&Groups, &Groups)) -> Result<Estimate> {
    let count = groups.0.count.max(groups.1.count);
    ensure!(count > 1, "a standard error needs two groups of pictures");
    let without =
        (0..count).map(|group| distance(&left(one, groups.0, group), &left(other, groups.1, group)));
    Ok(Estimate { value: distance(one, other)?, error: jackknife(&without.collect::<Result<Vec<_>>>()?) })
}

/// The rows outside a group.
fn left(x: &Tensor, groups: &Groups, group: usize) -> Tensor {
    let rows: Vec<i64> =
        groups.of.iter().zip(0..).filter(|(of, _)| **of != group).map(|(_, row)| row).collect();
    x.index_select(0, &Tensor::from_slice(&rows))
}

/// Mean `[1,d]` and covariance `[d,d]`.
fn moments(x: &Tensor) -> (Tensor, Tensor) {
    let mean = x.mean_dim(0i64, true, Kind::Double);
    let centred = x - &mean;
    (mean, centred.tr().matmul(&centred) / (x.size()[0] - 1) as f64)
}

/// The square root of a symmetric matrix without negative eigenvalues.
fn power(c: &Tensor) -> Tensor {
    let (values, vectors) = c.linalg_eigh("L");
    (&vectors * values.clamp_min(0.).sqrt().unsqueeze(0)).matmul(&vectors.tr())
}

fn trace(c: &Tensor) -> f64 {
    c.trace().double_value(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn known_normal_distributions() {
        let x = Tensor::from_slice(&[1f64, 0., -1., 0., 0., 2., 0., -2.]).reshape([4, 2]);
        assert!(distance(&x, &x).unwrap().abs() < 1e-9);
        // Moved by (3, 4): the squared length of the way.
        let moved = &x + Tensor::from_slice(&[3f64, 4.]);
        assert!((distance(&x, &moved).unwrap() - 25.).abs() < 1e-9);
        // Twice as wide along each axis: the sum of squared differences of the standard deviations.
        let sum: f64 = [2. / 3., 8. / 3.].iter().map(|v: &f64| v.sqrt().powi(2)).sum();
        assert!((distance(&x, &(&x * 2.)).unwrap() - sum).abs() < 1e-9);
        assert!(distance(&x, &Tensor::zeros([4, 3], (Kind::Double, Device::Cpu))).is_err());
    }
}
