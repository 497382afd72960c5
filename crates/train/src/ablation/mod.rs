//! The paper's comparison at a small scale: the cascade against a single-stage model, for equal operations.
//!
//! [`config`] reads the file, [`laboratory`] trains and measures one run, [`points`] holds the table, [`curves`] draws it,
//! [`differences`] compares the sides over prompts and seeds,
//! [`page`] writes the plan before the runs and the results after them.

pub mod config;
pub mod curves;
pub mod differences;
pub mod laboratory;
pub mod page;
pub mod points;

use crate::config::RunConfig;
use crate::data::fetch::write_whole;
use crate::report::picture_scores::PictureTable;
use anyhow::{Context, Result, ensure};
use config::{Ablation, Point, Steps};
use differences::Difference;
use laboratory::Trainings;
use page::Found;
use points::Row;
use std::path::{Path, PathBuf};
use wuerst_read::regular;

/// Arguments of `wuerst-train ablation`.
#[derive(Debug, Clone, clap::Args)]
pub struct AblationArgs {
    /// The ablation's YAML file
    pub file: PathBuf,
    /// Write the plan, the first half of the page, and stop before the runs
    #[arg(long)]
    pub plan: bool,
}

/// Maximum length of a plan, in bytes.
const LONGEST: u64 = 1 << 20;

/// Operations of a trained run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operations {
    /// Of the side's own training.
    pub own: f64,
    /// Operations of `own`, Stage A's training and the frozen networks' passes over the corpus.
    pub all: f64,
}

