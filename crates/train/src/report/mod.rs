//! Measures of a trained model, on pictures generated as for a user.
//!
//! One file a measure: [`frechet`] and [`mmd`] (similarity of generated and real pictures as sets), [`metric`] (whether
//! each picture shows its caption), [`neighbours`] (whether they are copies), [`reconstruct`] (loss of real pictures in
//! stages A and B), [`validation`] (the loss by noise level), [`comparison`] (reaction of each measure to small changes
//! of real pictures). [`backbone`] gives the features that the first four read, [`subjects`] the real pictures,
//! [`distortion`] changed ones, [`generator`] the generated ones, [`prompts`] the prompts of the [`sample_grid`];
//! [`picture_scores`] stores the scores of each picture, from which [`compare`] compares two models in pairs;
//! [`resample`] gives intervals, [`mod@bench`] holds data that is fitted once, and [`mod@write`] writes the report.
//!
//! The measures are robust: invisible texture must cost little. EfficientNet classifies flat areas with a trace of noise
//! as another picture, so on plain features noise of 2/255 costs as much as all of Stage A. Maps fitted also on noisy,
//! blurred and JPEG-compressed copies reduce that to four fifths, and compensate for blur and JPEG. Noise of a fixed
//! strength on every picture hides the fainter noise, which then costs almost nothing. A report shows all these numbers.

pub mod backbone;
pub mod bench;
pub mod compare;
pub mod comparison;
pub mod distortion;
pub mod frechet;
pub mod generator;
pub mod measures;
pub mod metric;
pub mod mmd;
pub mod neighbours;
pub mod picture_scores;
pub mod prompts;
pub mod reconstruct;
pub mod resample;
mod ridge;
pub mod sample_grid;
pub mod score;
pub mod subjects;
pub mod validation;
pub mod write;

use crate::config::RunConfig;
use crate::start;
use anyhow::{Result, ensure};
use bench::{Bench, FITTED, Measured};
use comparison::Comparison;
use generator::{Generator, is_baseline};
use measures::{Distances, Nearnesses, Report, Scores};
use neighbours::{nearest, nearness};
use picture_scores::PictureTable;
use sample_grid::SampleGrid;
use score::{Score, way};
use std::path::PathBuf;
use subjects::Gallery;

/// Arguments of `wuerst-train report`.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportArgs {
    /// The run's YAML file
    pub run: PathBuf,
    /// Model folder written by `wuerst-train export`
    #[arg(long, default_value = "models/icons")]
    pub model: PathBuf,
    /// Folder for report.md, report.json and the sheets; `report` in the run's folder when left out
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Number of pictures to generate for the Fréchet distance; below 2,000 it means little
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(16..=100_000))]
    pub n: u32,
    /// First seed of the drawn pictures
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(0..))]
    pub seed: i64,
    /// Changes an argument of a node, such as prior.steps=8, to measure its effect
    #[arg(long, value_name = "NODE.PORT=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| name.contains('.'));
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or("write it as node.port=value".to_owned())
}

/// Maximum number of pictures on hidden colours.
const MOST_COLOURS: usize = 240;

/// Name of the row that the costs of other rows are compared with.
pub const STAGE_A: &str = "after Stage A's encoder and decoder";

/// Measures a model folder against the data of its run, and writes the report.
///
/// # Errors
/// A model folder that does not run, missing data, files that cannot be written.
pub fn run(config: &RunConfig, args: &ReportArgs) -> Result<()> {
    let out = args.out.clone().unwrap_or_else(|| config.folder.join("report"));
    let generator = Generator::open(&args.model, &args.set)?;
    let grid = SampleGrid::draw(&generator, args.seed)?;
    let bench = Bench::open(config)?;
    let (report, pictures) = measure(config, args, &bench, &generator)?;
    grid.save(&bench, &out, config.data.size)?;
    write::write(&report, &grid.prompts, &out)?;
    pictures.write(&out)?;
    println!("{}", out.join("report.md").display());
    Ok(())
}

