//! Compares the measures of earlier reports with the robust ones, by the cost of each loss in pictures.
//!
//! A measure that reacts as much to invisible noise as to a stage's whole loss would make every later choice optimise
//! texture. So each report shows the sensitivity of its measures.

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

/// Changes of real pictures measured in a report.
const CHANGES: [Distortion; 6] = [
    Distortion::Noise(2.),
    Distortion::Noise(4.),
    Distortion::Noise(8.),
    Distortion::Blur(0.5),
    Distortion::Blur(1.),
    Distortion::Jpeg(70),
];

/// Seed of the noise, different from that of the metric's fit.
const SEED: u64 = 100;

/// One set of pictures, measured in both ways.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Name of the set.
    pub name: String,
    /// Mean peak signal-to-noise ratio against the real pictures, if they should be equal.
    pub psnr: Option<f64>,
    /// By maps fitted on unchanged pictures, from unchanged features.
    pub plain: Side,
    /// By maps fitted on changed copies too, from features under noise.
    pub sturdy: Side,
}

/// One kind of measures of a set of pictures.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Side {
    /// Mean alignment.
    pub alignment: f64,
    /// Fraction of pictures whose own concept is the nearest.
    pub top1: f64,
    /// Position of the alignment between shuffled captions (0) and real pictures (1).
    pub way: f64,
    /// Fréchet distance to other real pictures.
    pub frechet: f64,
    /// Unbiased squared discrepancy to other real pictures.
    pub mmd: f64,
}

/// Measures sets of pictures against the real ones that they are derived from.
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
    /// Uses real pictures as the ceiling, and real pictures with shuffled captions as the floor.
    ///
    /// # Errors
    /// As [`Bench::score`].
    pub fn new(bench: &'a Bench, reference: &'a Measured, real: &'a Measured) -> Result<Comparison<'a>> {
        let (floor, ceiling) = (bench.score(&real.shuffled())?, bench.score(real)?);
        let (plain, sturdy) = ([floor.plain, ceiling.plain], [floor.sturdy, ceiling.sturdy]);
        Ok(Comparison { bench, reference, real, plain, sturdy })
    }

    /// Measures a set whose pictures correspond to the real ones row by row; `same` states that they should look equal.
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
