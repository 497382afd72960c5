//! The metric of meaning: how well a picture shows what its caption says, by maps fitted on real pictures.
//!
//! From the features of a picture, one ridge regression predicts the text encoder's mean state of label and search
//! words, another the style. They are fitted on all real pictures, hidden cells included: the metric is no part of
//! the model.

use super::backbone::Features;
use super::subjects::Subject;
use crate::data::palette::COLOURS;
use crate::frozen::Frozen;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tch::{Kind, Tensor};

/// Pull of the maps towards zero, as a share of the number of pictures; features have variance 1.
const RIDGE: f64 = 0.1;

/// How well a set of pictures shows what it should.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Pictures measured.
    pub pictures: usize,
    /// Mean cosine between the predicted and the true meaning, −1 to 1.
    pub alignment: f64,
    /// Share of pictures whose own concept is the nearest of all.
    pub top1: f64,
    /// Share of pictures whose own concept is among the nearest five.
    pub top5: f64,
    /// Share of pictures that look most like the style they should have.
    pub style: f64,
    /// Share of pictures whose border is nearest to the background colour they should have.
    pub background: f64,
}

/// Maps fitted on real pictures.
pub struct Metric {
    meaning: Ridge,
    style: Ridge,
    /// Mean states of all concepts, centred and of length 1.
    concepts: Tensor,
    places: BTreeMap<String, i64>,
    styles: Vec<String>,
}

impl Metric {
    /// Fits the maps on real pictures and their features.
    ///
    /// # Errors
    /// Whatever the text encoder says.
    pub fn fit(pictures: &[Subject], features: &Features, text: &Frozen) -> Result<Metric> {
        let meanings: BTreeMap<&str, &str> =
            pictures.iter().map(|p| (p.label.as_str(), p.meaning.as_str())).collect();
        let places = meanings.keys().zip(0..).map(|(label, at)| (label.to_string(), at)).collect();
        let texts: Vec<String> = meanings.values().map(|m| m.to_string()).collect();
        let states = text.meanings(&texts)?;
        let concepts = unit(&(&states - states.mean_dim(0i64, true, Kind::Float)));
        let mut styles: Vec<String> = pictures.iter().map(|p| p.style.clone()).collect();
        styles.sort();
        styles.dedup();
        let metric = Metric { meaning: Ridge::none(), style: Ridge::none(), concepts, places, styles };
        let targets = metric.concepts.index_select(0, &metric.own(pictures)?);
        let wanted = metric.own_style(pictures)?.one_hot(metric.styles.len() as i64);
        Ok(Metric {
            meaning: Ridge::fit(&features.head, &targets),
            style: Ridge::fit(&features.head, &wanted),
            ..metric
        })
    }

    /// Concepts that the metric tells apart.
    pub fn concepts(&self) -> usize {
        self.places.len()
    }

    /// Scores pictures by what they should show.
    ///
    /// # Errors
    /// A label or style that the metric was not fitted on.
    pub fn score(&self, pictures: &[Subject], features: &Features) -> Result<Score> {
        let own = self.own(pictures)?.unsqueeze(1);
        let cosines = unit(&self.meaning.predict(&features.head)).matmul(&self.concepts.tr());
        let mine = cosines.gather(1, &own, false);
        let better = cosines.gt_tensor(&mine).sum_dim_intlist(1i64, false, Kind::Int64);
        let style = self.style.predict(&features.head).argmax(1, false).eq_tensor(&self.own_style(pictures)?);
        let on_colour = pictures.iter().filter(|p| border(&p.rgb) == p.background).count();
        Ok(Score {
            pictures: pictures.len(),
            alignment: mean(&mine),
            top1: mean(&better.lt(1)),
            top5: mean(&better.lt(5)),
            style: mean(&style),
            background: on_colour as f64 / pictures.len() as f64,
        })
    }

    fn own(&self, pictures: &[Subject]) -> Result<Tensor> {
        let place = |p: &Subject| {
            self.places
                .get(&p.label)
                .copied()
                .with_context(|| format!("`{}` is unknown to the metric", p.label))
        };
        Ok(Tensor::from_slice(&pictures.iter().map(place).collect::<Result<Vec<i64>>>()?))
    }

