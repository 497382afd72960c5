//! Trains and measures the runs of an ablation.

use super::config::{Ablation, Model, Point, Steps};
use super::{Laboratory, Measure, Operations};
use crate::config::RunConfig;
use crate::export;
use crate::frozen::{self, COMPRESSOR};
use crate::prepare;
use crate::programs::{self, StageA};
use crate::report::bench::{Bench, FITTED, Measured};
use crate::report::generator::Generator;
use crate::report::measures;
use crate::report::picture_scores::{self, PictureTable};
use crate::report::resample::{Estimate, Interval};
use crate::trainer::{LoopConfig, Trainer, checkpoint};
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::path::PathBuf;
use tch::Device;
use wuerst_model::compressor::{self, STRIDE};
use wuerst_model::contract::Sizes;
use wuerst_model::count;
use wuerst_model::record::{Axis, DType, NetworkGraph};
use wuerst_model::text::bert::{self, BertConfig};
use wuerst_model::{decoder, prior, vqgan};
use wuerst_read::regular;

/// Seed of the first drawn picture.
const SEED: i64 = 1;

/// Normal quantile of an interval of 95 %.
const Z: f64 = 1.96;

/// The stages of the base run that all sides share.
const SHARED: [&str; 2] = ["vqgan", "vqgan-decoder"];

/// MACs of a sample's forward pass, and parameters, of each network.
struct Networks {
    joint: count::Cost,
    decoder: count::Cost,
    prior: count::Cost,
    baseline: Option<count::Cost>,
}

/// Real trainings on a run's data.
pub struct Trainings<'a> {
    ablation: &'a Ablation,
    base: RunConfig,
    networks: Networks,
    /// Two samples of real pictures, once a measurement needs them.
    bench: Option<(Bench, [Measured; 2])>,
}

impl Trainings<'_> {
    /// Prepares runs that share the data, Stage A and networks of `base`.
    ///
    /// # Errors
    /// Networks whose sizes do not fit, a rate that does not fall at the end, a baseline that is missing.
    pub fn new(ablation: &Ablation, base: RunConfig) -> Result<Trainings<'_>> {
        let baseline = ablation.sides.iter().any(|side| side.model == Model::Baseline);
        let trainings = [
            ("compressor.training", &base.compressor.training),
            ("decoder.training", &base.decoder.training),
            ("prior.training", &base.prior.training),
        ];
        let of_baseline = base.baseline.as_ref().map(|run| ("baseline.training", &run.training));
        for (name, training) in trainings.into_iter().chain(of_baseline) {
            let falls = training.optim.fall > 0. && training.optim.decay_steps == 0;
            ensure!(
                falls,
                "{name}.optim must fall at its end (`fall: 0.2`), so that runs of all lengths end alike"
            );
        }
        if baseline {
            base.baseline()?;
        }
        let networks = networks(&base)?;
        Ok(Trainings { ablation, base, networks, bench: None })
    }

    /// The run of a point.
    ///
    /// # Errors
    /// A part of the budget that does not reach beyond the warm-up.
    fn run(&self, point: &Point<'_>) -> Result<RunConfig> {
        let mut run = self.base.clone();
        run.folder = self.ablation.folder.join("runs").join(point.name());
        run.seed = point.seed;
        let budget = self.ablation.budget * point.part;
        let set = |training: &mut LoopConfig, name: &str, operations: f64, cost: &count::Cost| {
            training.steps = (operations / (6. * cost.macs as f64 * training.batch as f64)) as u64;
            training.optim.rate *= point.side.rate;
            (training.sample_grid_every, training.keep) = (0, vec![]);
            let warm_up = training.optim.warm_up;
            ensure!(
                training.steps > warm_up,
                "{}: {name} gets {} steps, no more than its warm-up of {warm_up}: raise the budget or the part",
                point.name(),
                training.steps
            );
            Ok(())
        };
        match point.side.model {
            Model::Cascade => {
                let (split, networks) = (self.ablation.split, &self.networks);
                set(&mut run.compressor.training, "compressor", budget * split.compressor, &networks.joint)?;
                set(&mut run.decoder.training, "decoder", budget * split.decoder, &networks.decoder)?;
                set(&mut run.prior.training, "prior", budget * split.prior, &networks.prior)?;
            }
            Model::Baseline => {
                let cost = self.networks.baseline.as_ref().context("the run has no baseline")?;
                let baseline = run.baseline.as_mut().context("the run has no baseline")?;
                set(&mut baseline.training, "baseline", budget, cost)?;
            }
        }
        Ok(run)
    }

    /// Copies Stage A of the base run into a run, once.
    fn share(&self, run: &RunConfig) -> Result<()> {
        for stage in SHARED {
            let (from, to) = (self.base.folder.join(stage), run.folder.join(stage));
            if let (Some(spent), None) = (Trainer::spent(&from)?, Trainer::spent(&to)?) {
                checkpoint::branch(&from, spent.step, &to)?;
            }
        }
        Ok(())
    }

    /// Operations of the frozen networks and of Stage A's encoder for the corpus.
    fn passes(&self, run: &RunConfig, model: Model) -> Result<f64> {
        let corpus = prepare::corpus(run, Device::Cpu)?;
        let pictures = corpus.pictures.len() as f64;
        let captions = corpus.frozen()?.text.len() as f64;
        let size = |side| sizes(run, side);
        let text = count::cost(&bert::graph(&BertConfig::minilm(), &size(1))?).macs as f64;
        let encoder =
            count::cost(&vqgan::encoder_graph(&run.vqgan.network, &size(run.data.size))?).macs as f64;
        let features = match model {
            Model::Cascade => count::cost(&frozen_part(run)?).macs as f64,
            Model::Baseline => 0.,
        };
        Ok(2. * (captions * text + pictures * (encoder + features)))
    }

    fn bench(&mut self) -> Result<&(Bench, [Measured; 2])> {
        if self.bench.is_none() {
            let (bench, n) = (Bench::open(&self.base)?, self.ablation.pictures);
            let first = FITTED * bench.train.entries();
            let [reference, real] =
                [first, first + n].map(|first| bench.measure(bench.train.pictures(first, n)));
            self.bench = Some((bench, [reference?, real?]));
        }
        self.bench.as_ref().context("it was just opened")
    }

    /// Operations for a picture.
    fn inference(&self, point: &Point<'_>, steps: Steps) -> Result<f64> {
        let sampling = &self.base.sampling;
        let passes = |steps: usize, guidance: f64| (steps * if guidance > 1. { 2 } else { 1 }) as f64;
        let networks = &self.networks;
        let evaluations = match point.side.model {
            Model::Cascade => {
                passes(steps.steps, sampling.prior_guidance) * networks.prior.macs as f64
                    + passes(steps.decoder, sampling.decoder_guidance) * networks.decoder.macs as f64
            }
            Model::Baseline => {
                let cost = networks.baseline.as_ref().context("the run has no baseline")?;
                passes(steps.steps, sampling.baseline_guidance) * cost.macs as f64
            }
        };
        let side = self.base.data.size / self.base.vqgan.network.stride();
        let pixels =
            count::cost(&vqgan::decoder_graph(&self.base.vqgan.network, &sizes(&self.base, side))?).macs;
        Ok(2. * (evaluations + pixels as f64))
    }
}

