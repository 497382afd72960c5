//! Stage A: pictures to latents and back.
//!
//! The run sets the fractions of pictures whose latents are moved to their nearest codebook entries, as in the paper, get
//! noise, or stay unchanged. Without a codebook, the noise alone keeps the latents smooth.

use super::Corpus;
use super::likeness::{Likeness, psnr};
use crate::config::LatentsRun;
use crate::eval::{Evaluator, Mode, Weights};
use crate::sample_grid;
use crate::trainer::TrainedStage;
use anyhow::{Context, Result};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use wuerst_model::record::{Axis, DType, Id, NetworkGraph, Op, RecordError};
use wuerst_model::vqgan::{self, VqganConfig};

/// Number of pictures whose PSNR is measured with each sample grid, and the number of those shown.
const MEASURED: i64 = 256;
const SHOWN: i64 = 16;

/// Stage A in training.
pub struct VqganStage {
    corpus: Rc<Corpus>,
    network: Evaluator,
    latents: LatentsRun,
    likeness: Likeness,
}

impl VqganStage {
    /// Records the training network for pictures of `size` pixels.
    pub fn new(
        config: &VqganConfig,
        size: usize,
        corpus: Rc<Corpus>,
        latents: LatentsRun,
        likeness: Likeness,
    ) -> Result<VqganStage> {
        let network = Evaluator::new(record(config, size, latents.quantised > 0.)?);
        Ok(VqganStage { corpus, network, latents, likeness })
    }

    /// The recording of the training network: its parameters are Stage A's.
    pub fn graph(&self) -> &NetworkGraph {
        self.network.graph()
    }

    fn has_codebook(&self) -> bool {
        self.latents.quantised > 0.
    }

    /// Inputs of the network: pictures, noise for their latents, and the amount of quantisation of each.
    fn feeds(&self, real: &Tensor, noise: Tensor, quantise: Tensor) -> Vec<Tensor> {
        let mut feeds = vec![real.shallow_clone(), noise.to_device(self.corpus.device)];
        if self.has_codebook() {
            feeds.push(quantise.to_device(self.corpus.device));
        }
        feeds
    }

    /// Standard deviation of the noise on each picture's latents; 0 for quantised ones.
    fn sigma(&self, quantise: &Tensor) -> Tensor {
        let uniform = || Tensor::rand(quantise.size(), (Kind::Float, Device::Cpu));
        let noised = uniform().lt(self.latents.noised).to_kind(Kind::Float);
        uniform() * self.latents.noise * noised * (1f64 - quantise)
    }

    /// Extents of the latents of `batch` pictures.
    fn latents_size(&self, batch: i64) -> [i64; 4] {
        let graph = self.network.graph();
        let shape = graph.shape(graph.outputs[1].1);
        [batch, shape[1] as i64, shape[2] as i64, shape[3] as i64]
    }

    /// Reconstructs pictures with the averaged weights, without noise: unquantised, or all quantised.
    fn through(&self, average: &Weights, real: &Tensor, quantised: bool) -> Tensor {
        let n = real.size()[0];
        let noise = Tensor::zeros(self.latents_size(n), (Kind::Float, Device::Cpu));
        let quantise = Tensor::full([n, 1, 1, 1], f64::from(quantised), (Kind::Float, Device::Cpu));
        let feeds = self.feeds(real, noise, quantise);
        tch::no_grad(|| self.network.run(average, &feeds, Mode::INFERENCE).swap_remove(0))
    }
}

