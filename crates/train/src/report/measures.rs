//! The contents of a report, as `report.json` stores them.

use super::bench::Measured;
use super::comparison::Row;
use super::neighbours::Nearness;
use super::resample::{Estimate, Groups, Interval};
use super::score::Score;
use super::validation::NoiseLevels;
use super::{frechet, mmd};
use crate::config::RunConfig;
use crate::trainer::{Trainer, TrainingStats, log};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use wuerst_read::regular;

/// One model, measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Pictures drawn of seen concepts, and real ones in each set they are compared with.
    pub pictures: usize,
    /// Seed of the first drawn picture.
    pub seed: i64,
    /// Concepts that the metric tells apart.
    pub concepts: usize,
    /// Fréchet distances on EfficientNet-Lite2 features under noise.
    pub frechet: Distances,
    /// Squared maximum mean discrepancies on the same features.
    pub mmd: Distances,
    /// Scores by the sturdy metric.
    pub scores: Scores,
    /// How far drawn pictures of seen concepts have come from the floor (0) to the ceiling (1).
    pub way: Interval,
    /// Distances to the nearest training picture.
    pub nearness: Nearnesses,
    /// Mean peak signal-to-noise ratio of Stage A's reconstructions, in decibels.
    pub psnr: f64,
    /// Losses of stages B and C by noise level.
    pub noise_levels: Vec<NoiseLevels>,
    /// The measures of earlier reports next to these.
    pub comparison: Vec<Row>,
    /// Steps, samples and hours of training, by stage.
    pub spent: Vec<Training>,
}

/// Distances to the same real pictures.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Distances {
    /// Of drawn pictures.
    pub drawn: Estimate,
    /// Of as many other real pictures: no model can be expected to come below.
    pub floor: Estimate,
}

/// Scores of each set of pictures.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Scores {
    /// Real pictures of seen concepts: the ceiling.
    pub real: Score,
    /// Real pictures under each other's captions: the floor.
    pub shuffled: Score,
    /// The real ones after Stage A's encoder and decoder.
    pub stage_a: Score,
    /// Drawn by stages B and A from the real ones' embeddings.
    pub stages_b_and_a: Score,
    /// Drawn pictures of seen concepts.
    pub drawn: Score,
    /// Real pictures of concepts in styles that training hides.
    pub real_style: Score,
    /// Drawn ones.
    pub drawn_style: Score,
    /// Real pictures of concepts that training hides.
    pub real_concept: Score,
    /// Drawn ones.
    pub drawn_concept: Score,
}

/// Groups of concepts that are left out in turn for the standard error of a distance.
const GROUPS: usize = 50;

/// The groups of two sets, by what each picture should show.
pub fn concept_groups(one: &Measured, other: &Measured) -> (Groups, Groups) {
    let [labels, other_labels] =
        [one, other].map(|set| set.pictures.iter().map(|p| p.label.as_str()).collect::<Vec<_>>());
    Groups::shared(&labels, &other_labels, GROUPS)
}

/// Fréchet distance and squared discrepancy of two sets on sturdy features, with standard errors.
///
/// # Errors
/// Fewer than two concepts.
pub fn distances(one: &Measured, other: &Measured) -> Result<[Estimate; 2]> {
    let (a, b) = concept_groups(one, other);
    let (one, other) = (&one.sturdy.blocks, &other.sturdy.blocks);
    Ok([frechet::estimate(one, other, (&a, &b))?, mmd::squared(one, other, (&a, &b))?])
}

/// Distances to the nearest training picture, of several sets.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Nearnesses {
    /// Drawn pictures.
    pub drawn: Option<Nearness>,
    /// Real pictures made of training sprites, elsewhere and on other backgrounds: what a perfect copier would get.
    pub seen: Option<Nearness>,
    /// Real pictures of sprites that training hides: what a perfect artist would get.
    pub unseen: Option<Nearness>,
}

/// Steps, samples and hours of one stage's training.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Training {
    /// Name of the stage's folder.
    pub stage: String,
    /// So far.
    pub spent: TrainingStats,
    /// Mean loss over the last logged steps.
    pub loss: Option<f64>,
}

/// Collects the training of each stage of a run; stages that never ran are left out.
///
/// # Errors
/// A damaged `spent.json`.
pub fn spent(config: &RunConfig) -> Result<Vec<Training>> {
    let mut all = vec![];
    for stage in ["vqgan", "vqgan-decoder", "compressor", "decoder", "prior"] {
        let folder = config.folder.join(stage);
        if let Some(spent) = Trainer::spent(&folder)? {
            let log = regular::read_text(&folder.join("log.csv"), log::LONGEST).unwrap_or_default();
            // step, samples, hours, loss
            let loss = log.lines().last().and_then(|line| line.split(',').nth(3)?.parse().ok());
            all.push(Training { stage: stage.into(), spent, loss });
        }
    }
    Ok(all)
}

/// The stages as a table in Markdown.
pub fn table(stages: &[Training]) -> String {
    let mut md =
        String::from("| stage | steps | samples | operations | hours | loss |\n|---|---|---|---|---|---|\n");
    for t in stages {
        let (s, loss) = (&t.spent, t.loss.map_or("–".into(), |loss| format!("{loss:.4}")));
        // Writing to a String cannot fail.
        let _ = writeln!(
            md,
            "| {} | {} | {} | {:.2e} | {:.2} | {loss} |",
            t.stage, s.step, s.samples, s.flops, s.hours
        );
    }
    md
}
