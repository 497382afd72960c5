//! `points.csv`: every measured number, one a line.

use crate::data::fetch::write_whole;
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::path::Path;
use wuerst_read::regular;

/// Maximum length of the table, in bytes.
const LONGEST: u64 = 64 << 20;

const HEADER: &str = "side,part,seed,operations,operations_all,steps,inference,measure,value,low,high";

/// One measured number.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Name of the side.
    pub side: String,
    /// Part of the budget.
    pub part: f64,
    /// Seed of the run.
    pub seed: i64,
    /// Operations of the side's own training.
    pub operations: f64,
    /// Operations of `operations`, Stage A's training and the frozen networks' passes over the corpus.
    pub operations_all: f64,
    /// Evaluations for a picture.
    pub steps: usize,
    /// Operations for a picture.
    pub inference: f64,
    /// Name of the measure.
    pub measure: String,
    /// Measured value.
    pub value: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Reads a table; an empty one if there is none.
///
/// # Errors
/// A file that is none, with the line.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    if !path.exists() {
        return Ok(vec![]);
    }
    let text =
        regular::read_text(path, LONGEST).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = text.lines();
    ensure!(lines.next() == Some(HEADER), "{} does not begin with `{HEADER}`", path.display());
    // A line without an end was cut off, and its point is measured again.
    let whole = lines.clone().count().saturating_sub(usize::from(!text.ends_with('\n')));
    let row = |(line, at): (&str, usize)| {
        parse(line)
            .with_context(|| format!("{}, line {at}: remove it, to have it measured again", path.display()))
    };
    lines.take(whole).zip(2..).map(row).collect()
}

fn parse(line: &str) -> Result<Row> {
    let cells: Vec<&str> = line.split(',').collect();
    let &[side, part, seed, operations, operations_all, steps, inference, measure, value, low, high] =
        cells.as_slice()
    else {
        anyhow::bail!("{} cells in place of 11", cells.len());
    };
    let number = |cell: &str| cell.parse::<f64>().with_context(|| format!("`{cell}` is no number"));
    Ok(Row {
        side: side.into(),
        part: number(part)?,
        seed: seed.parse().with_context(|| format!("`{seed}` is no seed"))?,
        operations: number(operations)?,
        operations_all: number(operations_all)?,
        steps: steps.parse().with_context(|| format!("`{steps}` is no number of steps"))?,
        inference: number(inference)?,
        measure: measure.into(),
        value: number(value)?,
        low: number(low)?,
        high: number(high)?,
    })
}

/// Writes a table, whole or not at all.
///
/// # Errors
/// A folder that cannot be written.
pub fn write(path: &Path, rows: &[Row]) -> Result<()> {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        let Row { side, part, seed, operations, operations_all, steps, inference, measure, value, low, high } =
            row;
        writeln!(
            text,
            "{side},{part},{seed},{operations},{operations_all},{steps},{inference},{measure},{value},{low},{high}"
        )?;
    }
    write_whole(path, text.as_bytes())
}
