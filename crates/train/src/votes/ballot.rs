//! Ballots of voters, checked against the key.

use crate::study::key::{FORMAT, Key, Pair};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use wuerst_read::regular;

/// Maximum length of a file of votes, in bytes.
const LONGEST: u64 = 64 << 20;

/// A voter's choice between two pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The left picture.
    Left,
    /// The right picture.
    Right,
    /// Neither is better.
    Neither,
}

impl Choice {
    fn name(self) -> &'static str {
        match self {
            Choice::Left => "left",
            Choice::Right => "right",
            Choice::Neither => "neither",
        }
    }
}

/// A file of votes, as the page writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ballot {
    ballot: u32,
    study: String,
    voter: String,
    votes: Vec<Given>,
    seal: String,
}

/// A vote, as the page writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    pair: String,
    prompt: usize,
    left: String,
    choice: Choice,
    ms: u64,
    at: String,
    repeat: bool,
}

/// The checksum of a ballot's content, which the page writes as `seal`.
fn seal(ballot: &Ballot) -> String {
    let mut text = format!("{}\n{}", ballot.study, ballot.voter);
    for Given { pair, prompt, left, choice, ms, at, repeat } in &ballot.votes {
        text += &format!("\n{pair} {prompt} {left} {} {ms} {at} {repeat}", choice.name());
    }
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    format!("{:08x}", crc.sum())
}

/// A vote on a pair of the key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vote {
    /// Number of the voter.
    pub voter: usize,
    /// Number of the pair in the key.
    pub pair: usize,
    /// The choice.
    pub choice: Choice,
    /// Index of the pair's picture on the left, 0 or 1.
    pub left: usize,
    /// Time until the choice, in milliseconds.
    pub ms: u64,
    /// Whether the voter saw the pair a second time, with swapped sides.
    pub repeat: bool,
}

impl Vote {
    /// The chosen picture of the pair, 0 or 1; `None` for neither.
    pub fn chosen(&self) -> Option<usize> {
        match self.choice {
            Choice::Left => Some(self.left),
            Choice::Right => Some(1 - self.left),
            Choice::Neither => None,
        }
    }
}

/// All votes of a study.
#[derive(Debug, Clone, Default)]
pub struct Ballots {
    /// Names of the voters.
    pub voters: Vec<String>,
    /// Votes of all voters.
    pub votes: Vec<Vote>,
}

/// Reads the files of votes.
///
/// # Errors
/// A file that is none, of another study, edited, or of a voter who has another file; no vote on a pair of two models.
pub fn read(key: &Key, files: &[PathBuf]) -> Result<Ballots> {
    let numbers: BTreeMap<&str, usize> =
        key.pairs.iter().zip(0..).map(|(pair, at)| (pair.id.as_str(), at)).collect();
    let mut ballots = Ballots::default();
    let mut known: BTreeMap<String, &Path> = BTreeMap::new();
    for file in files {
        let bytes =
            regular::read(file, LONGEST).with_context(|| format!("cannot read {}", file.display()))?;
        let ballot: Ballot = serde_json::from_slice(&bytes).with_context(|| {
            format!("{} is not a file of votes that a study's page saved", file.display())
        })?;
        if let Some(other) = known.insert(ballot.voter.clone(), file) {
            bail!(
                "{} and {} are of the same voter {}: keep the one with more votes",
                other.display(),
                file.display(),
                ballot.voter
            );
        }
        let voter = ballots.voters.len();
        let votes = check(key, &numbers, &ballot, voter).with_context(|| file.display().to_string())?;
        ballots.voters.push(ballot.voter);
        ballots.votes.extend(votes);
    }
    let compared = ballots.votes.iter().any(|vote| key.pairs[vote.pair].models().is_some());
    ensure!(compared, "the voters have no vote on a pair of two models in common with the key");
    Ok(ballots)
}

fn check(key: &Key, numbers: &BTreeMap<&str, usize>, ballot: &Ballot, voter: usize) -> Result<Vec<Vote>> {
    ensure!(ballot.ballot == FORMAT, "its format is {}, this program reads {FORMAT}", ballot.ballot);
    ensure!(
        ballot.study == key.study,
        "these are votes of the study {}, and the key is of {}: give the key that was written with their page",
        ballot.study,
        key.study
    );
    let edited = "the file was edited or is not whole: ask the voter for the file that the page saved";
    ensure!(ballot.seal == seal(ballot), edited);
    let last = ballot.voter.chars().next_back().and_then(|digit| digit.to_digit(16)).context(edited)?;
    ensure!(!ballot.votes.is_empty(), "it has no votes: leave it out");
    let mut seen = BTreeSet::new();
    let vote = |(given, at): (&Given, usize)| {
        let named = || format!("vote {at}: {edited}");
        let pair = *numbers.get(given.pair.as_str()).with_context(named)?;
        let Pair { prompt, pictures, .. } = &key.pairs[pair];
        let left = usize::from((last % 2 == 1) != given.repeat);
        let right_sides = pictures[left].id == given.left && given.prompt == *prompt;
        ensure!(right_sides && seen.insert((pair, given.repeat)), named());
        ensure!(!given.repeat || seen.contains(&(pair, false)), named());
        Ok(Vote { voter, pair, choice: given.choice, left, ms: given.ms, repeat: given.repeat })
    };
    ballot.votes.iter().zip(1..).map(vote).collect()
}