fn record(config: &VqganConfig, size: usize, codebook: bool) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let batch = || Axis::named("batch", 1);
    let side = size / config.stride();
    let picture =
        [batch(), Axis::fixed(config.in_channels), Axis::named("height", size), Axis::named("width", size)];
    let image = g.input("image", DType::F32, &picture);
    let latents = vqgan::encode(&mut g, config, image);
    let like = [
        batch(),
        Axis::fixed(config.latent_channels),
        Axis::named("latent height", side),
        Axis::named("latent width", side),
    ];
    let noise = g.input("noise", DType::F32, &like);
    let mut shown = latents;
    let mut entries = None;
    if codebook {
        let one = [batch(), Axis::fixed(1), Axis::fixed(1), Axis::fixed(1)];
        let share = g.input("quantise", DType::F32, &one);
        let (through, chosen) = vqgan::quantise(&mut g, config, latents);
        shown = mix(&mut g, latents, through, share);
        entries = Some(chosen);
    }
    let shown = g.push(Op::Add, &[shown, noise]);
    let made = vqgan::decode(&mut g, config, shown);
    g.output("image", made);
    g.output("latents", latents);
    if let Some(entries) = entries {
        g.output("entries", entries);
    }
    g.finish()
}

/// a + share·(b − a), per picture.
fn mix(g: &mut NetworkGraph, a: Id, b: Id, share: Id) -> Id {
    let step = g.push(Op::Sub, &[b, a]);
    let step = g.push(Op::Mul, &[step, share]);
    g.push(Op::Add, &[a, step])
}

impl TrainedStage for VqganStage {
    fn name(&self) -> &str {
        "vqgan"
    }

    fn loss(
        &mut self,
        weights: &Weights,
        batch: usize,
        seed: i64,
    ) -> Result<(Tensor, Vec<(&'static str, f64)>)> {
        tch::manual_seed(seed);
        let which = self.corpus.draw(batch);
        let real = self.corpus.pictures(&which)?;
        let batch = batch as i64;
        let quantise = Tensor::rand([batch, 1, 1, 1], (Kind::Float, Device::Cpu))
            .lt(self.latents.quantised)
            .to_kind(Kind::Float);
        let noise =
            Tensor::randn(self.latents_size(batch), (Kind::Float, Device::Cpu)) * self.sigma(&quantise);
        let feeds = self.feeds(&real, noise, quantise);
        let out = self.network.run(weights, &feeds, Mode { training: true, kind: self.likeness.kind });
        let (mut loss, mut parts) = self.likeness.loss(&real, &out[0]);
        if let [_, latents, entries] = &out[..] {
            let codebook = (latents.detach() - entries).square().mean(Kind::Float);
            let commitment = (latents - entries.detach()).square().mean(Kind::Float);
            parts.push(("codebook", codebook.double_value(&[])));
            loss += codebook + commitment * self.latents.commitment;
        }
        Ok((loss, parts))
    }

    /// Real pictures; below, their unquantised reconstructions; below that, if there is a codebook, the quantised ones.
    /// The PSNR of both goes to `psnr.csv`.
    fn sample_grid(&mut self, average: &Weights, folder: &Path, step: u64) -> Result<()> {
        let which = self.corpus.spread(MEASURED);
        let measured = which.size()[0];
        let shown = self.corpus.spread(SHOWN);
        let mut rows = vec![self.corpus.pictures(&shown)?];
        #[expect(clippy::disallowed_methods, reason = "the run's own log, which is written")]
        let mut log = fs::OpenOptions::new().create(true).append(true).open(folder.join("psnr.csv"))?;
        for (quantised, name) in [(false, "unquantised"), (true, "quantised")] {
            if quantised && !self.has_codebook() {
                continue;
            }
            let mut decibels = 0.;
            for part in which.split(SHOWN, 0) {
                let real = self.corpus.pictures(&part)?;
                let made = self.through(average, &real, quantised);
                decibels += psnr(&real, &made) * part.size()[0] as f64;
            }
            decibels /= measured as f64;
            writeln!(log, "{step},{name},{decibels:.2}").context("writing psnr.csv")?;
            eprintln!("vqgan {step}: {measured} training pictures come back {name} with {decibels:.2} dB");
            rows.push(self.through(average, &rows[0], quantised));
        }
        sample_grid::save(&Tensor::cat(&rows, 0), 8, &folder.join(format!("sample-grid-{step}.png")))
    }

    fn macs(&self) -> u64 {
        self.network.macs()
    }
}
