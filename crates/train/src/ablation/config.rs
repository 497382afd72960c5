//! The file of an ablation: what is compared, with which budgets and seeds.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wuerst_read::regular;

/// Maximum length of the file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Maximum number of runs.
const MOST: usize = 1000;

/// Evaluations at most, as in the engine.
const MOST_STEPS: usize = 1000;

/// An ablation: sides × budgets × seeds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ablation {
    /// The run whose data, Stage A, networks and rates all sides share; relative to this file.
    pub run: PathBuf,
    /// Folder of runs, table, curves and page; relative to the working directory.
    pub folder: PathBuf,
    /// Whole budget N of a side, in floating-point operations of training.
    pub budget: f64,
    /// Parts of the budget that are tried, each above 0 and up to 1.
    pub parts: Vec<f64>,
    /// Seeds; each is a run of its own.
    pub seeds: Vec<i64>,
    /// Cascade, baseline and their variants to compare.
    pub sides: Vec<Side>,
    /// Division of the cascade's budget between its trainings.
    pub split: Split,
    /// Evaluations for a picture, by which quality over inference operations is measured.
    pub inference: Vec<Steps>,
    /// Pictures for each measurement.
    #[serde(default = "pictures")]
    pub pictures: usize,
    /// Results that would support the claim and results that would refute it; written before the runs, as the page's first
    /// half.
    pub expectation: String,
    /// The difference that counts.
    #[serde(default)]
    pub claim: Claim,
}

/// One side of the comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Name, of letters, digits and hyphens.
    pub name: String,
    /// Kind of model.
    pub model: Model,
    /// Factor of the run's learning rates, as for a sweep of rates.
    #[serde(default = "one")]
    pub rate: f64,
    /// Parts of the budget in place of the ablation's, as for a sweep of rates with little of it.
    #[serde(default)]
    pub parts: Option<Vec<f64>>,
}

/// Kind of model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Stages B and C.
    Cascade,
    /// One network in place of both.
    Baseline,
}

/// Fractions of the cascade's budget; their sum is 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Joint training of compressor and Stage B.
    pub compressor: f64,
    /// Stage B alone.
    pub decoder: f64,
    /// Stage C.
    pub prior: f64,
}

/// Evaluations for a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Of Stage C, and of the baseline.
    pub steps: usize,
    /// Of Stage B.
    pub decoder: usize,
}

/// A claim: `side` is better than `than` by `measure` at every part of the budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Claim {
    /// Name of the side that is said to be better.
    pub side: String,
    /// Name of the other side.
    pub than: String,
    /// Measure, such as `mmd` or `alignment`.
    pub measure: String,
    /// Whether less of the measure is better.
    pub less: bool,
}

impl Default for Claim {
    fn default() -> Claim {
        Claim { side: "cascade".into(), than: "baseline".into(), measure: "mmd".into(), less: true }
    }
}

fn pictures() -> usize {
    2000
}

fn one() -> f64 {
    1.
}

/// A run of an ablation.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a> {
    /// The side.
    pub side: &'a Side,
    /// Part of the budget.
    pub part: f64,
    /// Seed.
    pub seed: i64,
}

impl Point<'_> {
    /// Name of the run's folder.
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.side.name, self.part, self.seed)
    }
}

impl Ablation {
    /// Reads an ablation; unknown keys are errors with their line.
    ///
    /// # Errors
    /// A file that cannot be read, or settings out of range.
    pub fn load(path: &Path) -> Result<Ablation> {
        let text =
            regular::read_text(path, LONGEST).with_context(|| format!("cannot read {}", path.display()))?;
        let mut ablation: Ablation =
            serde_yaml::from_str(&text).with_context(|| format!("{} is not an ablation", path.display()))?;
        ablation.check().with_context(|| path.display().to_string())?;
        ablation.run = path.parent().unwrap_or(Path::new("")).join(&ablation.run);
        Ok(ablation)
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// The first one out of range, with its value and what is allowed.
    pub fn check(&self) -> Result<()> {
        ensure!(self.budget.is_finite() && self.budget > 0., "budget is {}; it must be above 0", self.budget);
        ensure!(!self.sides.is_empty() && !self.seeds.is_empty(), "sides and seeds need an entry each");
        ensure!(self.pictures >= 16, "pictures is {}; it must be 16 or more", self.pictures);
        let Split { compressor, decoder, prior } = self.split;
        let sum = compressor + decoder + prior;
        let positive = [compressor, decoder, prior].into_iter().all(|part| part > 0.);
        ensure!(
            positive && (sum - 1.).abs() < 1e-6,
            "split adds up to {sum}; its parts must be above 0 and add up to 1"
        );
        let mut names = BTreeSet::new();
        for Side { name, rate, parts, .. } in &self.sides {
            let plain = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-') && !name.is_empty();
            ensure!(
                plain && names.insert(name),
                "the side `{name}` needs a name of its own, of letters, digits and hyphens"
            );
            ensure!(
                *rate > 0. && rate.is_finite(),
                "the side `{name}` has a rate of {rate}; it must be above 0"
            );
            let parts = parts.as_ref().unwrap_or(&self.parts);
            ensure!(!parts.is_empty(), "the side `{name}` has no parts of the budget");
            let within = parts.iter().all(|part| *part > 0. && *part <= 1.);
            ensure!(within, "the side `{name}` has parts {parts:?}; each must be above 0, up to 1");
        }
        ensure!(!self.inference.is_empty(), "inference needs an entry, such as {{ steps: 12, decoder: 4 }}");
        for Steps { steps, decoder } in &self.inference {
            let within = (1..=MOST_STEPS).contains(steps) && (1..=MOST_STEPS).contains(decoder);
            ensure!(within, "inference has {steps} and {decoder} steps; each must be 1 to {MOST_STEPS}");
        }
        for name in [&self.claim.side, &self.claim.than] {
            ensure!(names.contains(name), "claim names the side `{name}`, which is not in sides");
        }
        let points = self.points();
        let different: BTreeSet<String> = points.iter().map(Point::name).collect();
        ensure!(different.len() == points.len(), "a part or a seed occurs twice");
        ensure!(points.len() <= MOST, "these are {} runs; at most {MOST} are possible", points.len());
        Ok(())
    }

    /// All runs, the cheapest first, so that an early stop leaves whole comparisons.
    pub fn points(&self) -> Vec<Point<'_>> {
        let of_side = |side: &'_ Side| side.parts.clone().unwrap_or_else(|| self.parts.clone());
        let mut points = vec![];
        for side in &self.sides {
            for part in of_side(side) {
                points.extend(self.seeds.iter().map(|&seed| Point { side, part, seed }));
            }
        }
        points.sort_by(|a, b| a.part.total_cmp(&b.part));
        points
    }
}
