//! Trains Stage A's decoder alone, on the latents of its trained encoder.
//!
//! Stage B generates unquantised latents, and its training requires that they do not change. So once the encoder is
//! fixed, the decoder is trained further on exactly those, at a fraction of the cost.

use super::Corpus;
use super::likeness::Likeness;
use crate::eval::{Evaluator, Mode, Weights};
use crate::sample_grid;
use crate::shards::Table;
use crate::trainer::TrainedStage;
use anyhow::Result;
use std::path::Path;
use std::rc::Rc;
use tch::Tensor;
use wuerst_model::record::{Axis, DType, NetworkGraph, RecordError};
use wuerst_model::vqgan::{self, VqganConfig};

/// The decoding half of Stage A in training.
pub struct RefineStage {
    corpus: Rc<Corpus>,
    /// Latents divided by their scale, f16 `[n,c,h,w]`, and that scale.
    latents: (Table, f64),
    /// Standard deviation of the noise on the scaled latents: Stage B does not generate them exactly either.
    noise: f64,
    network: Evaluator,
    likeness: Likeness,
}

impl RefineStage {
    /// Records the decoder for the latents' size.
    pub fn new(
        config: &VqganConfig,
        corpus: Rc<Corpus>,
        latents: (Table, f64),
        noise: f64,
        likeness: Likeness,
    ) -> Result<RefineStage> {
        let network = Evaluator::new(record(config, &latents.0)?);
        Ok(RefineStage { corpus, latents, noise, network, likeness })
    }

    /// The decoder's recording.
    pub fn graph(&self) -> &NetworkGraph {
        self.network.graph()
    }

    fn raw(&self, which: &Tensor) -> Result<Tensor> {
        self.latents.0.floats(which, self.corpus.device)
    }
}

fn record(config: &VqganConfig, latents: &Table) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let [channels, h, w] = [0, 1, 2].map(|axis| latents.row()[axis] as usize);
    let axes =
        [Axis::named("batch", 1), Axis::fixed(channels), Axis::named("height", h), Axis::named("width", w)];
    let x = g.input("latents", DType::F32, &axes);
    let made = vqgan::decode(&mut g, config, x);
    g.output("image", made);
    g.finish()
}

impl TrainedStage for RefineStage {
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
        let (real, x) = (self.corpus.pictures(&which)?, self.raw(&which)?);
        let x = (&x + x.randn_like() * self.noise) * self.latents.1;
        let made = &self.network.run(weights, &[x], Mode { training: true, kind: self.likeness.kind })[0];
        Ok(self.likeness.loss(&real, made))
    }

    fn sample_grid(&mut self, average: &Weights, folder: &Path, step: u64) -> Result<()> {
        let which = self.corpus.spread(16);
        let x = self.raw(&which)? * self.latents.1;
        let made = tch::no_grad(|| self.network.run(average, &[x], Mode::INFERENCE)[0].shallow_clone());
        let pictures = Tensor::cat(&[self.corpus.pictures(&which)?, made], 0);
        sample_grid::save(&pictures, 8, &folder.join(format!("sample-grid-{step}.png")))
    }

    fn macs(&self) -> u64 {
        self.network.macs()
    }
}
