//! Stage B: predicts the noise in the VQGAN's latents, given the compressor's embedding and the text.
//!
//! As in the paper, the compressor's last part is trained together with this stage, through its loss, so that the
//! embedding carries the information that the decoder needs. Later it is frozen, because the prior is trained to generate
//! that embedding.

use super::{Corpus, add_noise, alpha_bar, embed_time, noise_loss, times};
use crate::eval::{Evaluator, Mode, Weights};
use crate::sample_grid;
use crate::sampler;
use crate::shards::Table;
use crate::trainer::TrainedStage;
use anyhow::Result;
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use wuerst_model::decoder;
use wuerst_model::decoder::DecoderConfig;
use wuerst_model::record::{Axis, DType, Id, NetworkGraph, Op, RecordError};
use wuerst_model::schedule::Schedule;

/// Fraction of the samples whose embedding is replaced by zeros, and fraction of the others whose embedding is noised.
const DROPPED: f64 = 0.05;
const NOISED: f64 = 0.3;

/// Strongest noise on an embedding, as a time of the schedule.
const NOISED_UNTIL: f64 = 0.5;

/// Fraction of the captions replaced by the empty one.
const UNCAPTIONED: f64 = 0.1;

/// Training of Stage B, first together with the compressor's last part, then alone.
pub struct DecoderStage {
    name: &'static str,
    corpus: Rc<Corpus>,
    data: DecoderData,
    network: Evaluator,
    pixels: Rc<dyn Fn(&Tensor) -> Tensor>,
    kind: Kind,
    schedule: Schedule,
    c_r: usize,
}

/// Data of the decoder's training in addition to the corpus: row i belongs to picture i.
pub struct DecoderData {
    /// Scaled latents, f16 `[n,c,h,w]`: the target.
    pub latents: Rc<Table>,
    /// Source of the embedding, `[n,c,h,w]`: features, or the embedding itself.
    pub features: Rc<Table>,
}

/// Records the computation of the embedding `[b,16,h,w]` from the features.
pub type Tail = dyn Fn(&mut NetworkGraph, Id) -> Id;

impl DecoderStage {
    /// Records the joint network of the compressor's `tail` and the decoder.
    ///
    /// `name` is the folder of its checkpoints; `pixels` turns scaled latents into pictures for the sample grids.
    pub fn new(
        name: &'static str,
        config: &DecoderConfig,
        tail: &Tail,
        (corpus, data): (Rc<Corpus>, DecoderData),
        pixels: Rc<dyn Fn(&Tensor) -> Tensor>,
        kind: Kind,
    ) -> Result<DecoderStage> {
        let network = Evaluator::new(record(config, tail, &corpus.frozen()?.text, &data)?);
        Ok(DecoderStage {
            name,
            corpus,
            data,
            network,
            pixels,
            kind,
            schedule: Schedule::default(),
            c_r: config.c_r,
        })
    }

    /// The joint recording.
    pub fn graph(&self) -> &NetworkGraph {
        self.network.graph()
    }

    /// Factor and noise level of each embedding in a batch: `[b,1,1,1]` each.
    fn disturbance(&self, batch: i64) -> Result<(Tensor, Tensor)> {
        let uniform = || Tensor::rand([batch, 1, 1, 1], (Kind::Float, Device::Cpu));
        let alpha = alpha_bar(&(uniform() * NOISED_UNTIL), &self.schedule)?;
        let noised = uniform().lt(NOISED).to_kind(Kind::Float);
        let kept = uniform().ge(DROPPED).to_kind(Kind::Float);
        let signal = (&noised * alpha.sqrt() + (1. - &noised)) * &kept;
        Ok((signal, noised * (1f64 - alpha).sqrt() * kept))
    }

    fn feeds(
        &self,
        noisy: &Tensor,
        t: &Tensor,
        which: &Tensor,
        drop: f64,
        shown: (Tensor, Tensor),
    ) -> Result<Vec<Tensor>> {
        let features = self.data.features.floats(which, self.corpus.device)?;
        let mut feeds = vec![noisy.shallow_clone(), t.to_device(self.corpus.device), features];
        feeds.push(self.corpus.text(which, drop)?);
        feeds.extend([shown.0, shown.1].map(|x| x.to_device(self.corpus.device)));
        Ok(feeds)
    }
}

