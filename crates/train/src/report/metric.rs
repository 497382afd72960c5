//! Metric of meaning: how well a picture shows its caption, by maps fitted on real pictures.
//!
//! From the features of a picture, one ridge regression predicts the text encoder's mean state of label and search words,
//! another the style. They are fitted on all real pictures, including left-out ones: the metric is not part of the model.

use super::backbone::Features;
use super::ridge::Ridge;
use super::score::PictureScores;
use super::subjects::Subject;
use crate::frozen::Frozen;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use tch::{Kind, Tensor};

/// Concepts and styles of pictures, with the meaning of each concept.
pub struct Vocabulary {
    /// Mean states of all concepts, centred and of length 1.
    concepts: Tensor,
    places: BTreeMap<String, i64>,
    styles: Vec<String>,
}

impl Vocabulary {
    /// Collects labels and styles of pictures, and computes the meanings with the text encoder.
    ///
    /// # Errors
    /// Errors of the text encoder.
    pub fn of(pictures: &[Subject], text: &Frozen) -> Result<Vocabulary> {
        let meanings: BTreeMap<&str, &str> =
            pictures.iter().map(|p| (p.label.as_str(), p.meaning.as_str())).collect();
        let places = meanings.keys().zip(0..).map(|(label, at)| (label.to_string(), at)).collect();
        let texts: Vec<String> = meanings.values().map(|m| m.to_string()).collect();
        let states = text.meanings(&texts)?;
        let concepts = unit(&(&states - states.mean_dim(0i64, true, Kind::Float)));
        let mut styles: Vec<String> = pictures.iter().map(|p| p.style.clone()).collect();
        styles.sort();
        styles.dedup();
        Ok(Vocabulary { concepts, places, styles })
    }

    /// Number of concepts.
    pub fn concepts(&self) -> usize {
        self.places.len()
    }

    /// The row of each picture's concept.
    fn concept_rows(&self, pictures: &[Subject]) -> Result<Tensor> {
        let place = |p: &Subject| {
            let at = self.places.get(&p.label).copied();
            at.with_context(|| format!("`{}` is unknown to the metric", p.label))
        };
        Ok(Tensor::from_slice(&pictures.iter().map(place).collect::<Result<Vec<i64>>>()?))
    }

    /// The number of each picture's style.
    fn style_rows(&self, pictures: &[Subject]) -> Result<Tensor> {
        let place = |p: &Subject| {
            let at = self.styles.iter().position(|style| *style == p.style);
            Ok(at.with_context(|| format!("the style `{}` is unknown to the metric", p.style))? as i64)
        };
        Ok(Tensor::from_slice(&pictures.iter().map(place).collect::<Result<Vec<i64>>>()?))
    }
}

/// Maps fitted on real pictures.
pub struct Metric {
    meaning: Ridge,
    style: Ridge,
}

impl Metric {
    /// Fits the maps on real pictures and the features of copies of them: one [`Features`] for each kind of copy, with
    /// a row for each picture.
    ///
    /// # Errors
    /// A label or style that the vocabulary lacks.
    pub fn fit(pictures: &[Subject], copies: &[Features], vocabulary: &Vocabulary) -> Result<Metric> {
        let meanings = vocabulary.concepts.index_select(0, &vocabulary.concept_rows(pictures)?);
        let styles = vocabulary.style_rows(pictures)?.one_hot(vocabulary.styles.len() as i64);
        let x = Tensor::cat(&copies.iter().map(|copy| &copy.head).collect::<Vec<_>>(), 0);
        let each = |y: &Tensor| y.repeat([copies.len() as i64, 1]);
        Ok(Metric { meaning: Ridge::fit(&x, &each(&meanings)), style: Ridge::fit(&x, &each(&styles)) })
    }

    /// Scores pictures against their intended content.
    ///
    /// # Errors
    /// A label or style that the vocabulary lacks.
    pub fn scores(
        &self,
        pictures: &[Subject],
        features: &Features,
        vocabulary: &Vocabulary,
    ) -> Result<PictureScores> {
        let own = vocabulary.concept_rows(pictures)?.unsqueeze(1);
        let cosines = unit(&self.meaning.predict(&features.head)).matmul(&vocabulary.concepts.tr());
        let mine = cosines.gather(1, &own, false);
        let better = cosines.gt_tensor(&mine).sum_dim_intlist(1i64, false, Kind::Int64);
        let style = self.style.predict(&features.head).argmax(1, false);
        let style = style.eq_tensor(&vocabulary.style_rows(pictures)?);
        let column = |x: Tensor| Vec::<f64>::try_from(x.reshape([-1]).to_kind(Kind::Double));
        let columns = [column(mine)?, column(better.lt(1))?, column(better.lt(5))?, column(style)?];
        Ok(PictureScores::new(pictures, columns))
    }
}

/// Rows of length 1.
pub fn unit(x: &Tensor) -> Tensor {
    x / (x.norm_scalaropt_dim(2, [1i64], true) + 1e-6)
}
