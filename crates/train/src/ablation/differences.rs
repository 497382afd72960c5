//! Differences of two sides over prompts and training seeds.

use crate::report::picture_scores::{PictureTable, SETS};
use crate::report::resample::{Groups, Interval, bootstrap_crossed};
use std::collections::BTreeMap;

/// Difference of two sides at one part of the budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Part of the budget.
    pub part: f64,
    /// Number of training seeds of both sides.
    pub seeds: usize,
    /// Mean difference of the alignment of seen concepts, with its interval over training seeds and prompts.
    pub alignment: Interval,
}

/// The first side's alignment minus the second's, on seen concepts, from both sides' scores for each training seed;
/// `None` if they have no common pictures.
///
/// Pictures are paired by prompt and seed. Training seeds and prompts are drawn on their own.
pub fn alignment(pairs: &[[PictureTable; 2]]) -> Option<Interval> {
    let mut rows: Vec<(usize, &str, f64)> = vec![];
    for (training, [one, other]) in pairs.iter().enumerate() {
        let seen = |table: &'_ PictureTable| {
            let rows = table.pictures.iter().filter(|row| row.set == SETS[0]);
            rows.map(|row| ((row.prompt.clone(), row.seed), row.alignment)).collect::<BTreeMap<_, _>>()
        };
        let others = seen(other);
        for row in one.pictures.iter().filter(|row| row.set == SETS[0]) {
            if let Some(alignment) = others.get(&(row.prompt.clone(), row.seed)) {
                rows.push((training, &row.prompt, row.alignment - alignment));
            }
        }
    }
    if rows.is_empty() {
        return None;
    }
    let prompts = Groups::by(rows.iter().map(|(_, prompt, _)| *prompt));
    let intervals = bootstrap_crossed([pairs.len(), prompts.count], |[trainings, weights]| {
        let (mut sum, mut total) = (0., 0.);
        for ((training, _, difference), prompt) in rows.iter().zip(&prompts.of) {
            let weight = trainings[*training] * weights[*prompt];
            sum += weight * difference;
            total += weight;
        }
        vec![sum / total]
    });
    intervals.first().copied()
}
