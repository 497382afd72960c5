//! Makes a picture, or several files, for each row of a table.
//!
//! Rows are independent: a mistake in one is reported, and the next one is made. An error that any other row would have, too,
//! ends the run ([`exit::is_temporary`]).

mod pattern;
mod range;
mod report;
mod rows;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use wuerst::core::{effective_seed, is_whole};
use wuerst::save::{Format, picture};
use wuerst::{Engine, Graph, Job, Value};

pub(crate) use self::pattern::Pattern;
use self::report::Report;
pub(crate) use self::rows::Table;
use self::rows::{Cell, Row};
use crate::exit;
use crate::outputs;
use crate::pairs::{Texts, borrowed};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::say::{say, tell};
use crate::seed;
use crate::target::{Target, numbered};
use crate::used::{Found, used};

/// Options that choose rows of a table.
#[derive(clap::Args)]
pub(crate) struct RowArgs {
    /// Rows to make, such as 1-100: inclusive, counted from 1, and those past the end are left out
    #[arg(long, value_name = "A-B", value_parser = range::read)]
    range: Option<RangeInclusive<usize>>,
    /// Leaves rows out whose files are there, so that a run that was stopped goes on where it was
    #[arg(long)]
    skip_existing: bool,
}

impl RowArgs {
    /// Refuses these options where there is no table; `option` names one.
    pub(crate) fn need(&self, option: &str) -> Result<()> {
        match (&self.range, self.skip_existing) {
            (Some(_), _) => bail!("--range chooses rows of a table: give one with {option}"),
            (_, true) => bail!("--skip-existing leaves out rows of a table: give one with {option}"),
            _ => Ok(()),
        }
    }
}

/// Reads a table, if any, and adds folders of pictures as columns.
pub(crate) fn read(file: Option<&Path>, folders: &[(String, PathBuf)]) -> Result<Table> {
    let mut table = file.map_or_else(|| Ok(Table::default()), Table::read)?;
    folders.iter().try_for_each(|(column, folder)| table.add_folder(column, folder))?;
    Ok(table)
}

/// Graph, inputs and outputs that all rows of a table share.
pub(crate) struct Batch<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) graph: &'a Graph,
    /// Values of all rows.
    pub(crate) inputs: Texts,
    pub(crate) found: Found,
    /// Seed of row 1 where no column gives one: the next row has the next one. Without it, rows share the graph's seed.
    pub(crate) first_seed: Option<i128>,
    pub(crate) outputs: Vec<(String, Format, Pattern)>,
    /// The recipe, without inputs, files and output.
    pub(crate) recipe: Option<Recipe>,
    pub(crate) marks: bool,
    /// Checks a value of a row.
    pub(crate) check: fn(&str, &str) -> Result<()>,
}

