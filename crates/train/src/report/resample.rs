//! Intervals and standard errors from resampling: the variation of a measure with other prompts.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bootstrap draws of an interval.
const DRAWS: usize = 1000;

/// Seed of the draws, so that equal pictures give equal reports.
const SEED: u64 = 16;

/// Fraction of the draws outside an interval on each side.
const TAIL: f64 = 0.025;

/// A measure with the interval of 95 % of its bootstrap draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The measure of the whole sample.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A measure with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The measure of the whole sample.
    pub value: f64,
    /// Standard error.
    pub error: f64,
}

/// The group of each row of a sample; groups are drawn or left out as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// Group of each row.
    pub of: Vec<usize>,
    /// Number of groups.
    pub count: usize,
}

impl Groups {
    /// One group for each distinct key, numbered in the order of the keys.
    pub fn by<'a>(keys: impl Iterator<Item = &'a str> + Clone) -> Groups {
        let mut numbers: BTreeMap<&str, usize> = keys.clone().map(|key| (key, 0)).collect();
        numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
        Groups { of: keys.map(|key| numbers[key]).collect(), count: numbers.len() }
    }

    /// Groups of two samples with common numbers: keys distributed over at most `most` groups.
    pub fn shared<'a>(one: &[&'a str], other: &[&'a str], most: usize) -> (Groups, Groups) {
        let all = Groups::by(one.iter().chain(other).copied());
        let of: Vec<usize> = all.of.iter().map(|group| group % most).collect();
        let (first, second) = of.split_at(one.len());
        let groups = |of: &[usize]| Groups { of: of.to_vec(), count: all.count.min(most) };
        (groups(first), groups(second))
    }

    /// The sums of a column within each group.
    pub fn sums(&self, column: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut sums = vec![0.; self.count];
        self.of.iter().zip(column).for_each(|(group, value)| sums[*group] += value);
        sums
    }
}

/// Draws `groups` groups with replacement, a thousand times, and returns the percentile intervals of `measure`, which
/// gets the number of draws of each group.
pub fn bootstrap<const N: usize>(groups: usize, measure: impl Fn(&[f64]) -> [f64; N]) -> [Interval; N] {
    let intervals = bootstrap_crossed([groups], |[weights]| measure(weights).to_vec());
    std::array::from_fn(|at| intervals[at])
}

/// As [`bootstrap`], for samples with several groupings, such as voters and prompts, of which each is drawn on its own.
///
/// Draws in which a measure is not finite, such as a share of nothing, do not count for it; an interval without a draw is
/// NaN.
pub fn bootstrap_crossed<const M: usize>(
    groups: [usize; M],
    measure: impl Fn([&[f64]; M]) -> Vec<f64>,
) -> Vec<Interval> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut weights = groups.map(|groups| vec![1.; groups]);
    let values = measure(weights.each_ref().map(Vec::as_slice));
    let mut draws: Vec<Vec<f64>> = vec![Vec::with_capacity(DRAWS); values.len()];
    for _ in 0..DRAWS {
        for weights in &mut weights {
            weights.fill(0.);
            let groups = weights.len();
            (0..groups).for_each(|_| weights[rng.random_range(0..groups)] += 1.);
        }
        let drawn = measure(weights.each_ref().map(Vec::as_slice));
        draws.iter_mut().zip(drawn).filter(|(_, x)| x.is_finite()).for_each(|(all, value)| all.push(value));
    }
    let interval = |(value, mut sorted): (f64, Vec<f64>)| {
        sorted.sort_by(f64::total_cmp);
        let place = |share: f64| {
            sorted
                .get((sorted.len().saturating_sub(1) as f64 * share).round() as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        Interval { value, low: place(TAIL), high: place(1. - TAIL) }
    };
    values.into_iter().zip(draws).map(interval).collect()
}

/// The mean of a column, from sums and counts by group, with the groups weighted.
pub fn weighted_mean(sums: &[f64], counts: &[f64], weights: &[f64]) -> f64 {
    let total = |column: &[f64]| -> f64 { column.iter().zip(weights).map(|(x, w)| x * w).sum() };
    total(sums) / total(counts)
}

/// The jackknife's standard error, from the measures of the sample without each group.
pub fn jackknife(without: &[f64]) -> f64 {
    let n = without.len() as f64;
    let mean = without.iter().sum::<f64>() / n;
    ((n - 1.) / n * without.iter().map(|value| (value - mean).powi(2)).sum::<f64>()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wuerst_model::noise::Noise;

    fn interval_of_mean(values: &[f64], keys: &[String]) -> Interval {
        let groups = Groups::by(keys.iter().map(String::as_str));
        let (sums, counts) = (groups.sums(values.iter().copied()), groups.sums(values.iter().map(|_| 1.)));
        bootstrap(groups.count, |weights| [weighted_mean(&sums, &counts, weights)])[0]
    }

    #[test]
    fn interval_has_known_width() {
        let values: Vec<f64> = Noise::new(3).normal(400).into_iter().map(f64::from).collect();
        let mean = values.iter().sum::<f64>() / 400.;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 399.).sqrt();
        let keys: Vec<String> = (0..400).map(|i| i.to_string()).collect();
        let alone = interval_of_mean(&values, &keys);
        let expected = 2. * 1.96 * deviation / 20.;
        assert!((alone.value - mean).abs() < 1e-12 && alone.low < mean && mean < alone.high);
        assert!(((alone.high - alone.low) / expected - 1.).abs() < 0.1, "{alone:?}, expected {expected}");

        // Every value twice under one key is no more knowledge than once: the interval stays as wide.
        let doubled: Vec<f64> = values.iter().chain(&values).copied().collect();
        let keys: Vec<String> = keys.iter().chain(&keys).cloned().collect();
        let twice = interval_of_mean(&doubled, &keys);
        assert!(((twice.high - twice.low) / (alone.high - alone.low) - 1.).abs() < 1e-9, "{twice:?}");
    }

    #[test]
    fn shared_groups_have_same_numbers() {
        let (one, other) = Groups::shared(&["b", "a", "d"], &["d", "c", "b"], 3);
        assert_eq!((one.of, one.count), (vec![1, 0, 0], 3));
        assert_eq!(other.of, [0, 2, 1]);
        assert_eq!(Groups::shared(&["a"], &["b"], 50).1, Groups { of: vec![1], count: 2 });
    }

    #[test]
    fn jackknife_of_mean_is_standard_error() {
        let values = [1., 4., 4., 7., 9.];
        let sum: f64 = values.iter().sum();
        let without: Vec<f64> = values.iter().map(|value| (sum - value) / 4.).collect();
        // Squared deviations of 16, 1, 1, 4 and 16, so a variance of 9.5.
        assert!((jackknife(&without) - (9.5f64 / 5.).sqrt()).abs() < 1e-12);
    }
}
