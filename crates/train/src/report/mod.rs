//! What a trained model is worth, measured on pictures that it draws as a user's would be drawn.
//!
//! One file a measure: [`frechet`] (how like the real ones the drawn pictures are as a whole), [`metric`] (whether each
//! shows what its caption says), [`neighbours`] (whether they are copies), [`reconstruct`] (what stages A and B keep of
//! real ones). [`backbone`] gives the features that the first three read, [`subjects`] the real pictures, [`generator`] the drawn ones,
//! [`prompts`] the contact sheet's, and [`mod@write`] puts it on paper.

pub mod backbone;
pub mod frechet;
pub mod generator;
pub mod measures;
pub mod metric;
pub mod neighbours;
pub mod prompts;
pub mod reconstruct;
pub mod subjects;
pub mod write;

use crate::config::RunConfig;
use crate::data::contact_sheet;
use crate::data::manifest::Split;
use crate::frozen::Frozen;
use anyhow::{Result, ensure};
use backbone::{Backbone, Features};
use generator::Generator;
use measures::{Distances, Nearnesses, Report, Scores};
use metric::Metric;
use neighbours::{nearest, nearness};
use std::path::PathBuf;
use subjects::{Gallery, Subject};

/// Arguments of `wuerst-train report`.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportArgs {
    /// The run's YAML file
    pub run: PathBuf,
    /// The model folder that `wuerst-train export` wrote
    #[arg(long, default_value = "models/icons")]
    pub model: PathBuf,
    /// Folder for report.md, report.json and the sheets; `report` in the run's folder when left out
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Pictures to draw for the Fréchet distance; below 2,000 it says little
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(16..=100_000))]
    pub n: u32,
    /// First seed of the drawn pictures
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(0..))]
    pub seed: i64,
    /// Draws with an argument of a node changed, as prior.steps=8, to see what that costs and is worth
    #[arg(long, value_name = "NODE.PORT=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| name.contains('.'));
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or("write it as node.port=value".to_owned())
}

/// Variants of each real picture that the metric is fitted on; what is measured comes from later ones.
const FITTED: usize = 2;

/// Columns of the contact sheets.
const COLUMNS: usize = 8;

/// Measures a model folder against the data of its run, and writes the report.
///
/// # Errors
/// A model folder that does not run, data that was not fetched, files that cannot be written.
pub fn run(config: &RunConfig, args: &ReportArgs) -> Result<()> {
    let out = args.out.clone().unwrap_or_else(|| config.folder.join("report"));
    let generator = Generator::open(&args.model, &args.set)?;
    let sheet = Sheet::draw(&generator, args.seed)?;
    let bench = Bench::open(config)?;
    let n = args.n as usize;

    let first = FITTED * bench.train.entries();
    let (reference, real) = (bench.train.pictures(first, n), bench.train.pictures(first + n, n));
    let drawn = generator.draw(&real, args.seed, "drawing seen concepts")?;
    let hidden = |gallery: &Gallery, what: &str| -> Result<[Seen; 2]> {
        let n = gallery.entries().min(n);
        let real = gallery.pictures(FITTED * gallery.entries(), n);
        let drawn = generator.draw(&real, args.seed, what)?;
        Ok([bench.seen(real)?, bench.seen(drawn)?])
    };
    let [style, drawn_style] = hidden(&bench.style, "drawing hidden styles")?;
    let [concept, drawn_concept] = hidden(&bench.concept, "drawing hidden concepts")?;
    let stage_a = reconstruct::by_stage_a(&args.model, &real, config.threads)?;
    let psnr = reconstruct::psnr(&stage_a, &real);
    let stages_b_and_a =
        reconstruct::by_stages_b_and_a(&generator, &args.model, &real, (config.threads, args.seed))?;
    let [reference, real, drawn] = [bench.seen(reference)?, bench.seen(real)?, bench.seen(drawn)?];
    let [stage_a, stages_b_and_a] = [bench.seen(stage_a)?, bench.seen(stages_b_and_a)?];

    let away = |set: &Seen| nearest(&set.1.head, &bench.training.1.head).1;
    let report = Report {
        pictures: n,
        seed: args.seed,
        concepts: bench.metric.concepts(),
        frechet: Distances {
            drawn: frechet::distance(&reference.1.blocks, &drawn.1.blocks)?,
            floor: frechet::distance(&reference.1.blocks, &real.1.blocks)?,
        },
        scores: Scores {
            real: bench.score(&real)?,
            shuffled: bench.score(&shuffled(&real))?,
            stage_a: bench.score(&stage_a)?,
            stages_b_and_a: bench.score(&stages_b_and_a)?,
            drawn: bench.score(&drawn)?,
            real_style: bench.score(&style)?,
            drawn_style: bench.score(&drawn_style)?,
            real_concept: bench.score(&concept)?,
            drawn_concept: bench.score(&drawn_concept)?,
        },
        nearness: Nearnesses {
            drawn: nearness(&away(&drawn)),
            seen: nearness(&away(&real)),
            unseen: nearness(&away(&style)),
        },
        psnr,
        spent: measures::spent(config)?,
    };
    sheet.save(&bench, &out, config.data.size)?;
    write::write(&report, &sheet.prompts, &out)?;
    println!("{}", out.join("report.md").display());
    Ok(())
}