    fn own_style(&self, pictures: &[Subject]) -> Result<Tensor> {
        let place = |p: &Subject| {
            let at = self.styles.iter().position(|style| *style == p.style);
            Ok(at.with_context(|| format!("the style `{}` is unknown to the metric", p.style))? as i64)
        };
        Ok(Tensor::from_slice(&pictures.iter().map(place).collect::<Result<Vec<i64>>>()?))
    }
}

fn mean(x: &Tensor) -> f64 {
    x.to_kind(Kind::Double).mean(Kind::Double).double_value(&[])
}

/// Rows of length 1.
pub fn unit(x: &Tensor) -> Tensor {
    x / (x.norm_scalaropt_dim(2, [1i64], true) + 1e-6)
}

/// The palette's colour that is nearest to the median of a picture's border.
fn border(rgb: &[u8]) -> usize {
    let side = (rgb.len() / 3).isqrt();
    let median = [0, 1, 2].map(|channel| {
        let edge = |i: usize| [i, i + side * (side - 1), i * side, i * side + side - 1];
        let mut values: Vec<u8> = (0..side).flat_map(edge).map(|pixel| rgb[pixel * 3 + channel]).collect();
        values.sort_unstable();
        i32::from(values[values.len() / 2])
    });
    let distance =
        |colour: [u8; 3]| -> i32 { colour.iter().zip(median).map(|(a, b)| (i32::from(*a) - b).pow(2)).sum() };
    (0..COLOURS.len()).min_by_key(|at| distance(COLOURS[*at].rgb)).unwrap_or(0)
}

/// A linear map with offset, from standardised features.
struct Ridge {
    mean: Tensor,
    deviation: Tensor,
    offset: Tensor,
    map: Tensor,
}

impl Ridge {
    fn none() -> Ridge {
        let nothing = || Tensor::from_slice(&[0f64]);
        Ridge { mean: nothing(), deviation: nothing(), offset: nothing(), map: nothing() }
    }

    /// W = (XᵀX + λ·n·1)⁻¹·XᵀY of rows X `[n,d]` and Y `[n,e]`, both centred.
    fn fit(x: &Tensor, y: &Tensor) -> Ridge {
        let (x, y) = (x.to_kind(Kind::Double), y.to_kind(Kind::Double));
        let (mean, offset) = (x.mean_dim(0i64, true, Kind::Double), y.mean_dim(0i64, true, Kind::Double));
        let deviation = x.std_dim(0i64, true, true) + 1e-6;
        let (x, y) = ((x - &mean) / &deviation, y - &offset);
        let penalty = Tensor::eye(x.size()[1], (Kind::Double, x.device())) * (RIDGE * x.size()[0] as f64);
        let map = Tensor::linalg_solve(&(x.tr().matmul(&x) + penalty), &x.tr().matmul(&y), true);
        Ridge { mean, deviation, offset, map }
    }

    fn predict(&self, x: &Tensor) -> Tensor {
        let x = (x.to_kind(Kind::Double) - &self.mean) / &self.deviation;
        (x.matmul(&self.map) + &self.offset).to_kind(Kind::Float)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn a_linear_relation_is_found() {
        tch::manual_seed(1);
        let x = Tensor::randn([400, 5], (Kind::Float, Device::Cpu)) * 3. + 1.;
        let y = x.matmul(&Tensor::randn([5, 2], (Kind::Float, Device::Cpu))) + 2.;
        let off = (Ridge::fit(&x, &y).predict(&x) - &y).square().mean(Kind::Float) / y.var(true);
        // The penalty of a tenth shrinks the map by a tenth, which leaves a hundredth of the variance.
        assert!(off.double_value(&[]) < 0.02);
    }

    #[test]
    fn a_border_s_colour_is_the_background() {
        let blue = COLOURS.iter().position(|c| c.name == "blue").unwrap();
        let mut rgb = COLOURS[blue].rgb.repeat(64);
        rgb[3 * 27..3 * 29].fill(255);
        rgb[..6].fill(0);
        assert_eq!(border(&rgb), blue);
    }
}
