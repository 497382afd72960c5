//! Targets of Stage C, and their conversion to pictures for the sample grids.

use super::text_conditioned::Draw;
use super::{Corpus, embed_time};
use crate::config::RunConfig;
use crate::eval::{Evaluator, Mode, Weights};
use crate::programs::{StageA, averaged, decoder_weights};
use crate::sampler;
use crate::shards::{self, Table};
use crate::trainer::Trainer;
use crate::{frozen, programs};
use anyhow::{Context, Result};
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use wuerst_model::contract::Sizes;
use wuerst_model::decoder;
use wuerst_model::record::{Axis, DType, NetworkGraph};
use wuerst_model::schedule::Schedule;

/// The trained part of the compressor, with its averaged weights from the training with Stage B.
pub fn tail(config: &RunConfig, corpus: &Corpus) -> Result<(Evaluator, Weights)> {
    let mut g = NetworkGraph::new();
    let mut axes = vec![Axis::named("batch", 1)];
    axes.extend(corpus.frozen()?.features.row().iter().map(|n| Axis::fixed(*n as usize)));
    let features = g.input("features", DType::F32, &axes);
    let embedding = frozen::tail(config)(&mut g, features);
    g.output("embedding", embedding);
    let g = g.finish()?;
    let weights = averaged(config, &["compressor"], &g)?;
    Ok((Evaluator::new(g), weights))
}

/// Embeddings of the whole corpus, f32 `[n,16,h,w]`, and a key that changes with them; computed once per compressor.
///
/// # Errors
/// No trained compressor, or files that cannot be read or written.
pub fn embeddings(config: &RunConfig, corpus: &Corpus) -> Result<(Table, String)> {
    let (network, weights) = tail(config, corpus)?;
    let trained = Trainer::averaged_file(&config.folder.join("compressor")).context("it was just read")?;
    let key = programs::key(corpus, &trained)?;
    let table = shards::made(&config.folder, ("embeddings", &key), corpus.pictures.len(), &mut |which| {
        let feeds = [corpus.frozen()?.features.floats(which, corpus.device)?];
        Ok(tch::no_grad(|| network.run(&weights, &feeds, Mode::INFERENCE)[0].to_device(Device::Cpu)))
    })?;
    Ok((table, key))
}

/// Generates pictures from embeddings with the present state of stages B and A.
pub fn drawing(config: &RunConfig, cells: [usize; 2]) -> Result<Rc<Draw>> {
    let stage_a = StageA::load(config)?;
    let side = config.data.size / config.vqgan.network.stride();
    let sizes = Sizes { batch: 1, height: side, width: side, embedding: cells, length: config.length };
    let graph = decoder::graph(&config.decoder.network, &sizes)?;
    let weights = decoder_weights(config, &graph)?;
    let network = Evaluator::new(graph);
    let (channels, c_r) = (config.vqgan.network.latent_channels as i64, config.decoder.network.c_r);
    let draw = move |embedding: &Tensor, text: &Tensor| {
        let start = Tensor::randn(
            [embedding.size()[0], channels, side as i64, side as i64],
            (Kind::Float, weights.device()),
        );
        let embedding = embedding.to_device(weights.device());
        let latents = sampler::ddim(&start, 12, (&Schedule::default(), 1.), |x, t, _| {
            let t = embed_time(t, c_r);
            let feeds = [x.shallow_clone(), t, embedding.shallow_clone(), text.shallow_clone()];
            network.run(&weights, &feeds, Mode::INFERENCE)[0].shallow_clone()
        });
        stage_a.decode(&latents)
    };
    Ok(Rc::new(draw))
}