/// Makes the rows. Prints an error for each one that fails.
///
/// # Errors
/// Errors of the whole table, not of one row: the table does not fit the graph, files cannot be written, memory or a device is
/// gone.
pub(crate) fn make(
    batch: &Batch<'_>,
    table: &Table,
    args: &RowArgs,
    report: Option<&Target>,
    progress: &mut Progress<'_>,
) -> Result<ExitCode> {
    let shown = table.file.as_ref().map(|file| file.display().to_string());
    for column in &table.columns {
        let known = batch.graph.input(column);
        known.map_err(|error| {
            anyhow!(
                "{}column `{column}`: {error}",
                shown.as_ref().map_or(String::new(), |file| format!("{file}: "))
            )
        })?;
    }
    for (name, format, _) in &batch.outputs {
        let ty = &batch.graph.outputs()[batch.graph.output(name)?].ty;
        if !(*format == Format::Png && picture::may_be_list(ty)) {
            format.holds(name, ty)?;
        }
    }
    let range = args.range.clone().unwrap_or(1..=usize::MAX);
    let wanted = table.rows.iter().zip(1..).filter(|(_, number)| range.contains(number));
    let wanted: Vec<(&Row, usize)> = wanted.collect();
    if let Some((_, first)) = wanted.first() {
        let targets = batch
            .outputs
            .iter()
            .map(|(name, _, pattern)| Ok((name.as_str(), Target::new(&pattern.path(*first))?)));
        let targets = targets.collect::<Result<Vec<_>>>()?;
        let files = targets.iter().map(|(name, target)| (*name, target));
        outputs::distinct(&files.chain(report.map(|target| ("the report", target))).collect::<Vec<_>>())?;
    }
    let (mut report, of) = (Report::new(report, shown.clone()), wanted.len());
    for (index, (row, number)) in wanted.into_iter().enumerate() {
        if args.skip_existing && batch.is_there(number) {
            report.skipped(number)?;
            continue;
        }
        progress.picture(index + 1, of);
        let start = Instant::now();
        let made = batch.values(row, number, progress);
        progress.done();
        match made {
            Ok(made) => {
                // Whatever keeps one row's files from being written keeps all.
                let files = batch.write(&made, number).and_then(|files| {
                    report.made(number, &files, start.elapsed())?;
                    Ok(files)
                });
                match files {
                    Ok(files) => told(&files, &made, start.elapsed()),
                    Err(error) => return stopped(&mut report, error),
                }
            }
            Err(error) => {
                let place = match (&shown, row.line) {
                    (Some(file), 1..) => format!("row {number} ({file}:{})", row.line),
                    _ => format!("row {number}"),
                };
                if exit::is_temporary(&error) {
                    let message = format!("{place}: {error}");
                    return stopped(&mut report, error.context(message));
                }
                tell(format_args!("error: {place}: {error}"));
                report.failed(number, row.line, &error)?;
            }
        }
    }
    report.write(None)?;
    say(format_args!("{} made, {} skipped, {} failed", report.made, report.skipped, report.failed));
    Ok(if report.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn stopped(report: &mut Report<'_>, error: anyhow::Error) -> Result<ExitCode> {
    report.write(Some(&error))?;
    Err(error)
}

/// Encoded files of a row: the output's place in the batch, the picture's number in a list, and the bytes.
struct Made {
    files: Vec<(usize, Option<u32>, Vec<u8>)>,
    seed: Option<i128>,
}

fn told(files: &[PathBuf], made: &Made, time: Duration) {
    let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let seed = made.seed.map_or(String::new(), |seed| format!(", seed {}", seed::shown(seed)));
    say(format_args!("{}{seed}, {:.1} s", names.join(", "), time.as_secs_f64()));
}

impl Batch<'_> {
    /// Whether all files of a row are there. Of a list of pictures, the first one is written last.
    fn is_there(&self, number: usize) -> bool {
        self.outputs.iter().all(|(_, _, pattern)| {
            let path = pattern.path(number);
            path.is_file() || numbered(&path, 1).is_file()
        })
    }

    /// Computes and encodes the files of a row.
    fn values(&self, row: &Row, number: usize, progress: &mut Progress<'_>) -> Result<Made> {
        // A job of its own for each row: no value of another row can remain.
        let job = self.engine.job(self.graph);
        let (mut inputs, mut found) = (self.inputs.clone(), self.found.clone());
        for (name, cell) in &row.cells {
            found.remove(name);
            match cell {
                Cell::Text(text) => {
                    (self.check)(name, text)?;
                    inputs.insert(name.clone(), text.clone());
                }
                Cell::Path(path) => {
                    let port = &self.graph.inputs()[self.graph.input(name)?];
                    let value = port.ty.at_path(path).map_err(|error| anyhow!("{name}: {error}"))?;
                    inputs.insert(name.clone(), path.to_string_lossy().into_owned());
                    found.insert(name.clone(), value);
                }
            }
        }
        for (name, text) in borrowed(&inputs).filter(|(name, _)| !found.contains_key(*name)) {
            job.set_text(name, text)?;
        }
        found.iter().try_for_each(|(name, value)| job.set(name, value.clone()))?;
        let seed = self.first_seed.filter(|_| !row.cells.contains_key("seed"));
        let seed = seed.map(|first| following(first, number)).transpose()?;
        if let Some(seed) = seed {
            job.set("seed", Value::Int(seed))?;
            inputs.insert("seed".to_owned(), effective_seed(seed).to_string());
        }
        let recipe = match &self.recipe {
            Some(recipe) => {
                let used = used(self.engine, self.graph, &inputs, &found)?;
                let own = Recipe::of(self.graph, &recipe.graph, inputs, recipe.changes.clone(), &used);
                Some(Recipe { graphs: recipe.graphs.clone(), ..own })
            }
            None => None,
        };
        let names: Vec<&str> = self.outputs.iter().map(|(name, ..)| name.as_str()).collect();
        let values = job.get_all(&names, progress)?;
        let mut files = vec![];
        for (index, (value, (name, format, _))) in values.iter().zip(&self.outputs).enumerate() {
            let about = || self.about(&job, name, recipe.as_ref());
            match (format, picture::list(value)) {
                (Format::Png, Some(list)) => {
                    for (picture, part) in list.iter().zip(1..).collect::<Vec<_>>().into_iter().rev() {
                        files.push((index, Some(part), picture::encode(name, picture, &about()?)?));
                    }
                }
                (Format::Png, None) => files.push((index, None, picture::encode(name, value, &about()?)?)),
                (format, _) => files.push((index, None, format.encode(name, value, &[])?)),
            }
        }
        Ok(Made { files, seed })
    }

    /// Texts of a picture.
    fn about(&self, job: &Job, output: &str, recipe: Option<&Recipe>) -> Result<Vec<(&'static str, String)>> {
        let recipe = recipe.map(|recipe| Recipe { output: output.to_owned(), ..recipe.clone() });
        let mut about = recipe.map_or(Ok(vec![]), |recipe| recipe.pairs())?;
        about.extend(picture::mark(job.origin(output)?, self.marks));
        Ok(about)
    }

    fn write(&self, made: &Made, number: usize) -> Result<Vec<PathBuf>> {
        let write = |(output, part, bytes): &(usize, Option<u32>, Vec<u8>)| {
            let path = self.outputs[*output].2.path(number);
            let path = part.map_or(path.clone(), |part| numbered(&path, part));
            Target::new(&path)?.write(bytes)?;
            Ok(path)
        };
        made.files.iter().map(write).collect::<Result<_>>()
    }
}

/// The seed of a row.
fn following(first: i128, number: usize) -> Result<i128> {
    let seed = i128::try_from(number - 1).ok().and_then(|past| first.checked_add(past));
    let seed = seed.filter(|seed| is_whole(*seed));
    seed.with_context(|| format!("the seed is too large: the largest is {}; give a smaller --seed", u64::MAX))
}