impl Laboratory for Trainings<'_> {
    fn plan(&self) -> Result<String> {
        let stage_a = Trainer::averaged_file(&self.base.folder.join("vqgan")).with_context(|| {
            format!(
                "{} has no Stage A, which all sides share: `wuerst-train vqgan RUN`",
                self.base.folder.display()
            )
        })?;
        let weights = regular::read(&stage_a, u64::MAX)
            .with_context(|| format!("cannot read {}", stage_a.display()))?;
        let settings = serde_json::to_vec(&self.base)?;
        let digest = |bytes: &[u8]| blake3::hash(bytes).to_hex()[..16].to_owned();
        let mut md = String::from(
            "| side | part | seed | steps | parameters | MMAC an evaluation |\n|---|---|---|---|---|---|\n",
        );
        for point in self.ablation.points() {
            let (run, networks) = (self.run(&point)?, &self.networks);
            let (steps, costs) = match point.side.model {
                Model::Cascade => {
                    let steps = [&run.compressor.training, &run.decoder.training, &run.prior.training];
                    (steps.map(|t| t.steps.to_string()).join(" + "), vec![&networks.decoder, &networks.prior])
                }
                Model::Baseline => {
                    let cost = networks.baseline.as_ref().context("the run has no baseline")?;
                    (run.baseline()?.training.steps.to_string(), vec![cost])
                }
            };
            let [parameters, macs] = [|c: &count::Cost| c.params as f64, |c: &count::Cost| c.macs as f64]
                .map(|of| {
                    let cells = costs.iter().map(|cost| format!("{:.2} M", of(cost) / 1e6));
                    cells.collect::<Vec<_>>().join(" + ")
                });
            let Point { side, part, seed } = point;
            let macs = macs.replace(" M", "");
            writeln!(md, "| {} | {part} | {seed} | {steps} | {parameters} | {macs} |", side.name)?;
        }
        writeln!(md, "\nSettings of the run {}, Stage A {}.", digest(&settings), digest(&weights))?;
        Ok(md)
    }

    fn train(&mut self, point: &Point<'_>) -> Result<Operations> {
        let run = self.run(point)?;
        self.share(&run)?;
        let stages: &[&str] = match point.side.model {
            Model::Cascade => {
                programs::decoder(&run)?;
                programs::prior(&run)?;
                &["compressor", "decoder", "prior"]
            }
            Model::Baseline => {
                programs::baseline(&run)?;
                &["baseline"]
            }
        };
        let spent = |stages: &[&str]| -> Result<f64> {
            let of = |stage: &&str| -> Result<f64> {
                Ok(Trainer::spent(&run.folder.join(stage))?.map_or(0., |spent| spent.flops))
            };
            stages.iter().map(of).sum()
        };
        let own = spent(stages)?;
        Ok(Operations { own, all: own + spent(&SHARED)? + self.passes(&run, point.side.model)? })
    }

    fn measure(&mut self, point: &Point<'_>, steps: Steps) -> Result<(f64, Vec<Measure>)> {
        let run = self.run(point)?;
        let models = run.folder.join("model");
        let scale = StageA::load(&run)?.scale;
        let set = |node: &str, steps: usize| (format!("{node}.steps"), steps.to_string());
        let changes = match point.side.model {
            Model::Cascade => {
                export::write(&run, scale, &models)?;
                vec![set("prior", steps.steps), set("decoder", steps.decoder)]
            }
            Model::Baseline => {
                export::write_baseline(&run, scale, &models)?;
                vec![set("baseline", steps.steps)]
            }
        };
        let inference = self.inference(point, steps)?;
        let table = PictureTable::new(&run, &models)?;
        let report: PathBuf = run.folder.join(format!("report-{}", steps.steps));
        let n = self.ablation.pictures;
        let (bench, [reference, real]) = self.bench()?;
        let measures =
            draw(bench, [reference, real], &Generator::open(&models, &changes)?, n, (table, &report))?;
        Ok((inference, measures))
    }

    fn references(&mut self) -> Result<Vec<Measure>> {
        let (bench, [reference, real]) = self.bench()?;
        let [frechet, mmd] = measures::distances(reference, real)?;
        let alignment = bench.score(real)?.sturdy.score().alignment;
        Ok(vec![estimate("frechet", frechet), estimate("mmd", mmd), interval("alignment", alignment)])
    }

    fn scores(&self, point: &Point<'_>, steps: Steps) -> Result<Option<PictureTable>> {
        let report = self.run(point)?.folder.join(format!("report-{}", steps.steps));
        if report.join(picture_scores::FILE).exists() {
            PictureTable::read(&report).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Draws and measures pictures, and stores the scores of each for `report compare`.
fn draw(
    bench: &Bench,
    [reference, real]: [&Measured; 2],
    generator: &Generator,
    n: usize,
    (mut table, report): (PictureTable, &PathBuf),
) -> Result<Vec<Measure>> {
    let drawn = bench.measure(generator.draw(&real.pictures, SEED, "drawing")?)?;
    table.add(bench, "seen concepts", &drawn, SEED)?;
    let [frechet, mmd] = measures::distances(reference, &drawn)?;
    let score = bench.score(&drawn)?.sturdy.score();
    let mut found = vec![estimate("frechet", frechet), estimate("mmd", mmd)];
    found.extend([
        interval("alignment", score.alignment),
        interval("top 1", score.top1),
        interval("top 5", score.top5),
        interval("style", score.style),
        interval("background", score.background),
    ]);
    for (set, gallery) in [("hidden styles", &bench.style), ("hidden concepts", &bench.concept)] {
        let entries = gallery.entries();
        if entries == 0 {
            continue;
        }
        let hidden = gallery.pictures(FITTED * entries, entries.min(n));
        let hidden = bench.measure(generator.draw(&hidden, SEED, "drawing hidden ones")?)?;
        table.add(bench, set, &hidden, SEED)?;
        found.push(interval(&format!("alignment of {set}"), bench.score(&hidden)?.sturdy.score().alignment));
    }
    table.write(report)?;
    Ok(found)
}

fn interval(name: &str, Interval { value, low, high }: Interval) -> Measure {
    Measure { name: name.into(), value, low, high }
}

fn estimate(name: &str, Estimate { value, error }: Estimate) -> Measure {
    Measure { name: name.into(), value, low: value - Z * error, high: value + Z * error }
}

fn sizes(run: &RunConfig, side: usize) -> Sizes {
    let cells = run.compressor.size / STRIDE;
    Sizes { batch: 1, height: side, width: side, embedding: [cells; 2], length: run.length }
}

fn frozen_part(run: &RunConfig) -> Result<NetworkGraph> {
    let size = sizes(run, run.compressor.size);
    Ok(compressor::frozen_graph(COMPRESSOR.backbone, run.compressor.frozen_blocks, &size)?)
}

fn networks(run: &RunConfig) -> Result<Networks> {
    let latents = run.data.size / run.vqgan.network.stride();
    let below = frozen_part(run)?;
    let mut tail = NetworkGraph::new();
    let shape = below.outputs.first().map(|(_, id)| below.shape(*id).to_vec()).unwrap_or_default();
    let axes: Vec<Axis> = shape.into_iter().map(Axis::fixed).collect();
    let features = tail.input("features", DType::F32, &axes);
    let embedding = frozen::tail(run)(&mut tail, features);
    tail.output("embedding", embedding);
    let tail = count::cost(&tail.finish()?);
    let decoder = count::cost(&decoder::graph(&run.decoder.network, &sizes(run, latents))?);
    let baseline = match &run.baseline {
        Some(baseline) => Some(count::cost(&decoder::graph(&baseline.network, &sizes(run, latents))?)),
        None => None,
    };
    Ok(Networks {
        joint: count::Cost { macs: decoder.macs + tail.macs, ..decoder },
        prior: count::cost(&prior::graph(&run.prior.network, &sizes(run, run.compressor.size / STRIDE))?),
        decoder,
        baseline,
    })
}
