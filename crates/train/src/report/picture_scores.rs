//! The scores of each generated picture, as `scores.json` stores them, from which two models are compared in pairs.

use super::bench::{Bench, FITTED, Measured};
use super::neighbours::realness;
use crate::config::RunConfig;
use crate::data::fetch::write_whole;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;
use wuerst_read::regular;

/// Version of the format, and of the metric whose scores it holds.
const FORMAT: u32 = 1;

/// Name of the file in a report's folder.
pub const FILE: &str = "scores.json";

/// Maximum length of the file, in bytes.
const LONGEST: u64 = 256 << 20;

/// Sets of generated pictures, in the order of a comparison.
pub const SETS: [&str; 4] = ["seen concepts", "hidden styles", "hidden colours", "hidden concepts"];

/// The scores of one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureRow {
    /// One of [`SETS`].
    pub set: String,
    /// Caption that the picture was generated from.
    pub prompt: String,
    /// Seed of the generation.
    pub seed: i64,
    /// Cosine between the predicted and the true meaning, −1 to 1.
    pub alignment: f64,
    /// 1 if the concept is the nearest of all, otherwise 0.
    pub top1: f64,
    /// 1 if the concept is among the nearest five.
    pub top5: f64,
    /// 1 if the predicted style is the intended one.
    pub style: f64,
    /// 1 if the border has the intended colour.
    pub background: f64,
    /// Mean cosine between the features and those of the five nearest real pictures.
    pub realness: f64,
}

/// The scores of one model's pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureTable {
    /// Version of the format.
    pub scores: u32,
    /// Digest of the data that the metric was fitted on.
    pub corpus: String,
    /// The model, as named on the command line.
    pub model: String,
    /// One row for each picture.
    pub pictures: Vec<PictureRow>,
}

impl PictureTable {
    /// An empty table for a model.
    ///
    /// # Errors
    /// Settings that cannot be written as JSON.
    pub fn new(config: &RunConfig, model: &Path) -> Result<PictureTable> {
        let depends = serde_json::to_vec(&(&config.data, FITTED, FORMAT, env!("CARGO_PKG_VERSION")))?;
        let corpus = blake3::hash(&depends).to_hex()[..16].to_owned();
        Ok(PictureTable { scores: FORMAT, corpus, model: model.display().to_string(), pictures: vec![] })
    }

    /// Adds generated pictures; picture `i` has the seed `seed + i`.
    ///
    /// # Errors
    /// As [`Bench::score`].
    pub fn add(&mut self, bench: &Bench, set: &str, drawn: &Measured, seed: i64) -> Result<()> {
        let scores = bench.score(drawn)?.sturdy;
        let real = realness(&drawn.sturdy.head, &bench.training.sturdy.head);
        for (((subject, row), realness), seed) in
            drawn.pictures.iter().zip(scores.rows()).zip(real).zip(seed..)
        {
            let [alignment, top1, top5, style, background] = row;
            let (set, prompt) = (set.to_owned(), subject.caption.clone());
            self.pictures.push(PictureRow {
                set,
                prompt,
                seed,
                alignment,
                top1,
                top5,
                style,
                background,
                realness,
            });
        }
        Ok(())
    }

    /// Writes the table into a report's folder.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        write_whole(&folder.join(FILE), &serde_json::to_vec(self)?)
    }

    /// Reads the table of a report's folder.
    ///
    /// # Errors
    /// A file that is missing, damaged, or of another version.
    pub fn read(folder: &Path) -> Result<PictureTable> {
        let path = folder.join(FILE);
        let bytes = regular::read(&path, LONGEST)
            .with_context(|| format!("cannot read {}: `wuerst-train report` writes it", path.display()))?;
        let table: PictureTable = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged: make the report again", path.display()))?;
        let version = table.scores;
        ensure!(
            version == FORMAT,
            "{} is of version {version}, not {FORMAT}: make the report again",
            path.display()
        );
        Ok(table)
    }
}
