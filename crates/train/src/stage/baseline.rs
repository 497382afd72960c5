//! The baseline: one latent diffusion model in place of stages B and C.
//!
//! It predicts the noise in the VQGAN's latents from the text alone, with Stage B's network without the embedding, on the
//! corpus, latents, schedule and loss of the cascade. What differs in a comparison is therefore the cascade itself.

use super::{Corpus, add_noise, embed_time, noise_loss, times};
use crate::eval::{Evaluator, Mode, Weights};
use crate::sample_grid;
use crate::sampler;
use crate::shards::Table;
use crate::trainer::TrainedStage;
use anyhow::Result;
use std::path::Path;
use std::rc::Rc;
use tch::{Kind, Tensor};
use wuerst_model::contract::Sizes;
use wuerst_model::decoder::{self, DecoderConfig};
use wuerst_model::record::NetworkGraph;
use wuerst_model::schedule::Schedule;

/// Fraction of the captions replaced by the empty one, for classifier-free guidance; that of Stage C.
const UNCAPTIONED: f64 = 0.1;

/// The baseline in training.
pub struct BaselineStage {
    corpus: Rc<Corpus>,
    /// Scaled latents of every picture, f16 `[n,c,h,w]`.
    latents: Table,
    network: Evaluator,
    pixels: Rc<dyn Fn(&Tensor) -> Tensor>,
    kind: Kind,
    schedule: Schedule,
    c_r: usize,
    /// Channels of the embedding that the contract has and the network does not read.
    embedding: i64,
}

impl BaselineStage {
    /// Records the network for the corpus's latents; `pixels` turns scaled latents into pictures for the sample grids.
    ///
    /// # Errors
    /// A network whose sizes contradict each other.
    pub fn new(
        config: &DecoderConfig,
        corpus: Rc<Corpus>,
        latents: Table,
        pixels: Rc<dyn Fn(&Tensor) -> Tensor>,
        kind: Kind,
    ) -> Result<BaselineStage> {
        let [height, width] = [1, 2].map(|axis| latents.row()[axis] as usize);
        let length = corpus.frozen()?.text.row()[0] as usize;
        let sizes = Sizes { batch: 1, height, width, embedding: [1, 1], length };
        Ok(BaselineStage {
            corpus,
            latents,
            network: Evaluator::new(decoder::graph(config, &sizes)?),
            pixels,
            kind,
            schedule: Schedule::default(),
            c_r: config.c_r,
            embedding: config.effnet_embd as i64,
        })
    }

    /// The network's recording.
    pub fn graph(&self) -> &NetworkGraph {
        self.network.graph()
    }

    fn feeds(&self, noisy: Tensor, t: &Tensor, text: Tensor) -> [Tensor; 4] {
        let nothing = noisy.new_zeros([noisy.size()[0], self.embedding, 1, 1], (Kind::Float, noisy.device()));
        let t = embed_time(t, self.c_r).to_device(noisy.device());
        [noisy, t, nothing, text]
    }
}

impl TrainedStage for BaselineStage {
    fn name(&self) -> &str {
        "baseline"
    }

    fn loss(
        &mut self,
        weights: &Weights,
        batch: usize,
        seed: i64,
    ) -> Result<(Tensor, Vec<(&'static str, f64)>)> {
        tch::manual_seed(seed);
        let (which, (t, alpha)) = (self.corpus.draw(batch), times(batch as i64, &self.schedule)?);
        let x = self.latents.floats(&which, self.corpus.device)?;
        let alpha = alpha.to_device(self.corpus.device);
        let noise = x.randn_like();
        let feeds = self.feeds(add_noise(&x, &noise, &alpha), &t, self.corpus.text(&which, UNCAPTIONED)?);
        let out = self.network.run(weights, &feeds, Mode { training: true, kind: self.kind });
        let (loss, plain) = noise_loss(&out[0], &noise, &alpha);
        Ok((loss, vec![("mse", plain)]))
    }

    /// Real pictures and, below, pictures from their captions at guidance 4.
    fn sample_grid(&mut self, average: &Weights, folder: &Path, step: u64) -> Result<()> {
        let which = self.corpus.spread(32);
        tch::manual_seed(0);
        let size = [&which.size()[..], self.latents.row()].concat();
        let start = Tensor::randn(size, (Kind::Float, self.corpus.device));
        let (text, empty) = (self.corpus.text(&which, 0.)?, self.corpus.text(&which, 2.)?);
        let drawn = sampler::ddim(&start, 20, (&self.schedule, 4.), |x, t, captioned| {
            let text = if captioned { &text } else { &empty };
            let feeds = self.feeds(x.shallow_clone(), t, text.shallow_clone());
            self.network.run(average, &feeds, Mode::INFERENCE)[0].shallow_clone()
        });
        let pictures = Tensor::cat(&[self.corpus.pictures(&which)?, (self.pixels)(&drawn)], 0);
        sample_grid::save(&pictures, 16, &folder.join(format!("sample-grid-{step}.png")))
    }

    fn macs(&self) -> u64 {
        self.network.macs()
    }
}