fn record(
    config: &DecoderConfig,
    tail: &Tail,
    text: &Table,
    data: &DecoderData,
) -> Result<NetworkGraph, RecordError> {
    let mut g = NetworkGraph::new();
    let batch = || Axis::named("batch", 1);
    let axes = |t: &Table| -> Vec<Axis> {
        std::iter::once(batch()).chain(t.row().iter().map(|n| Axis::fixed(*n as usize))).collect()
    };
    let x = g.input("latents", DType::F32, &axes(&data.latents));
    let t = g.input("time_embedding", DType::F32, &[batch(), Axis::fixed(config.c_r)]);
    let features = g.input("features", DType::F32, &axes(&data.features));
    let text = g.input("text", DType::F32, &axes(text));
    let each = [batch(), Axis::fixed(1), Axis::fixed(1), Axis::fixed(1)];
    let signal = g.input("signal", DType::F32, &each);
    let sigma = g.input("sigma", DType::F32, &each);
    let embedding = tail(&mut g, features);
    let mut like = vec![batch()];
    like.extend(g.shape(embedding)[1..].iter().map(|n| Axis::fixed(*n)));
    let disturbance = g.input("disturbance", DType::F32, &like);
    let shown = g.push(Op::Mul, &[embedding, signal]);
    let noise = g.push(Op::Mul, &[disturbance, sigma]);
    let shown = g.push(Op::Add, &[shown, noise]);
    let noise = decoder::noise(&mut g, config, x, t, shown, text);
    g.output("noise", noise);
    g.output("embedding", embedding);
    g.finish()
}

impl TrainedStage for DecoderStage {
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
        let x = self.data.latents.floats(&which, self.corpus.device)?;
        let alpha = alpha.to_device(self.corpus.device);
        let noise = x.randn_like();
        let noisy = add_noise(&x, &noise, &alpha);
        let mut feeds = self.feeds(
            &noisy,
            &embed_time(&t, self.c_r),
            &which,
            UNCAPTIONED,
            self.disturbance(batch as i64)?,
        )?;
        feeds.push(self.embedding_noise(batch));
        let out = self.network.run(weights, &feeds, Mode { training: true, kind: self.kind });
        let (loss, plain) = noise_loss(&out[0], &noise, &alpha);
        Ok((loss, vec![("mse", plain)]))
    }

    /// Top: real pictures. Below: pictures generated from their embedding and caption, without guidance.
    fn sample_grid(&mut self, average: &Weights, folder: &Path, step: u64) -> Result<()> {
        let which = self.corpus.spread(16);
        let n = which.size()[0];
        let full = (
            Tensor::ones([n, 1, 1, 1], (Kind::Float, Device::Cpu)),
            Tensor::zeros([n, 1, 1, 1], (Kind::Float, Device::Cpu)),
        );
        tch::manual_seed(0);
        let size = [&[n], self.data.latents.row()].concat();
        let start = Tensor::randn(size, (Kind::Float, self.corpus.device));
        let calm = self.embedding_noise(n as usize);
        let rest = self.feeds(&start, &start, &which, 0., full)?.split_off(2);
        let drawn = sampler::ddim(&start, 16, (&self.schedule, 1.), |x, t, _| {
            let t = embed_time(t, self.c_r);
            let feeds = [x, &t].into_iter().chain(&rest).chain([&calm]).map(Tensor::shallow_clone);
            self.network.run(average, &feeds.collect::<Vec<_>>(), Mode::INFERENCE)[0].shallow_clone()
        });
        let pictures = Tensor::cat(&[self.corpus.pictures(&which)?, (self.pixels)(&drawn)], 0);
        sample_grid::save(&pictures, 8, &folder.join(format!("sample-grid-{step}.png")))
    }

    fn macs(&self) -> u64 {
        self.network.macs()
    }
}

impl DecoderStage {
    fn embedding_noise(&self, batch: usize) -> Tensor {
        let (_, id) = &self.network.graph().outputs[1];
        let mut size: Vec<i64> = self.network.graph().shape(*id).iter().map(|n| *n as i64).collect();
        size[0] = batch as i64;
        Tensor::randn(size, (Kind::Float, self.corpus.device))
    }
}
