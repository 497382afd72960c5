//! Stage C: predicts the noise in the compressor's embedding, given the text.

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
use wuerst_model::prior::{self, PriorConfig};
use wuerst_model::record::NetworkGraph;
use wuerst_model::schedule::Schedule;

/// Fraction of the captions replaced by the empty one, for classifier-free guidance.
const UNCAPTIONED: f64 = 0.1;

/// Turns embeddings and text states into pictures, for the sample grids.
pub type Draw = dyn Fn(&Tensor, &Tensor) -> Tensor;

/// Stage C in training.
pub struct PriorStage {
    corpus: Rc<Corpus>,
    /// Embeddings of every picture, f32 `[n,16,h,w]`.
    embeddings: Table,
    network: Evaluator,
    draw: Rc<Draw>,
    kind: Kind,
    schedule: Schedule,
    c_r: usize,
}

impl PriorStage {
    /// Records the prior for the corpus's embeddings.
    pub fn new(
        config: &PriorConfig,
        corpus: Rc<Corpus>,
        embeddings: Table,
        draw: Rc<Draw>,
        kind: Kind,
    ) -> Result<PriorStage> {
        let [h, w] = [1, 2].map(|axis| embeddings.row()[axis] as usize);
        let length = corpus.frozen()?.text.row()[0] as usize;
        let sizes = Sizes { batch: 1, height: h, width: w, embedding: [h, w], length };
        let network = Evaluator::new(prior::graph(config, &sizes)?);
        Ok(PriorStage {
            corpus,
            embeddings,
            network,
            draw,
            kind,
            schedule: Schedule::default(),
            c_r: config.c_r,
        })
    }

    /// The prior's recording.
    pub fn graph(&self) -> &NetworkGraph {
        self.network.graph()
    }
}

impl TrainedStage for PriorStage {
    fn name(&self) -> &str {
        "prior"
    }

    fn loss(
        &mut self,
        weights: &Weights,
        batch: usize,
        seed: i64,
    ) -> Result<(Tensor, Vec<(&'static str, f64)>)> {
        tch::manual_seed(seed);
        let (which, (t, alpha)) = (self.corpus.draw(batch), times(batch as i64, &self.schedule)?);
        let (t, alpha) =
            (embed_time(&t, self.c_r).to_device(self.corpus.device), alpha.to_device(self.corpus.device));
        let x = self.embeddings.floats(&which, self.corpus.device)?;
        let noise = x.randn_like();
        let feeds = [add_noise(&x, &noise, &alpha), t, self.corpus.text(&which, UNCAPTIONED)?];
        let out = self.network.run(weights, &feeds, Mode { training: true, kind: self.kind });
        let (loss, plain) = noise_loss(&out[0], &noise, &alpha);
        Ok((loss, vec![("mse", plain)]))
    }

    /// Real pictures and, below, pictures from their captions alone through all three stages at guidance 4.
    fn sample_grid(&mut self, average: &Weights, folder: &Path, step: u64) -> Result<()> {
        let which = self.corpus.spread(32);
        tch::manual_seed(0);
        let size = [&which.size()[..], self.embeddings.row()].concat();
        let start = Tensor::randn(size, (Kind::Float, self.corpus.device));
        let (text, empty) = (self.corpus.text(&which, 0.)?, self.corpus.text(&which, 2.)?);
        let drawn = sampler::ddim(&start, 20, (&self.schedule, 4.), |x, t, captioned| {
            let text = if captioned { &text } else { &empty };
            let feeds = [x.shallow_clone(), embed_time(t, self.c_r), text.shallow_clone()];
            self.network.run(average, &feeds, Mode::INFERENCE)[0].shallow_clone()
        });
        let pictures = Tensor::cat(&[self.corpus.pictures(&which)?, (self.draw)(&drawn, &text)], 0);
        sample_grid::save(&pictures, 16, &folder.join(format!("sample-grid-{step}.png")))
    }

    fn macs(&self) -> u64 {
        self.network.macs()
    }
}