fn measure(
    config: &RunConfig,
    args: &ReportArgs,
    bench: &Bench,
    generator: &Generator,
) -> Result<(Report, PictureTable)> {
    let (n, seed, threads) = (args.n as usize, args.seed, config.threads);
    let first = FITTED * bench.train.entries();
    let reference = bench.measure(bench.train.pictures(first, n))?;
    let real = bench.measure(bench.train.pictures(first + n, n))?;
    let comparison = Comparison::new(bench, &reference, &real)?;
    let mut rows = vec![comparison.row("real", &real, false)?];
    rows.extend(comparison.changes()?);

    let stage_a = bench.measure(reconstruct::by_stage_a(&args.model, &real.pictures, threads)?)?;
    rows.push(comparison.row(STAGE_A, &stage_a, true)?);
    let mut b_and_a = None;
    if !is_baseline(&args.model) {
        let drawn = reconstruct::by_stages_b_and_a(generator, &args.model, &real.pictures, (threads, seed))?;
        let drawn = bench.measure(drawn)?;
        rows.push(comparison.row("by stages B and A", &drawn, true)?);
        b_and_a = Some(drawn);
    }
    let drawn = bench.measure(generator.draw(&real.pictures, seed, "drawing seen concepts")?)?;
    rows.push(comparison.row("drawn", &drawn, false)?);

    let hidden = |gallery: &Gallery, what: &str| -> Result<[Measured; 2]> {
        let n = gallery.entries().min(n);
        ensure!(n > 0, "a split has no pictures in these styles and groups");
        let real = gallery.pictures(FITTED * gallery.entries(), n);
        let drawn = generator.draw(&real, seed, what)?;
        Ok([bench.measure(real)?, bench.measure(drawn)?])
    };
    let [style, drawn_style] = hidden(&bench.style, "drawing hidden styles")?;
    let [concept, drawn_concept] = hidden(&bench.concept, "drawing hidden concepts")?;
    let mut table = PictureTable::new(config, &args.model)?;
    table.add(bench, "seen concepts", &drawn, seed)?;
    table.add(bench, "hidden styles", &drawn_style, seed)?;
    let colours = subjects::hidden_colours(&config.cache, &config.data, n.min(MOST_COLOURS))?;
    if !colours.is_empty() {
        let drawn = bench.measure(generator.draw(&colours, seed, "drawing hidden colours")?)?;
        table.add(bench, "hidden colours", &drawn, seed)?;
    }
    table.add(bench, "hidden concepts", &drawn_concept, seed)?;
    let cells = (&bench.val, &bench.train);

    let [frechet, mmd] = measures::distances(&reference, &drawn)?;
    let [frechet_floor, mmd_floor] = measures::distances(&reference, &real)?;
    let score = |set: &Measured| -> Result<Score> { Ok(bench.score(set)?.sturdy.score()) };
    let away = |set: &Measured| nearest(&set.sturdy.head, &bench.training.sturdy.head).1;
    let shuffled = real.shuffled();
    let mut spent = measures::spent(config, is_baseline(&args.model))?;
    if spent.is_empty() {
        // The report of a model that was trained elsewhere contains its training statistics.
        spent = start::spent_before(&args.model)?;
    }
    let report = Report {
        pictures: n,
        seed,
        concepts: bench.concepts(),
        frechet: Distances { drawn: frechet, floor: frechet_floor },
        mmd: Distances { drawn: mmd, floor: mmd_floor },
        way: way(&bench.score(&drawn)?.sturdy, &bench.score(&shuffled)?.sturdy, &bench.score(&real)?.sturdy),
        scores: Scores {
            real: score(&real)?,
            shuffled: score(&shuffled)?,
            stage_a: score(&stage_a)?,
            stages_b_and_a: b_and_a.as_ref().map(score).transpose()?,
            drawn: score(&drawn)?,
            real_style: score(&style)?,
            drawn_style: score(&drawn_style)?,
            real_concept: score(&concept)?,
            drawn_concept: score(&drawn_concept)?,
        },
        nearness: Nearnesses {
            drawn: nearness(&away(&drawn)),
            seen: nearness(&away(&real)),
            unseen: nearness(&away(&style)),
        },
        psnr: reconstruct::psnr(&stage_a.pictures, &real.pictures),
        noise_levels: match is_baseline(&args.model) {
            true => vec![],
            false => validation::of_galleries(&args.model, cells, &bench.text, threads)?,
        },
        comparison: rows,
        spent,
    };
    Ok((report, table))
}
