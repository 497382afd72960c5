//! Scores of a set of pictures, with intervals over prompts.

use super::resample::{Groups, Interval, bootstrap, weighted_mean};
use super::subjects::Subject;
use crate::data::palette::{COLOURS, WHITE};
use serde::{Deserialize, Serialize};

/// How well a set of pictures shows its intended content.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Pictures measured.
    pub pictures: usize,
    /// Mean cosine between the predicted and the true meaning, −1 to 1.
    pub alignment: Interval,
    /// Fraction of pictures whose own concept is the nearest of all.
    pub top1: Interval,
    /// Fraction of pictures whose own concept is among the nearest five.
    pub top5: Interval,
    /// Fraction of pictures whose predicted style is the intended one.
    pub style: Interval,
    /// Fraction of pictures whose border is nearest to the intended background colour.
    pub background: Interval,
    /// Mean distance of the border's pixels from white, in 8-bit steps, for pictures with a white background; `None` if
    /// there are none.
    pub ground: Option<Interval>,
}

/// The scores of each picture alone.
#[derive(Debug, Clone)]
pub struct PictureScores {
    /// Pictures of one prompt are resampled together.
    groups: Groups,
    /// Values by score, in the order of [`Score`]; the last counts the pictures on white.
    columns: [Vec<f64>; 7],
}

impl PictureScores {
    /// Adds scores of the pixels to alignment, top 1, top 5 and style of each picture.
    pub fn new(pictures: &[Subject], [alignment, top1, top5, style]: [Vec<f64>; 4]) -> PictureScores {
        let background = pictures.iter().map(|p| f64::from(u8::from(border(&p.rgb) == p.background)));
        let white = pictures.iter().map(|p| f64::from(u8::from(p.background == WHITE)));
        let ground = pictures.iter().zip(white.clone());
        let ground = ground.map(|(p, white)| white * off_ground(&p.rgb, COLOURS[WHITE].rgb)).collect();
        let columns = [alignment, top1, top5, style, background.collect(), ground, white.collect()];
        PictureScores { groups: Groups::by(pictures.iter().map(|p| p.caption.as_str())), columns }
    }

    /// Alignment, top 1, top 5, style and background of each picture.
    pub fn rows(&self) -> impl Iterator<Item = [f64; 5]> {
        let [alignment, top1, top5, style, background, ..] = &self.columns;
        (0..self.groups.of.len())
            .map(move |at| [alignment, top1, top5, style, background].map(|column| column[at]))
    }

    /// Means with intervals.
    pub fn score(&self) -> Score {
        let counts = self.groups.sums(self.groups.of.iter().map(|_| 1.));
        let sums = self.columns.each_ref().map(|column| self.groups.sums(column.iter().copied()));
        let [means @ .., ground, white] = &sums;
        let measures = |weights: &[f64]| {
            let [a, b, c, d, e] = means.each_ref().map(|sums| weighted_mean(sums, &counts, weights));
            [a, b, c, d, e, weighted_mean(ground, white, weights)]
        };
        let [alignment, top1, top5, style, background, ground] = bootstrap(self.groups.count, measures);
        let ground = Some(ground).filter(|_| white.iter().any(|pictures| *pictures > 0.));
        Score { pictures: self.groups.of.len(), alignment, top1, top5, style, background, ground }
    }
}

/// Position of the pictures' alignment between that of `floor` (0) and `ceiling` (1), all three for the same prompts,
/// which are resampled together.
pub fn way(pictures: &PictureScores, floor: &PictureScores, ceiling: &PictureScores) -> Interval {
    let sets = [pictures, floor, ceiling];
    let sums = sets.map(|set| set.groups.sums(set.columns[0].iter().copied()));
    let counts = sets.map(|set| set.groups.sums(set.columns[0].iter().map(|_| 1.)));
    let [way] = bootstrap(pictures.groups.count, |weights| {
        let [drawn, floor, ceiling] = [0, 1, 2].map(|set| weighted_mean(&sums[set], &counts[set], weights));
        [(drawn - floor) / (ceiling - floor)]
    });
    way
}

/// Indices of the pixels at a picture's border, with corners counted twice.
fn edge(side: usize) -> impl Iterator<Item = usize> {
    (0..side).flat_map(move |i| [i, i + side * (side - 1), i * side, i * side + side - 1])
}

/// The palette's colour nearest to the median of a picture's border.
fn border(rgb: &[u8]) -> usize {
    let median = [0, 1, 2].map(|channel| {
        let mut values: Vec<u8> =
            edge((rgb.len() / 3).isqrt()).map(|pixel| rgb[pixel * 3 + channel]).collect();
        values.sort_unstable();
        i32::from(values[values.len() / 2])
    });
    let distance =
        |colour: [u8; 3]| -> i32 { colour.iter().zip(median).map(|(a, b)| (i32::from(*a) - b).pow(2)).sum() };
    (0..COLOURS.len()).min_by_key(|at| distance(COLOURS[*at].rgb)).unwrap_or(0)
}

/// The mean distance of the border's pixels from a colour.
fn off_ground(rgb: &[u8], colour: [u8; 3]) -> f64 {
    let off = |pixel: usize| -> f64 {
        (0..3).map(|channel| f64::from(rgb[pixel * 3 + channel].abs_diff(colour[channel]))).sum()
    };
    let side = (rgb.len() / 3).isqrt();
    edge(side).map(off).sum::<f64>() / (edge(side).count() * 3) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(caption: &str, rgb: Vec<u8>) -> Subject {
        Subject {
            rgb,
            large: vec![],
            caption: caption.into(),
            label: String::new(),
            meaning: String::new(),
            style: String::new(),
            background: WHITE,
        }
    }

    fn scores(alignment: &[f64]) -> PictureScores {
        let pictures: Vec<Subject> =
            (0..alignment.len()).map(|i| subject(&i.to_string(), COLOURS[WHITE].rgb.repeat(16))).collect();
        let none = || vec![0.; alignment.len()];
        PictureScores::new(&pictures, [alignment.to_vec(), none(), none(), none()])
    }

    #[test]
    fn border_colour_is_background() {
        let blue = COLOURS.iter().position(|c| c.name == "blue").unwrap();
        let mut rgb = COLOURS[blue].rgb.repeat(64);
        rgb[3 * 27..3 * 29].fill(255);
        rgb[..6].fill(0);
        assert_eq!(border(&rgb), blue);
    }

    #[test]
    fn ground_is_measured_at_border() {
        // One of the 32 border pixels of 8×8, not in a corner, is 30 off in one channel; the inside does not count.
        let mut rgb = [200u8; 8 * 8 * 3];
        rgb[3 * 2] = 230;
        rgb[3 * 27..3 * 29].fill(0);
        assert!((off_ground(&rgb, [200; 3]) - 30. / 96.).abs() < 1e-12);
    }

    #[test]
    fn way_lies_between_floor_and_ceiling() {
        let (floor, ceiling) = (scores(&[0., 0.1, 0., 0.1]), scores(&[0.9, 0.8, 0.7, 0.8]));
        let between = way(&scores(&[0.45, 0.45, 0.35, 0.45]), &floor, &ceiling);
        assert!((between.value - 0.5).abs() < 1e-12, "{between:?}");
        assert!(between.low <= between.value && between.value <= between.high);
        assert!((way(&ceiling, &floor, &ceiling).low - 1.).abs() < 1e-12);
        let score = ceiling.score();
        assert_eq!((score.pictures, score.ground.map(|ground| ground.value)), (4, Some(0.)));
    }
}
