//! Networks that predict the noise in what they make from the text alone: Stage C, in the compressor's embedding; and the
//! baseline of one latent diffusion model in place of stages B and C, in the VQGAN's latents.
//!
//! The baseline has Stage B's network without the embedding. It shares corpus, latents, schedule and loss with the cascade, so
//! that a comparison shows the difference of the cascade alone.

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
use wuerst_model::prior::{self, PriorConfig};
use wuerst_model::record::NetworkGraph;
use wuerst_model::schedule::Schedule;

/// Fraction of the captions replaced by the empty one, for classifier-free guidance.
const UNCAPTIONED: f64 = 0.1;

/// Turns drawn rows and text states into pictures, for the sample grids.
pub type Draw = dyn Fn(&Tensor, &Tensor) -> Tensor;

/// A network in training that reads noisy rows, the time and text states.
pub struct TextConditionedStage {
    name: &'static str,
    corpus: Rc<Corpus>,
    /// A row for each picture, `[n,c,h,w]`: embeddings in f32, or scaled latents in f16.
    rows: Table,
    network: Evaluator,
    draw: Rc<Draw>,
    kind: Kind,
    schedule: Schedule,
    c_r: usize,
    /// Channels of an embedding of zeros, for a network whose contract has one that it does not read.
    unread_embedding: Option<i64>,
}

impl TextConditionedStage {
    /// Records the prior for the corpus's embeddings, f32 `[n,16,h,w]`.
    ///
    /// # Errors
    /// A corpus without text states; a network whose sizes contradict each other.
    pub fn prior(
        config: &PriorConfig,
        corpus: Rc<Corpus>,
        embeddings: Table,
        draw: Rc<Draw>,
        kind: Kind,
    ) -> Result<TextConditionedStage> {
        let [height, width] = [1, 2].map(|axis| embeddings.row()[axis] as usize);
        let length = corpus.frozen()?.text.row()[0] as usize;
        let sizes = Sizes { batch: 1, height, width, embedding: [height, width], length };
        Ok(TextConditionedStage {
            name: "prior",
            corpus,
            rows: embeddings,
            network: Evaluator::new(prior::graph(config, &sizes)?),
            draw,
            kind,
            schedule: Schedule::default(),
            c_r: config.c_r,
            unread_embedding: None,
        })
    }

    /// Records the baseline for the corpus's scaled latents, f16 `[n,c,h,w]`.
    ///
    /// # Errors
    /// As [`TextConditionedStage::prior`].
    pub fn baseline(
        config: &DecoderConfig,
        corpus: Rc<Corpus>,
        latents: Table,
        draw: Rc<Draw>,
        kind: Kind,
    ) -> Result<TextConditionedStage> {
        let [height, width] = [1, 2].map(|axis| latents.row()[axis] as usize);
        let length = corpus.frozen()?.text.row()[0] as usize;
        let sizes = Sizes { batch: 1, height, width, embedding: [1, 1], length };
        Ok(TextConditionedStage {
            name: "baseline",
            corpus,
            rows: latents,
            network: Evaluator::new(decoder::graph(config, &sizes)?),
            draw,
            kind,
            schedule: Schedule::default(),
            c_r: config.c_r,
            unread_embedding: Some(config.effnet_embd as i64),
        })
    }

    /// The network's recording.
    pub fn graph(&self) -> &NetworkGraph {
        self.network.graph()
    }

    fn feeds(&self, noisy: Tensor, t: &Tensor, text: Tensor) -> Vec<Tensor> {
        let t = embed_time(t, self.c_r).to_device(noisy.device());
        let zeros =
            |channels| noisy.new_zeros([noisy.size()[0], channels, 1, 1], (Kind::Float, noisy.device()));
        let embedding = self.unread_embedding.map(zeros);
        [noisy, t].into_iter().chain(embedding).chain([text]).collect()
    }
}

impl TrainedStage for TextConditionedStage {
    fn name(&self) -> &str {
        self.name
    }

    fn loss(
        &mut self,
        weights: &Weights,
        batch: usize,
        seed: i64,
    ) -> Result<(Tensor, Vec<(&'static str, f64)>)> {
        tch::manual_seed(seed);
        let (which, (t, alpha)) = (self.corpus.draw(batch), times(batch as i64, &self.schedule)?);
        let x = self.rows.floats(&which, self.corpus.device)?;
        let alpha = alpha.to_device(self.corpus.device);
        let noise = x.randn_like();
        let feeds = self.feeds(add_noise(&x, &noise, &alpha), &t, self.corpus.text(&which, UNCAPTIONED)?);
        let out = self.network.run(weights, &feeds, Mode { training: true, kind: self.kind });
        let (loss, plain) = noise_loss(&out[0], &noise, &alpha);
        Ok((loss, vec![("mse", plain)]))
    }

    /// Real pictures and, below, pictures from their captions alone at guidance 4.
    fn sample_grid(&mut self, average: &Weights, folder: &Path, step: u64) -> Result<()> {
        let which = self.corpus.spread(32);
        tch::manual_seed(0);
        let size = [&which.size()[..], self.rows.row()].concat();
        let start = Tensor::randn(size, (Kind::Float, self.corpus.device));
        let (text, empty) = (self.corpus.text(&which, 0.)?, self.corpus.text(&which, 2.)?);
        let drawn = sampler::ddim(&start, 20, (&self.schedule, 4.), |x, t, captioned| {
            let text = if captioned { &text } else { &empty };
            let feeds = self.feeds(x.shallow_clone(), t, text.shallow_clone());
            self.network.run(average, &feeds, Mode::INFERENCE)[0].shallow_clone()
        });
        let pictures = Tensor::cat(&[self.corpus.pictures(&which)?, (self.draw)(&drawn, &text)], 0);
        sample_grid::save(&pictures, 16, &folder.join(format!("sample-grid-{step}.png")))
    }

    fn macs(&self) -> u64 {
        self.network.macs()
    }
}
