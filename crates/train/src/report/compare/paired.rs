//! Differences of paired pictures.

use crate::report::picture_scores::{PictureRow, PictureTable, SETS};
use crate::report::resample::{Groups, Interval, bootstrap, weighted_mean};
use crate::stats::binomial::sign_test;
use anyhow::{Result, ensure};
use serde::Serialize;
use std::collections::BTreeMap;

/// A measure of a picture; larger is better.
type Measure = (&'static str, fn(&PictureRow) -> f64);

/// All measures, the two of the judge first.
const MEASURES: [Measure; 6] = [
    ("alignment", |row| row.alignment),
    ("realness", |row| row.realness),
    ("top 1", |row| row.top1),
    ("top 5", |row| row.top5),
    ("style", |row| row.style),
    ("background", |row| row.background),
];

/// Comparison of two models.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Names of the models.
    pub models: [String; 2],
    /// Pictures of one model that the other one lacks.
    pub unpaired: usize,
    /// Each set of prompts that both models have pictures of.
    pub sets: Vec<SetComparison>,
}

/// Comparison on one set of prompts.
#[derive(Debug, Clone, Serialize)]
pub struct SetComparison {
    /// Name of the set.
    pub set: String,
    /// Pairs of pictures of one prompt and seed.
    pub pairs: usize,
    /// Each measure.
    pub measures: Vec<Difference>,
    /// Share of the pairs in which the judge prefers the first model's picture; ties count half.
    pub win_rate: Interval,
    /// Pairs in which the judge prefers the first model's picture, neither, the second's.
    pub wins: [u64; 3],
    /// p value of the sign test on these, which takes the pairs as independent.
    pub sign_test: f64,
}

/// Difference of one measure.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// Name of the measure.
    pub measure: &'static str,
    /// Mean of the first model.
    pub one: Interval,
    /// Mean of the second model.
    pub other: Interval,
    /// First minus second, with the interval over prompts.
    pub difference: Interval,
    /// Pairs in which the first model has more, equally much, less.
    pub better: [u64; 3],
    /// p value of the sign test on these, which takes the pairs as independent.
    pub sign_test: f64,
}

/// Pairs the pictures of two models by set, prompt and seed, and compares them.
///
/// # Errors
/// A picture that a table holds twice, or a score that is no number.
pub fn compare(tables: &[PictureTable; 2]) -> Result<Comparison> {
    let [one, other] = tables;
    let (one, other) = (by_key(one)?, by_key(other)?);
    let pairs: Vec<[&PictureRow; 2]> =
        one.iter().filter_map(|(key, row)| Some([*row, *other.get(key)?])).collect();
    let deviations =
        [0, 1].map(|judge| deviation(pairs.iter().map(|pair| difference(pair, MEASURES[judge].1))));
    let mut sets = vec![];
    for set in SETS {
        let of_set: Vec<[&PictureRow; 2]> = pairs.iter().filter(|[row, _]| row.set == set).copied().collect();
        if !of_set.is_empty() {
            sets.push(compare_set(set, &of_set, deviations));
        }
    }
    let unpaired = one.len() + other.len() - 2 * pairs.len();
    Ok(Comparison { models: tables.each_ref().map(|table| table.model.clone()), unpaired, sets })
}

type Pictures<'a> = BTreeMap<(&'a str, &'a str, i64), &'a PictureRow>;

fn by_key(table: &PictureTable) -> Result<Pictures<'_>> {
    let mut rows = BTreeMap::new();
    for row in &table.pictures {
        let twice = rows.insert((row.set.as_str(), row.prompt.as_str(), row.seed), row).is_some();
        ensure!(!twice, "the report of {} has `{}` with seed {} twice", table.model, row.prompt, row.seed);
        let finite = MEASURES.iter().all(|(_, measure)| measure(row).is_finite());
        ensure!(finite, "the report of {} has a score of `{}` that is no number", table.model, row.prompt);
    }
    Ok(rows)
}

fn difference([one, other]: &[&PictureRow; 2], measure: fn(&PictureRow) -> f64) -> f64 {
    measure(one) - measure(other)
}

/// Root mean square; 1 if all values are 0, because it divides.
fn deviation(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0., 0.), |(sum, n), value| (sum + value * value, n + 1.));
    Some((sum / f64::max(n, 1.)).sqrt()).filter(|value| *value > 0.).unwrap_or(1.)
}

fn counts(values: &[f64]) -> [u64; 3] {
    let mut counts = [0; 3];
    values.iter().for_each(|value| counts[1 + usize::from(*value < 0.) - usize::from(*value > 0.)] += 1);
    counts
}

fn compare_set(set: &str, pairs: &[[&PictureRow; 2]], deviations: [f64; 2]) -> SetComparison {
    let groups = Groups::by(pairs.iter().map(|[row, _]| row.prompt.as_str()));
    let sizes = groups.sums(pairs.iter().map(|_| 1.));
    let means = |values: [&[f64]; 2]| {
        let sums = values.map(|column| groups.sums(column.iter().copied()));
        bootstrap(groups.count, |weights| {
            let [one, other] = [0, 1].map(|at| weighted_mean(&sums[at], &sizes, weights));
            [one, other, one - other]
        })
    };
    let of = |(name, measure): &Measure| {
        let [ones, others] = [0, 1].map(|at| pairs.iter().map(|pair| measure(pair[at])).collect::<Vec<_>>());
        let [one, other, difference] = means([&ones, &others]);
        let better = counts(&ones.iter().zip(&others).map(|(a, b)| a - b).collect::<Vec<_>>());
        Difference {
            measure: name,
            one,
            other,
            difference,
            better,
            sign_test: sign_test(better[0], better[2]),
        }
    };
    let judged: Vec<f64> = pairs
        .iter()
        .map(|pair| (0..2).map(|judge| difference(pair, MEASURES[judge].1) / deviations[judge]).sum())
        .collect();
    let won: Vec<f64> =
        judged.iter().map(|d: &f64| if *d == 0. { 0.5 } else { f64::from(u8::from(*d > 0.)) }).collect();
    let wins = counts(&judged);
    let [win_rate, ..] = means([&won, &won]);
    SetComparison {
        set: set.to_owned(),
        pairs: pairs.len(),
        measures: MEASURES.iter().map(of).collect(),
        win_rate,
        wins,
        sign_test: sign_test(wins[0], wins[2]),
    }
}
