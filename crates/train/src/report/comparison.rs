//! The cost of each loss in pictures by the measures of earlier reports and by the sturdy ones, side by side.
//!
//! A measure that takes as much off for invisible noise as for a stage's whole work would have every later
//! choice optimise texture. So each report says what it feels.

use super::backbone::Features;
use super::bench::{Bench, Measured, distorted};
use super::distortion::Distortion;
use super::measures::concept_groups;
use super::reconstruct::psnr;
use super::score::{PictureScores, Score, way};
use super::subjects::Subject;
use super::{frechet, mmd};
use anyhow::Result;
use serde::{Deserialize, Serialize};

/// Changes of real pictures that a report measures.
const CHANGES: [Distortion; 6] = [
    Distortion::Noise(2.),
    Distortion::Noise(4.),
    Distortion::Noise(8.),
    Distortion::Blur(0.5),
    Distortion::Blur(1.),
    Distortion::Jpeg(70),
];

/// Seed of the noise, which the metric was not fitted on.
const SEED: u64 = 100;

/// One set of pictures by both kinds of measures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Name of the set.
    pub name: String,
    /// Mean peak signal-to-noise ratio against the real pictures, where they should be the same.
    pub psnr: Option<f64>,
    /// By maps fitted on pictures as they are, from their features as they are.
    pub plain: Side,
    /// By maps fitted on changed copies too, from features under noise.
    pub sturdy: Side,
}

/// One kind of measures of a set of pictures.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Side {
    /// Mean alignment.
    pub alignment: f64,
    /// Share of pictures whose own concept is the nearest.
    pub top1: f64,
    /// How far alignment has come from shuffled captions to real pictures.
    pub way: f64,
    /// Fréchet distance to other real pictures.
    pub frechet: f64,
    /// Unbiased squared discrepancy to other real pictures.
    pub mmd: f64,
}

/// Measures sets of pictures against the real ones that they come from.
pub struct Comparison<'a> {
    bench: &'a Bench,
    reference: &'a Measured,
    real: &'a Measured,
    /// Scores of the floor and of the ceiling by the plain metric.
    plain: [PictureScores; 2],
    /// Scores of the floor and of the ceiling by the sturdy metric.
    sturdy: [PictureScores; 2],
}

impl<'a> Comparison<'a> {
    /// Takes real pictures as the ceiling, and the same under each other's captions as the floor.
    ///
    /// # Errors
    /// As [`Bench::score`].
    pub fn new(bench: &'a Bench, reference: &'a Measured, real: &'a Measured) -> Result<Comparison<'a>> {
        let (floor, ceiling) = (bench.score(&real.shuffled())?, bench.score(real)?);
        let (plain, sturdy) = ([floor.plain, ceiling.plain], [floor.sturdy, ceiling.sturdy]);
        Ok(Comparison { bench, reference, real, plain, sturdy })
    }

    /// Measures a set whose pictures stand for the real ones row by row; `same` says that they should look the same.
    ///
    /// # Errors
    /// As [`Bench::score`].
    pub fn row(&self, name: &str, set: &Measured, same: bool) -> Result<Row> {
        let scored = self.bench.score(set)?;
        let (a, b) = concept_groups(self.reference, set);
        let side = |scores: &PictureScores,
                    [floor, ceiling]: &[PictureScores; 2],
                    of: fn(&Measured) -> &Features| {
            let Score { alignment, top1, .. } = scores.score();
            let (real, ours) = (&of(self.reference).blocks, &of(set).blocks);
            Ok::<_, anyhow::Error>(Side {
                alignment: alignment.value,
                top1: top1.value,
                way: way(scores, floor, ceiling).value,
                frechet: frechet::distance(real, ours)?,
                mmd: mmd::squared(real, ours, (&a, &b))?.value,
            })
        };
        Ok(Row {
            name: name.to_owned(),
            psnr: same.then(|| psnr(&set.pictures, &self.real.pictures)),
            plain: side(&scored.plain, &self.plain, |set| &set.plain)?,
            sturdy: side(&scored.sturdy, &self.sturdy, |set| &set.sturdy)?,
        })
    }

    /// Measures small changes of the real pictures.
    ///
    /// # Errors
    /// As [`Comparison::row`].
    pub fn changes(&self) -> Result<Vec<Row>> {
        let row = |change: Distortion| {
            let changed: Vec<Subject> = distorted(&self.real.pictures, &[change], SEED)?;
            self.row(&format!("real, {change}"), &self.bench.measure(changed)?, true)
        };
        CHANGES.into_iter().map(row).collect()
    }
}
