//! Stage A's decoder alone, on the latents that its trained encoder gives.
//!
//! Stage B draws latents that no quantiser has touched, and its training needs them to stay as they are. So once the
//! encoder is fixed, the decoder goes on learning from exactly those, at a fraction of the cost.

use super::vqgan::{PERCEPTUAL, Perceptual};
use super::{Corpus, rows};
use crate::eval::{Evaluator, Mode, Weights};
use crate::sheet;
use crate::trainer::Stage;
use anyhow::Result;
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use wuerst_model::record::{Axis, DType, Graph, RecordError};
use wuerst_model::vqgan::{self, VqganConfig};

/// Standard deviation of the noise on the scaled latents: Stage B does not draw them exactly either.
const NOISE: f64 = 0.05;

/// The decoding half of Stage A in training.
pub struct RefineStage {
    corpus: Rc<Corpus>,
    /// Latents over their scale, f16 `[n,4,h,w]`, and that scale.
    latents: (Tensor, f64),
    network: Evaluator,
    perceptual: Perceptual,
    kind: Kind,
}

impl RefineStage {
    /// Records the decoder for the latents' size.
    pub fn new(
        config: &VqganConfig,
        corpus: Rc<Corpus>,
        latents: (Tensor, f64),
        perceptual: Perceptual,
        kind: Kind,
    ) -> Result<RefineStage> {
        let network = Evaluator::new(record(config, &latents.0)?);
        Ok(RefineStage { corpus, latents, network, perceptual, kind })
    }

    /// The decoder's recording.
    pub fn graph(&self) -> &Graph {
        self.network.graph()
    }

    fn raw(&self, which: &Tensor) -> Tensor {
        rows(&self.latents.0, which, self.corpus.device)
    }
}

fn record(config: &VqganConfig, latents: &Tensor) -> Result<Graph, RecordError> {
    let mut g = Graph::new();
    let [channels, h, w] = [1, 2, 3].map(|axis| latents.size()[axis] as usize);
    let axes =
        [Axis::named("batch", 1), Axis::fixed(channels), Axis::named("height", h), Axis::named("width", w)];
    let x = g.input("latents", DType::F32, &axes);
    let made = vqgan::decode(&mut g, config, x);
    g.output("image", made);
    g.finish()
}

impl Stage for RefineStage {
    fn name(&self) -> &str {
        "vqgan-decoder"
    }

    fn loss(
        &mut self,
        weights: &Weights,
        batch: usize,
        seed: i64,
    ) -> Result<(Tensor, Vec<(&'static str, f64)>)> {
        tch::manual_seed(seed);
        let which = self.corpus.draw(batch);
        let (real, x) = (self.corpus.pictures(&which), self.raw(&which));
        let x = (&x + x.randn_like() * NOISE) * self.latents.1;
        let made = &self.network.run(weights, &[x], Mode { training: true, kind: self.kind })[0];
        let squares = (made - &real).square().mean(Kind::Float);
        let distance = self.perceptual.distance(&real, made, self.kind);
        let parts = vec![("mse", squares.double_value(&[])), ("perceptual", distance.double_value(&[]))];
        Ok((squares + distance * PERCEPTUAL, parts))
    }

    fn sheet(&mut self, average: &Weights, folder: &Path, step: u64) -> Result<()> {
        let which = Tensor::arange(16, (Kind::Int64, Device::Cpu)) * (self.corpus.pictures.size()[0] / 16);
        let x = self.raw(&which) * self.latents.1;
        let made = tch::no_grad(|| self.network.run(average, &[x], Mode::INFERENCE)[0].shallow_clone());
        let pictures = Tensor::cat(&[self.corpus.pictures(&which), made], 0);
        sheet::save(&pictures, 8, &folder.join(format!("sheet-{step}.png")))
    }

    fn macs(&self) -> u64 {
        self.network.macs()
    }
}
