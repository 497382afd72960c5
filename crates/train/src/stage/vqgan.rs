//! Stage A: pictures to quantised latents and back.

use super::Corpus;
use crate::eval::{Evaluator, Mode, Weights};
use crate::sheet;
use crate::trainer::Stage;
use anyhow::Result;
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use wuerst_model::record::{Axis, DType, Graph, Id, Op, RecordError};
use wuerst_model::vqgan::{self, VqganConfig};

/// Share of the pictures that pass unquantised, as in the paper, so that the decoder learns continuous latents too.
const UNQUANTISED: f64 = 0.1;

/// Pull of the encoder towards the codebook (van den Oord et al. 2017).
const COMMITMENT: f64 = 0.25;

/// A network whose early features say how alike two pictures look.
pub struct Perceptual {
    /// Recorded with one input picture in 0..1 and several outputs `[b,c,h,w]`.
    pub network: Evaluator,
    /// Its frozen weights.
    pub weights: Weights,
    /// Side that pictures are enlarged to before they are compared.
    pub side: i64,
}

impl Perceptual {
    /// Mean squared distance of the two pictures' features, each scaled to unit length at every place.
    pub fn distance(&self, real: &Tensor, made: &Tensor, kind: Kind) -> Tensor {
        let mode = Mode { training: false, kind };
        let look = |pictures: &Tensor| {
            let enlarged = pictures.upsample_bilinear2d([self.side, self.side], false, None, None);
            self.network.run(&self.weights, &[enlarged], mode)
        };
        let wanted = tch::no_grad(|| look(real));
        let got = look(made);
        let unit = |x: &Tensor| {
            let x = x.to_kind(Kind::Float);
            let norm = x.norm_scalaropt_dim(2, [1i64], true) + 1e-6;
            x / norm
        };
        let terms: Vec<Tensor> = wanted
            .iter()
            .zip(&got)
            .map(|(w, g)| (unit(w) - unit(g)).square().sum_dim_intlist(1i64, false, None).mean(Kind::Float))
            .collect();
        Tensor::stack(&terms, 0).sum(Kind::Float)
    }
}

/// Weight of the perceptual distance beside the squared error of pixels. At five times this it outweighs the pixels, and what
/// its strided layers cannot see shows as a grid of dots.
pub const PERCEPTUAL: f64 = 0.02;

/// Stage A in training.
pub struct VqganStage {
    corpus: Rc<Corpus>,
    network: Evaluator,
    perceptual: Option<Perceptual>,
    kind: Kind,
}

impl VqganStage {
    /// Records the training network for pictures of `size` pixels.
    pub fn new(
        config: &VqganConfig,
        size: usize,
        corpus: Rc<Corpus>,
        perceptual: Option<Perceptual>,
        kind: Kind,
    ) -> Result<VqganStage> {
        Ok(VqganStage { corpus, network: Evaluator::new(record(config, size)?), perceptual, kind })
    }

    /// The training network's recording: its parameters are Stage A's.
    pub fn graph(&self) -> &Graph {
        self.network.graph()
    }
}

fn record(config: &VqganConfig, size: usize) -> Result<Graph, RecordError> {
    let mut g = Graph::new();
    let batch = Axis::named("batch", 1);
    let axes = [
        batch.clone(),
        Axis::fixed(config.in_channels),
        Axis::named("height", size),
        Axis::named("width", size),
    ];
    let image = g.input("image", DType::F32, &axes);
    let share = g.input("quantise", DType::F32, &[batch, Axis::fixed(1), Axis::fixed(1), Axis::fixed(1)]);
    let latents = vqgan::encode(&mut g, config, image);
    let (through, entries) = vqgan::quantise(&mut g, config, latents);
    let mixed = mix(&mut g, latents, through, share);
    let made = vqgan::decode(&mut g, config, mixed);
    g.output("image", made);
    g.output("latents", latents);
    g.output("entries", entries);
    g.finish()
}

/// a + share·(b − a), per picture.
fn mix(g: &mut Graph, a: Id, b: Id, share: Id) -> Id {
    let step = g.push(Op::Sub, &[b, a]);
    let step = g.push(Op::Mul, &[step, share]);
    g.push(Op::Add, &[a, step])
}

impl Stage for VqganStage {
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
        let real = self.corpus.pictures(&which);
        let quantise = Tensor::rand([batch as i64, 1, 1, 1], (Kind::Float, Device::Cpu)).ge(UNQUANTISED);
        let feeds = [real.shallow_clone(), quantise.to_kind(Kind::Float).to_device(self.corpus.device)];
        let out = self.network.run(weights, &feeds, Mode { training: true, kind: self.kind });
        let [made, latents, entries] = &out[..] else { unreachable!("three outputs were named") };
        let squares = (made - &real).square().mean(Kind::Float);
        let codebook = (latents.detach() - entries).square().mean(Kind::Float);
        let commitment = (latents - entries.detach()).square().mean(Kind::Float);
        let mut loss = &squares + &codebook + &commitment * COMMITMENT;
        let mut parts = vec![("mse", squares.double_value(&[])), ("codebook", codebook.double_value(&[]))];
        if let Some(p) = &self.perceptual {
            let distance = p.distance(&real, made, self.kind);
            parts.push(("perceptual", distance.double_value(&[])));
            loss += distance * PERCEPTUAL;
        }
        Ok((loss, parts))
    }

    fn sheet(&mut self, average: &Weights, folder: &Path, step: u64) -> Result<()> {
        let which = Tensor::arange(16, (Kind::Int64, Device::Cpu)) * (self.corpus.pictures.size()[0] / 16);
        let real = self.corpus.pictures(&which);
        let quantise = Tensor::ones([16, 1, 1, 1], (Kind::Float, self.corpus.device));
        let made =
            tch::no_grad(|| self.network.run(average, &[real.shallow_clone(), quantise], Mode::INFERENCE));
        sheet::save(
            &Tensor::cat(&[real, made[0].shallow_clone()], 0),
            8,
            &folder.join(format!("sheet-{step}.png")),
        )
    }

    fn macs(&self) -> u64 {
        self.network.macs()
    }
}
