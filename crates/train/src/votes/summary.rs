//! Statistics of a set of voters.

use super::ballot::{Choice, Vote};
use crate::report::resample::{Interval, bootstrap_crossed};
use crate::stats::agreement::alpha;
use crate::stats::binomial::{sign_test, wilson};
use crate::stats::davidson::{self, Outcomes};
use crate::study::key::Key;
use serde::Serialize;
use std::collections::BTreeMap;

/// Shares of two models and of neither, in the order first, neither, second.
#[derive(Debug, Clone, Serialize)]
pub struct Shares {
    /// Numbers of the models.
    pub models: [usize; 2],
    /// Votes.
    pub votes: usize,
    /// Shares with intervals over voters and prompts.
    pub shares: [Interval; 3],
    /// The first model's share of the votes for one of the two.
    pub decided: Interval,
    /// Wilson's interval of that share, which takes the votes as independent and is therefore too narrow.
    pub wilson: [f64; 2],
    /// p value of the sign test over votes, which takes them as independent.
    pub sign_test: f64,
    /// Voters who prefer the first model more often, equally often, the second.
    pub people: [u64; 3],
    /// Majorities of the half of the voters with the most votes.
    pub busiest: [u64; 3],
    /// p value of the sign test over voters.
    pub sign_test_people: f64,
}

/// Statistics of all votes of a set of voters.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Number of voters.
    pub voters: usize,
    /// Votes on pairs of models, repeats not counted.
    pub votes: usize,
    /// Each pair of models.
    pub pairs: Vec<Shares>,
    /// Each pair of models in each category of prompts.
    pub categories: BTreeMap<String, Vec<Shares>>,
    /// Share of the left picture among the votes for one of the two.
    pub left: Interval,
    /// Share of the repeated pairs on which voters agree with themselves.
    pub self_agreement: Option<Interval>,
    /// Krippendorff's α over the values first, neither, second; interval over prompts. `None` if no pair has two voters.
    pub alpha: Option<Interval>,
    /// Strengths of the models by Bradley and Terry with Davidson's ties, as logarithms with a mean of 0.
    pub strengths: Vec<Interval>,
    /// ln ν of Davidson's model; `None` without ties.
    pub tie: Option<f64>,
}

/// A vote with its place in the resampling.
struct Row<'a> {
    vote: &'a Vote,
    voter: usize,
    prompt: usize,
    models: [usize; 2],
    /// 0, 1 or 2: the lower model, neither, the higher one.
    outcome: usize,
}

/// Computes the statistics of votes, which may be of some voters only.
pub fn summary(key: &Key, votes: &[Vote]) -> Summary {
    let numbers = |all: Vec<usize>| -> BTreeMap<usize, usize> {
        let mut sorted = all;
        sorted.sort_unstable();
        sorted.dedup();
        sorted.into_iter().zip(0..).collect()
    };
    let of_models = |vote: &&Vote| key.pairs[vote.pair].models().is_some();
    let voters = numbers(votes.iter().filter(of_models).map(|vote| vote.voter).collect());
    let prompts = numbers(votes.iter().filter(of_models).map(|vote| key.pairs[vote.pair].prompt).collect());
    let row = |vote: &'_ Vote| {
        let pair = &key.pairs[vote.pair];
        let [a, b] = pair.models()?;
        let models = [a.min(b), a.max(b)];
        let outcome = vote.chosen().map_or(1, |at| if [a, b][at] == models[0] { 0 } else { 2 });
        Some((models, outcome, voters[&vote.voter], prompts[&pair.prompt]))
    };
    let rows = votes.iter().filter_map(|vote| {
        let (models, outcome, voter, prompt) = row(vote)?;
        Some(Row { vote, voter, prompt, models, outcome })
    });
    let (repeats, first): (Vec<Row<'_>>, Vec<Row<'_>>) = rows.partition(|row| row.vote.repeat);
    let size = [voters.len(), prompts.len()];
    let all: Vec<&Row<'_>> = first.iter().collect();
    let named = key.by_number();
    let mut by_category: BTreeMap<String, Vec<&Row<'_>>> = BTreeMap::new();
    for row in &first {
        let prompt = key.pairs[row.vote.pair].prompt;
        by_category.entry(named[&prompt].category.clone()).or_default().push(row);
    }
    let (strengths, tie) = strengths(key.models.len(), &all, size);
    Summary {
        voters: voters.len(),
        votes: first.len(),
        pairs: shares(&all, size),
        categories: by_category.into_iter().map(|(name, rows)| (name, shares(&rows, size))).collect(),
        left: share(&all, size, |row| match row.vote.choice {
            Choice::Left => Some(true),
            Choice::Right => Some(false),
            Choice::Neither => None,
        }),
        self_agreement: (!repeats.is_empty()).then(|| {
            let before = |again: &Row<'_>| {
                let same = |row: &&Row<'_>| row.voter == again.voter && row.vote.pair == again.vote.pair;
                first.iter().find(same).map(|row| row.outcome == again.outcome)
            };
            share(&repeats.iter().collect::<Vec<_>>(), size, before)
        }),
        alpha: agreement(&all),
        strengths,
        tie,
    }
}

