//! Comparison of two models by their reports, paired by prompt and seed.

pub mod paired;
mod write;

use super::picture_scores::PictureTable;
use crate::data::fetch::write_whole;
use anyhow::{Result, ensure};
use paired::Comparison;
use std::path::{Path, PathBuf};

/// Arguments of `wuerst-train report compare`.
#[derive(Debug, Clone, clap::Args)]
pub struct CompareArgs {
    /// Folder of the first model's report
    pub one: PathBuf,
    /// Folder of the second model's report
    pub other: PathBuf,
    /// Folder for compare.md and compare.json; the page goes to standard output in any case
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Compares two reports.
///
/// # Errors
/// A report without scores, reports on different data, or without common prompts and seeds.
pub fn compare(one: &Path, other: &Path) -> Result<Comparison> {
    let tables = [PictureTable::read(one)?, PictureTable::read(other)?];
    let [a, b] = &tables;
    ensure!(
        a.corpus == b.corpus,
        "{} and {} are reports on other data (corpora {} and {}), whose metrics differ: make both with the same `data`",
        one.display(),
        other.display(),
        a.corpus,
        b.corpus
    );
    let comparison = paired::compare(&tables)?;
    ensure!(
        !comparison.sets.is_empty(),
        "{} and {} have no common prompts and seeds: make both reports with the same --seed",
        one.display(),
        other.display()
    );
    Ok(comparison)
}

/// Compares two reports, and prints and writes the result.
///
/// # Errors
/// As [`compare`], and files that cannot be written.
pub fn run(args: &CompareArgs) -> Result<()> {
    let comparison = compare(&args.one, &args.other)?;
    let page = write::markdown(&comparison);
    print!("{page}");
    if let Some(out) = &args.out {
        write_whole(&out.join("compare.md"), page.as_bytes())?;
        write_whole(&out.join("compare.json"), &serde_json::to_vec_pretty(&comparison)?)?;
    }
    Ok(())
}