/// Pictures and their features.
type Seen = (Vec<Subject>, Features);

/// What pictures are measured with.
struct Bench {
    train: Gallery,
    style: Gallery,
    concept: Gallery,
    backbone: Backbone,
    metric: Metric,
    /// Training pictures to compare with.
    training: Seen,
}

impl Bench {
    fn open(config: &RunConfig) -> Result<Bench> {
        let gallery = |split| Gallery::open(&config.cache, &config.data, split);
        let (train, val) = (gallery(Split::Train)?, gallery(Split::Val)?);
        let (style, concept) = (gallery(Split::TestStyle)?, gallery(Split::TestConcept)?);
        let backbone = Backbone::open(&config.cache, config.threads)?;
        let shown = |g: &Gallery| g.pictures(0, FITTED * g.entries());
        let mut all = shown(&train);
        let count = all.len();
        all.extend([&val, &style, &concept].into_iter().flat_map(shown));
        let features = backbone.features(&all, "looking at real pictures")?;
        let metric = Metric::fit(&all, &features, &Frozen::open(config)?)?;
        all.truncate(count);
        let training = (all, features.narrow(0, count));
        Ok(Bench { train, style, concept, backbone, metric, training })
    }

    fn seen(&self, pictures: Vec<Subject>) -> Result<Seen> {
        ensure!(!pictures.is_empty(), "a split has no pictures in these styles and groups");
        let features = self.backbone.features(&pictures, "looking at pictures")?;
        Ok((pictures, features))
    }

    fn score(&self, set: &Seen) -> Result<metric::Score> {
        self.metric.score(&set.0, &set.1)
    }
}

/// The same pictures, each with what another one should show.
fn shuffled(set: &Seen) -> Seen {
    let mut subjects = set.0.clone();
    subjects.rotate_left(set.0.len() / 2);
    for (subject, picture) in subjects.iter_mut().zip(&set.0) {
        subject.rgb.clone_from(&picture.rgb);
    }
    let features = Features { blocks: set.1.blocks.shallow_clone(), head: set.1.head.shallow_clone() };
    (subjects, features)
}

/// The contact sheet's prompts and pictures.
struct Sheet {
    prompts: Vec<prompts::Prompt>,
    pictures: Vec<Vec<u8>>,
}

impl Sheet {
    fn draw(generator: &Generator, seed: i64) -> Result<Sheet> {
        let prompts = prompts::prompts()?;
        let texts: Vec<&str> = prompts.iter().map(|p| p.text).collect();
        let pictures = generator.pictures(&texts, seed, "drawing the contact sheet")?;
        Ok(Sheet { prompts, pictures })
    }

    /// Writes `sheet.png`, and `neighbours.png` with each row's nearest training pictures below it.
    fn save(&self, bench: &Bench, out: &std::path::Path, size: usize) -> Result<()> {
        contact_sheet(&self.pictures, size, COLUMNS, &out.join("sheet.png"))?;
        let blank = |rgb: &Vec<u8>| Subject { rgb: rgb.clone(), ..bench.training.0[0].clone() };
        let features = bench
            .backbone
            .features(&self.pictures.iter().map(blank).collect::<Vec<_>>(), "looking at the sheet")?;
        let (rows, _) = nearest(&features.head, &bench.training.1.head);
        let near: Vec<&Vec<u8>> = rows.iter().map(|row| &bench.training.0[*row as usize].rgb).collect();
        let drawn: Vec<&Vec<u8>> = self.pictures.iter().collect();
        let both: Vec<&Vec<u8>> =
            drawn.chunks(COLUMNS).zip(near.chunks(COLUMNS)).flat_map(|(a, b)| [a, b].concat()).collect();
        contact_sheet(&both, size, COLUMNS, &out.join("neighbours.png"))
    }
}
