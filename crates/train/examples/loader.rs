//! Measures the cost of files: training steps with rows from files and from memory, alternately.
//!
//!     cargo run --release -p wuerst-train --example loader RUN.yaml [STEPS]
//!
//! Takes Stage A of the run with fresh weights on the first shard of its pictures. Prints samples per second of processor time,
//! which other processes change little, and the process's own peak memory before the shard is read into it.

use anyhow::{Context, Result};
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use wuerst_train::config::RunConfig;
use wuerst_train::data::DatasetSplit;
use wuerst_train::eval::Weights;
use wuerst_train::shards::{ROWS, Table};
use wuerst_train::stage::Corpus;
use wuerst_train::stage::likeness::Likeness;
use wuerst_train::stage::vqgan::VqganStage;
use wuerst_train::trainer::TrainedStage;
use wuerst_train::{frozen, prepare, session};

/// Turns of either.
const TURNS: usize = 6;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let run = args.next().context("usage: loader RUN.yaml [STEPS]")?;
    let steps: i64 = args.next().map_or(Ok(20), |n| n.parse())?;
    let config = RunConfig::load(Path::new(&run))?;
    tch::set_num_threads(config.threads as i32);
    session::start_runtime()?;

    let corpus = prepare::pictures_of(&config, DatasetSplit::Train, Device::Cpu)?;
    let n = corpus.pictures.len().min(ROWS as i64);
    let first = |all: &Tensor| all.narrow(0, 0, n);
    let (captions, shares) = (first(&corpus.captions), first(&corpus.shares));
    let with = |pictures: Table| Corpus {
        pictures,
        frozen: None,
        captions: captions.shallow_clone(),
        shares: shares.shallow_clone(),
        device: Device::Cpu,
        key: corpus.key.clone(),
    };
    let whole = corpus.pictures.rows(&Tensor::arange(n, (Kind::Int64, Device::Cpu)))?;
    let files = prepare::pictures_of(&config, DatasetSplit::Train, Device::Cpu)?.pictures;
    let mut stages = [stage(&config, with(files))?, stage(&config, with(Table::of(whole)))?];
    let weights = Weights::init(stages[0].graph(), 1, Device::Cpu);
    let mut spent = [0f64; 2];
    let mut losses = [0f64; 2];
    for turn in 0..TURNS {
        for (which, stage) in stages.iter_mut().enumerate() {
            let before = processor_seconds()?;
            for step in 0..steps {
                let (loss, _) =
                    stage.loss(&weights, config.vqgan.training.batch, turn as i64 * steps + step)?;
                loss.backward();
                losses[which] += loss.double_value(&[]);
            }
            spent[which] += processor_seconds()? - before;
        }
    }
    let samples = (TURNS as i64 * steps * config.vqgan.training.batch as i64) as f64;
    let [files, memory] = spent.map(|seconds| samples / seconds);
    println!(
        "from files {files:.2} samples/s, from memory {memory:.2}: {:.3}; losses {losses:?}",
        files / memory
    );
    Ok(())
}

fn stage(config: &RunConfig, corpus: Corpus) -> Result<VqganStage> {
    let perceptual = Some(frozen::perceptual(config, Device::Cpu)?);
    let kind = if config.bf16 { Kind::BFloat16 } else { Kind::Float };
    let likeness = Likeness { perceptual, weights: config.vqgan.loss, kind };
    VqganStage::new(&config.vqgan.network, config.data.size, Rc::new(corpus), config.vqgan.latents, likeness)
}

/// Processor time of this process: user and system ticks, fields 14 and 15 of its `stat`.
fn processor_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').context("/proc/self/stat")?.1;
    let ticks: Vec<f64> =
        after_name.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.)
}