/// The share of the rows for which `hit` holds, among those for which it is known.
fn share(rows: &[&Row<'_>], size: [usize; 2], hit: impl Fn(&Row<'_>) -> Option<bool>) -> Interval {
    let known: Vec<(usize, usize, f64)> =
        rows.iter().filter_map(|row| Some((row.voter, row.prompt, f64::from(u8::from(hit(row)?))))).collect();
    bootstrap_crossed(size, |[voters, prompts]| {
        let (mut hits, mut total) = (0., 0.);
        for (voter, prompt, hit) in &known {
            let weight = voters[*voter] * prompts[*prompt];
            hits += weight * hit;
            total += weight;
        }
        vec![hits / total]
    })[0]
}

/// The votes of each pair of models.
fn by_models<'a, 'b>(rows: &[&'a Row<'b>]) -> BTreeMap<[usize; 2], Vec<&'a Row<'b>>> {
    let mut pairs: BTreeMap<[usize; 2], Vec<&Row<'_>>> = BTreeMap::new();
    rows.iter().for_each(|row| pairs.entry(row.models).or_default().push(row));
    pairs
}

fn shares(rows: &[&Row<'_>], size: [usize; 2]) -> Vec<Shares> {
    let of = |(models, rows): ([usize; 2], Vec<&Row<'_>>)| {
        let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count() as u64;
        let (first, second) = (count(0), count(2));
        let (people, busiest) = majorities(&rows);
        Shares {
            models,
            votes: rows.len(),
            shares: [0, 1, 2].map(|outcome| share(&rows, size, |row| Some(row.outcome == outcome))),
            decided: share(&rows, size, |row| (row.outcome != 1).then_some(row.outcome == 0)),
            wilson: wilson(first as f64, (first + second) as f64),
            sign_test: sign_test(first, second),
            people,
            busiest,
            sign_test_people: sign_test(people[0], people[2]),
        }
    };
    by_models(rows).into_iter().map(of).collect()
}

/// Preferences by voter: of all, and of the half with the most votes.
fn majorities(rows: &[&Row<'_>]) -> ([u64; 3], [u64; 3]) {
    let mut voters: BTreeMap<usize, [u64; 3]> = BTreeMap::new();
    rows.iter().for_each(|row| voters.entry(row.voter).or_default()[row.outcome] += 1);
    let mut voters: Vec<[u64; 3]> = voters.into_values().collect();
    voters.sort_by_key(|counts| std::cmp::Reverse(counts.iter().sum::<u64>()));
    let count = |some: &[[u64; 3]]| {
        let mut counts = [0; 3];
        some.iter().for_each(|[first, _, second]| {
            counts[1 + usize::from(second > first) - usize::from(first > second)] += 1
        });
        counts
    };
    (count(&voters), count(&voters[..voters.len().div_ceil(2)]))
}

/// Krippendorff's α; a unit is a pair, a rater a voter.
fn agreement(rows: &[&Row<'_>]) -> Option<Interval> {
    let mut units: BTreeMap<usize, (usize, [f64; 3])> = BTreeMap::new();
    for row in rows {
        units.entry(row.vote.pair).or_insert((row.prompt, [0.; 3])).1[row.outcome] += 1.;
    }
    let (prompts, units): (Vec<usize>, Vec<[f64; 3]>) = units.into_values().unzip();
    let count = prompts.iter().max()? + 1;
    let interval = bootstrap_crossed([count], |[weights]| {
        let weights: Vec<f64> = prompts.iter().map(|prompt| weights[*prompt]).collect();
        vec![alpha(&units, &weights)]
    })[0];
    interval.value.is_finite().then_some(interval)
}

fn strengths(models: usize, rows: &[&Row<'_>], size: [usize; 2]) -> (Vec<Interval>, Option<f64>) {
    let pairs = by_models(rows);
    let outcomes = |[voters, prompts]: [&[f64]; 2]| -> Vec<Outcomes> {
        let of = |(models, rows): (&[usize; 2], &Vec<&Row<'_>>)| {
            let mut counts = [0.; 3];
            rows.iter().for_each(|row| counts[row.outcome] += voters[row.voter] * prompts[row.prompt]);
            Outcomes { models: *models, counts }
        };
        pairs.iter().map(of).collect()
    };
    let intervals = bootstrap_crossed(size, |weights| davidson::fit(models, &outcomes(weights)).strengths);
    let ones = size.map(|n| vec![1.; n]);
    (intervals, davidson::fit(models, &outcomes(ones.each_ref().map(Vec::as_slice))).tie)
}
