//! Each voter alone: attention, haste, side, agreement with oneself.

use super::ballot::{Ballots, Choice, Vote};
use crate::stats::binomial::sign_test;
use crate::study::key::Key;
use serde::Serialize;

/// Largest fraction of attention checks that a careful voter misses.
const MISSED: f64 = 0.25;

/// Smallest median time of a careful voter, in milliseconds.
const HASTE: f64 = 500.;

/// Error of finding a one-sided voter among all, if there is none.
const ERROR: f64 = 0.05;

/// One voter.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// Name.
    pub voter: String,
    /// Votes on pairs of models, repeats not counted.
    pub votes: usize,
    /// Attention checks seen.
    pub checks: usize,
    /// Attention checks on which the voter did not choose the picture.
    pub missed: usize,
    /// Median time of a choice, in milliseconds.
    pub median_ms: f64,
    /// Choices of the left and of the right picture.
    pub sides: [u64; 2],
    /// Whether the voter chose one side too often for chance, all voters considered.
    pub one_sided: bool,
    /// Repeated pairs.
    pub repeats: usize,
    /// Repeated pairs with the same choice.
    pub agreed: usize,
    /// Whether the rule, fixed beforehand, leaves the voter out: more than a quarter of the checks missed, or a median
    /// below 500 ms.
    pub careless: bool,
}

/// The voters, in the order of their files.
pub fn people(key: &Key, ballots: &Ballots) -> Vec<Person> {
    let count = ballots.voters.len();
    let person = |(at, name): (usize, &String)| {
        let own: Vec<&Vote> = ballots.votes.iter().filter(|vote| vote.voter == at).collect();
        one(key, name, &own, count)
    };
    ballots.voters.iter().enumerate().map(person).collect()
}

fn one(key: &Key, name: &str, own: &[&Vote], voters: usize) -> Person {
    let (pairs, checks): (Vec<&Vote>, Vec<&Vote>) =
        own.iter().partition(|vote| key.pairs[vote.pair].models().is_some());
    let right =
        |vote: &&&Vote| vote.chosen().is_some_and(|at| key.pairs[vote.pair].pictures[at].model.is_some());
    let missed = checks.len() - checks.iter().filter(right).count();
    let side = |choice| pairs.iter().filter(|vote| vote.choice == choice).count() as u64;
    let sides = [side(Choice::Left), side(Choice::Right)];
    let repeats: Vec<&&Vote> = pairs.iter().filter(|vote| vote.repeat).collect();
    let first = |repeat: &Vote| pairs.iter().find(|vote| vote.pair == repeat.pair && !vote.repeat);
    let agreed =
        repeats.iter().filter(|again| first(again).is_some_and(|vote| vote.chosen() == again.chosen()));
    let mut times: Vec<u64> = own.iter().map(|vote| vote.ms).collect();
    times.sort_unstable();
    let middle = times.len() / 2;
    let median_ms = if times.len() % 2 == 1 {
        times[middle] as f64
    } else {
        times[middle.saturating_sub(1)..=middle].iter().sum::<u64>() as f64 / 2.
    };
    Person {
        voter: name.to_owned(),
        votes: pairs.len() - repeats.len(),
        checks: checks.len(),
        missed,
        median_ms,
        sides,
        one_sided: sign_test(sides[0], sides[1]) * (voters as f64) < ERROR,
        repeats: repeats.len(),
        agreed: agreed.count(),
        careless: missed as f64 > MISSED * checks.len() as f64 || median_ms < HASTE,
    }
}
