//! Detects copies: the distance of each picture to its nearest training picture.

use super::metric::unit;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Distances of a set of pictures to their nearest training pictures, as 1 − cosine of features.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Nearness {
    /// Pictures measured.
    pub pictures: usize,
    /// Half of the pictures are nearer than this.
    pub median: f64,
    /// A tenth of the pictures are nearer than this.
    pub tenth: f64,
}

/// For each row of `features` `[n,d]`, the nearest row of `training` `[m,d]`, and its distance.
pub fn nearest(features: &Tensor, training: &Tensor) -> (Vec<i64>, Vec<f64>) {
    let (mut rows, mut distances) = (vec![], vec![]);
    let training = unit(training).tr();
    for chunk in features.split(256, 0) {
        let (cosine, row) = unit(&chunk).matmul(&training).max_dim(1, false);
        rows.extend(row.iter::<i64>().into_iter().flatten());
        distances.extend((1f64 - cosine.to_kind(Kind::Double)).iter::<f64>().into_iter().flatten());
    }
    (rows, distances)
}

/// Number of nearest real pictures for [`realness`].
const NEAREST: i64 = 5;

/// For each row of `features` `[n,d]`, the mean cosine to the five nearest rows of `real` `[m,d]`.
pub fn realness(features: &Tensor, real: &Tensor) -> Vec<f64> {
    let real = unit(real).tr();
    let mean = |chunk: Tensor| {
        let (nearest, _) = unit(&chunk).matmul(&real).topk(NEAREST.min(real.size()[1]), 1, true, false);
        nearest.mean_dim(1i64, false, Kind::Double).iter::<f64>().into_iter().flatten().collect::<Vec<_>>()
    };
    features.split(256, 0).into_iter().flat_map(mean).collect()
}

/// Summarises distances; `None` for no pictures.
pub fn nearness(distances: &[f64]) -> Option<Nearness> {
    let mut sorted = distances.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: usize| sorted.get(sorted.len() * share / 100).copied();
    Some(Nearness { pictures: sorted.len(), median: at(50)?, tenth: at(10)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_most_parallel() {
        let training = Tensor::from_slice(&[1f32, 0., 0., 2., -1., 0.]).reshape([3, 2]);
        let features = Tensor::from_slice(&[0.1f32, 5., -3., 0.]).reshape([2, 2]);
        let (rows, distances) = nearest(&features, &training);
        assert_eq!(rows, [1, 2]);
        assert!(distances[0] > 1e-5 && distances[0] < 1e-3 && distances[1].abs() < 1e-5);
        let summed = nearness(&distances).unwrap();
        assert_eq!((summed.pictures, summed.median), (2, distances[0]));
        assert_eq!(nearness(&[]), None);
    }
}
