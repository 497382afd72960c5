//! Real pictures, networks and fitted maps for measuring sets of pictures.

use super::backbone::{Backbone, Features, View};
use super::distortion::Distortion;
use super::metric::{Metric, Vocabulary};
use super::score::PictureScores;
use super::subjects::{Gallery, Subject};
use crate::config::RunConfig;
use crate::data::manifest::DatasetSplit;
use crate::frozen::Frozen;
use anyhow::{Result, ensure};
use rayon::prelude::*;

/// Number of variants of each real picture for fitting the metric; measurements use later ones.
pub const FITTED: usize = 2;

/// Distorted copies for fitting the robust metric, in addition to the original pictures. Each copy uses its three
/// distortions in turn.
const COPIES: [[Distortion; 3]; 3] = [
    [Distortion::Noise(2.), Distortion::Noise(4.), Distortion::Noise(8.)],
    [Distortion::Blur(0.5), Distortion::Blur(0.75), Distortion::Blur(1.)],
    [Distortion::Jpeg(90), Distortion::Jpeg(75), Distortion::Jpeg(60)],
];

/// Seed of the grain on measured pictures: equal row by row in each set, so that it cancels between sets.
const GRAIN: u64 = 1;

/// Pictures and their features in both views.
pub struct Measured {
    /// The pictures.
    pub pictures: Vec<Subject>,
    /// Features of the unchanged pictures.
    pub plain: Features,
    /// Features under noise.
    pub sturdy: Features,
}

impl Measured {
    /// These pictures, each with the caption of another one.
    pub fn shuffled(&self) -> Measured {
        let mut pictures = self.pictures.clone();
        pictures.rotate_left(self.pictures.len() / 2);
        for (subject, picture) in pictures.iter_mut().zip(&self.pictures) {
            subject.rgb.clone_from(&picture.rgb);
        }
        let all = |features: &Features| features.narrow(0, self.pictures.len());
        Measured { pictures, plain: all(&self.plain), sturdy: all(&self.sturdy) }
    }
}

/// Scores of a set of pictures by both metrics.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Scores by the maps fitted on unchanged pictures.
    pub plain: PictureScores,
    /// Scores by the maps fitted also on distorted copies, with noise.
    pub sturdy: PictureScores,
}

/// All data for measuring sets of pictures.
pub struct Bench {
    /// Pictures of training sprites.
    pub train: Gallery,
    /// Pictures of cells for the validation loss.
    pub val: Gallery,
    /// Pictures of concepts in styles that training leaves out.
    pub style: Gallery,
    /// Pictures of concepts that training leaves out.
    pub concept: Gallery,
    /// Training pictures to compare with.
    pub training: Measured,
    /// The text encoder.
    pub text: Frozen,
    vocabulary: Vocabulary,
    backbone: Backbone,
    plain: Metric,
    sturdy: Metric,
}

impl Bench {
    /// Fits both metrics on the real pictures of a run.
    ///
    /// # Errors
    /// Missing data, or an error of ONNX Runtime.
    pub fn open(config: &RunConfig) -> Result<Bench> {
        let gallery = |split| Gallery::open(&config.cache, &config.data, split);
        let (train, val) = (gallery(DatasetSplit::Train)?, gallery(DatasetSplit::Val)?);
        let (style, concept) = (gallery(DatasetSplit::TestStyle)?, gallery(DatasetSplit::TestConcept)?);
        let backbone = Backbone::open(&config.cache, config.threads)?;
        let shown = |g: &Gallery| g.pictures(0, FITTED * g.entries());
        let mut pictures = shown(&train);
        let count = pictures.len();
        pictures.extend([&val, &style, &concept].into_iter().flat_map(shown));

        let text = Frozen::open(config)?;
        let vocabulary = Vocabulary::of(&pictures, &text)?;
        let plain = backbone.features(&pictures, View::Plain, "features of real pictures")?;
        let metric = Metric::fit(&pictures, std::slice::from_ref(&plain), &vocabulary)?;
        let grainy = View::Grainy(GRAIN);
        let mut copies = vec![backbone.features(&pictures, grainy, "features of grainy pictures")?];
        for (changes, seed) in COPIES.into_iter().zip(GRAIN + 1..) {
            let changed = distorted(&pictures, &changes, seed)?;
            copies.push(backbone.features(&changed, View::Grainy(seed), "features of changed pictures")?);
        }
        let sturdy = Metric::fit(&pictures, &copies, &vocabulary)?;
        pictures.truncate(count);
        let training =
            Measured { pictures, plain: plain.narrow(0, count), sturdy: copies[0].narrow(0, count) };
        Ok(Bench { train, val, style, concept, training, text, vocabulary, backbone, plain: metric, sturdy })
    }

    /// Number of concepts that the metrics distinguish.
    pub fn concepts(&self) -> usize {
        self.vocabulary.concepts()
    }

    /// Features of pictures in both views.
    ///
    /// # Errors
    /// No pictures, or an error of ONNX Runtime.
    pub fn measure(&self, pictures: Vec<Subject>) -> Result<Measured> {
        ensure!(!pictures.is_empty(), "a split has no pictures in these styles and groups");
        let plain = self.backbone.features(&pictures, View::Plain, "features")?;
        let sturdy = self.backbone.features(&pictures, View::Grainy(GRAIN), "features of grainy pictures")?;
        Ok(Measured { pictures, plain, sturdy })
    }

    /// Scores pictures against their intended content.
    ///
    /// # Errors
    /// A label or style that the run's data lacks.
    pub fn score(&self, set: &Measured) -> Result<Scored> {
        Ok(Scored {
            plain: self.plain.scores(&set.pictures, &set.plain, &self.vocabulary)?,
            sturdy: self.sturdy.scores(&set.pictures, &set.sturdy, &self.vocabulary)?,
        })
    }
}

/// Pictures changed by each of the distortions in turn; noise depends on `seed` and the picture's index.
///
/// # Errors
/// Pictures that are not square.
pub fn distorted(pictures: &[Subject], distortions: &[Distortion], seed: u64) -> Result<Vec<Subject>> {
    let change = |(at, subject): (usize, &Subject)| {
        let rgb = distortions[at % distortions.len()].apply(&subject.rgb, seed << 32 | at as u64)?;
        Ok(Subject { rgb, ..subject.clone() })
    };
    pictures.par_iter().enumerate().map(change).collect()
}