/// A measured number and its interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Trains and measures runs.
pub trait Laboratory {
    /// The plan in Markdown: what is trained for how long. Changes with everything that results depend on.
    ///
    /// # Errors
    /// Budgets that do not suffice for a run.
    fn plan(&self) -> Result<String>;
    /// Trains a run to its end, going on from its checkpoints.
    ///
    /// # Errors
    /// Includes a stop by a signal.
    fn train(&mut self, point: &Point<'_>) -> Result<Operations>;
    /// Operations for a picture, and measures of a trained run's pictures. Equal runs have equal measures.
    ///
    /// # Errors
    /// Errors of the models.
    fn measure(&mut self, point: &Point<'_>, steps: Steps) -> Result<(f64, Vec<Measure>)>;
    /// Measures of real pictures: the floor of distances, the ceiling of scores.
    ///
    /// # Errors
    /// Missing data.
    fn references(&mut self) -> Result<Vec<Measure>>;
    /// Scores of a measured run's pictures; `None` if they are no longer there.
    ///
    /// # Errors
    /// Damaged files.
    fn scores(&self, point: &Point<'_>, steps: Steps) -> Result<Option<PictureTable>>;
}

/// Runs what is missing of an ablation, and writes table, curves and page.
///
/// # Errors
/// As [`run_in`].
pub fn run(args: &AblationArgs) -> Result<()> {
    let ablation = Ablation::load(&args.file)?;
    let base = RunConfig::load(&ablation.run)?;
    tch::set_num_threads(base.threads as i32);
    let mut laboratory = Trainings::new(&ablation, base)?;
    if args.plan {
        write_plan(&ablation, &laboratory.plan()?)?;
        println!("{}", ablation.folder.join("plan.md").display());
        return Ok(());
    }
    run_in(&ablation, &mut laboratory)
}

/// Runs what is missing of an ablation in a laboratory.
///
/// # Errors
/// A plan that was changed after the runs began, a run that fails or is stopped, files that cannot be written. Finished
/// points stay in the table.
pub fn run_in(ablation: &Ablation, laboratory: &mut dyn Laboratory) -> Result<()> {
    let plan = write_plan(ablation, &laboratory.plan()?)?;
    let path = ablation.folder.join("points.csv");
    let known = points::read(&path)?;
    let points = ablation.points();
    let mut rows: Vec<Row> = vec![];
    let mut measured = vec![];
    for point in &points {
        for steps in &ablation.inference {
            let of = |row: &&Row| is_of(row, point) && row.steps == steps.steps;
            measured.push(known.iter().filter(of).cloned().collect::<Vec<Row>>());
        }
    }
    // A measurement that was cut off has fewer rows than others, and is made again.
    let whole = measured.iter().map(Vec::len).max().unwrap_or(0);
    let mut measured = measured.into_iter();
    for (at, point) in points.iter().enumerate() {
        let mut trained = None;
        for steps in &ablation.inference {
            let before = measured.next().unwrap_or_default();
            if whole > 0 && before.len() == whole {
                rows.extend(before);
                continue;
            }
            let operations = match trained {
                Some(operations) => operations,
                None => {
                    eprintln!("{} ({} of {})", point.name(), at + 1, points.len());
                    laboratory.train(point).with_context(|| point.name())?
                }
            };
            trained = Some(operations);
            let (inference, measures) = laboratory.measure(point, *steps).with_context(|| point.name())?;
            let row = |Measure { name, value, low, high }| Row {
                side: point.side.name.clone(),
                part: point.part,
                seed: point.seed,
                operations: operations.own,
                operations_all: operations.all,
                steps: steps.steps,
                inference,
                measure: name,
                value,
                low,
                high,
            };
            rows.extend(measures.into_iter().map(row));
            // Rows that were measured before and come later in the order must not be lost by a stop.
            let later = measured.clone().flatten();
            points::write(&path, &rows.iter().cloned().chain(later).collect::<Vec<_>>())?;
        }
    }
    points::write(&path, &rows)?;
    let curves = curves::draw(&rows, &ablation.folder)?;
    let found = Found {
        references: laboratory.references()?,
        differences: differences_of(ablation, laboratory)?,
        curves,
    };
    let page = page::results(ablation, &plan, &rows, &found);
    write_whole(&ablation.folder.join("ablation.md"), page.as_bytes())?;
    println!("{}", ablation.folder.join("ablation.md").display());
    Ok(())
}

/// Differences of the claim's sides with the most steps, at each part of the budget.
fn differences_of(ablation: &Ablation, laboratory: &dyn Laboratory) -> Result<Vec<Difference>> {
    let points = ablation.points();
    let Some(steps) = ablation.inference.iter().max_by_key(|steps| steps.steps) else { return Ok(vec![]) };
    let mut pairs: Vec<(f64, Vec<[PictureTable; 2]>)> = vec![];
    for point in points.iter().filter(|point| point.side.name == ablation.claim.side) {
        let is_partner = |other: &&Point<'_>| {
            other.side.name == ablation.claim.than && other.part == point.part && other.seed == point.seed
        };
        let Some(partner) = points.iter().find(is_partner) else { continue };
        let scores = (laboratory.scores(point, *steps)?, laboratory.scores(partner, *steps)?);
        let (Some(one), Some(other)) = scores else { continue };
        match pairs.last_mut().filter(|(part, _)| *part == point.part) {
            Some((_, tables)) => tables.push([one, other]),
            None => pairs.push((point.part, vec![[one, other]])),
        }
    }
    let difference = |(part, tables): (f64, Vec<[PictureTable; 2]>)| {
        Some(Difference { part, seeds: tables.len(), alignment: differences::alignment(&tables)? })
    };
    Ok(pairs.into_iter().filter_map(difference).collect())
}

fn is_of(row: &Row, point: &Point<'_>) -> bool {
    row.side == point.side.name && row.part == point.part && row.seed == point.seed
}

/// Writes the plan before the first run, or compares it with the one that was written then.
fn write_plan(ablation: &Ablation, runs: &str) -> Result<String> {
    let (plan, path) = (page::plan(ablation, runs), ablation.folder.join("plan.md"));
    if !path.exists() {
        write_whole(&path, plan.as_bytes())?;
        return Ok(plan);
    }
    let known = read_plan(&path)?;
    ensure!(
        known == plan,
        "{} was written before the runs and is no longer that of the file: take the change back, or give the ablation another folder",
        path.display()
    );
    Ok(plan)
}

fn read_plan(path: &Path) -> Result<String> {
    regular::read_text(path, LONGEST).with_context(|| format!("cannot read {}", path.display()))
}
