//! Training programs of the subcommands: each builds a stage, runs the loop, and hands over to the next.

use crate::config::RunConfig;
use crate::data::DatasetSplit;
use crate::eval::{Evaluator, Mode, Weights};
use crate::frozen;
use crate::prepare;
use crate::shards::{self, Table, chunks};
use crate::stage::decoder::{DecoderData, DecoderStage};
use crate::stage::likeness::Likeness;
use crate::stage::refine::RefineStage;
use crate::stage::text_conditioned::{Draw, TextConditionedStage};
use crate::stage::vqgan::VqganStage;
use crate::stage::{Corpus, embed};
use crate::trainer::{LoopConfig, TrainedStage, Trainer};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use wuerst_model::contract::Sizes;
use wuerst_model::record::NetworkGraph;
use wuerst_model::vqgan;
use wuerst_read::regular;

fn device() -> Device {
    Device::cuda_if_available()
}

fn kind(config: &RunConfig) -> Kind {
    if config.bf16 { Kind::BFloat16 } else { Kind::Float }
}

/// Trains a stage to the configured end, with data identified by `key`.
///
/// # Errors
/// Includes a stop by a signal, since later stages must wait for the end.
fn train(
    config: &RunConfig,
    (pace, key): (&LoopConfig, &str),
    stage: &mut dyn TrainedStage,
    weights: Weights,
) -> Result<()> {
    let folder = config.folder.join(stage.name());
    let mut trainer = Trainer::open(folder, weights, config.seed)?.learns_from(key)?;
    trainer.run(stage, pace)?;
    ensure!(
        trainer.spent.step >= pace.steps,
        "{} was stopped after {} of {} steps: the same command goes on from there",
        stage.name(),
        trainer.spent.step,
        pace.steps
    );
    Ok(())
}

/// A cache key for results of trained weights on a corpus.
///
/// # Errors
/// A file of weights that cannot be read.
pub fn key(corpus: &Corpus, weights: &Path) -> Result<String> {
    let bytes =
        regular::read(weights, u64::MAX).with_context(|| format!("cannot read {}", weights.display()))?;
    Ok(blake3::Hasher::new().update(corpus.key.as_bytes()).update(&bytes).finalize().to_hex().to_string())
}

/// Trains Stage A.
pub fn vqgan(config: &RunConfig) -> Result<()> {
    let corpus = Rc::new(prepare::pictures_of(config, DatasetSplit::Train, device())?);
    let likeness = || -> Result<Likeness> {
        let perceptual = Some(frozen::perceptual(config, device())?);
        Ok(Likeness { perceptual, weights: config.vqgan.loss, kind: kind(config) })
    };
    let (network, latents) = (&config.vqgan.network, config.vqgan.latents);
    let mut stage = VqganStage::new(network, config.data.size, corpus.clone(), latents, likeness()?)?;
    let weights = Weights::init(stage.graph(), config.seed, device());
    train(config, (&config.vqgan.training, &corpus.key), &mut stage, weights)?;
    let Some(pace) = &config.vqgan_decoder else { return Ok(()) };

    let stage_a = StageA::load(config)?;
    let scaled = (stage_a.latents(config, &corpus)?, stage_a.scale);
    let mut stage = RefineStage::new(network, corpus, scaled, latents.noise_alone, likeness()?)?;
    let mut weights = Weights::init(stage.graph(), config.seed, device());
    let whole = Trainer::averaged_file(&config.folder.join("vqgan")).context("Stage A was just trained")?;
    weights.load_declared(&whole)?;
    train(config, (pace, &stage_a.key), &mut stage, weights)
}

/// Trains Stage B: first together with the compressor's last part, then alone, from the result.
///
/// Stage C can start as soon as the first part is done, since the embedding no longer changes then.
pub fn decoder(config: &RunConfig) -> Result<()> {
    let corpus = Rc::new(prepare::corpus(config, device())?);
    let stage_a = Rc::new(StageA::load(config)?);
    let latents = Rc::new(stage_a.latents(config, &corpus)?);
    let decode = stage_a.clone();
    let pixels: Rc<dyn Fn(&Tensor) -> Tensor> = Rc::new(move |x: &Tensor| decode.decode(x));
    let network = &config.decoder.network;

    let data = DecoderData { latents: latents.clone(), features: corpus.frozen()?.features.clone() };
    let learning = (corpus.clone(), data);
    let mut joint = DecoderStage::new(
        "compressor",
        network,
        &frozen::tail(config),
        learning,
        pixels.clone(),
        kind(config),
    )?;
    let mut weights = Weights::init(joint.graph(), config.seed, device());
    frozen::start(config, &mut weights)?;
    train(config, (&config.compressor.training, &stage_a.key), &mut joint, weights)?;

    let (embeddings, key) = embed::embeddings(config, &corpus)?;
    let data = DecoderData { latents, features: Rc::new(embeddings) };
    let mut alone = DecoderStage::new("decoder", network, &|_, x| x, (corpus, data), pixels, kind(config))?;
    let mut weights = Weights::init(alone.graph(), config.seed, device());
    let joint = Trainer::averaged_file(&config.folder.join("compressor"))
        .context("the compressor was just trained")?;
    weights.load_declared(&joint)?;
    train(config, (&config.decoder.training, &key), &mut alone, weights)
}

/// Trains Stage C on the embeddings of the trained compressor.
pub fn prior(config: &RunConfig) -> Result<()> {
    let corpus = Rc::new(prepare::corpus(config, device())?);
    let (embeddings, key) = embed::embeddings(config, &corpus)?;
    let cells = [1, 2].map(|axis| embeddings.row()[axis] as usize);
    let draw = embed::drawing(config, cells)?;
    let mut stage =
        TextConditionedStage::prior(&config.prior.network, corpus, embeddings, draw, kind(config))?;
    let weights = Weights::init(stage.graph(), config.seed, device());
    train(config, (&config.prior.training, &key), &mut stage, weights)
}

/// Trains the baseline on Stage A's latents.
pub fn baseline(config: &RunConfig) -> Result<()> {
    let run = config.baseline()?;
    let corpus = Rc::new(prepare::corpus(config, device())?);
    let stage_a = Rc::new(StageA::load(config)?);
    let (latents, decode) = (stage_a.latents(config, &corpus)?, stage_a.clone());
    let pixels: Rc<Draw> = Rc::new(move |x: &Tensor, _: &Tensor| decode.decode(x));
    let mut stage = TextConditionedStage::baseline(&run.network, corpus, latents, pixels, kind(config))?;
    let weights = Weights::init(stage.graph(), config.seed, device());
    train(config, (&run.training, &stage_a.key), &mut stage, weights)
}

/// Computes the inputs of training in advance: the corpus, and latents and embeddings of trained stages.
pub fn prepare(config: &RunConfig) -> Result<()> {
    let corpus = prepare::corpus(config, device())?;
    println!("{} pictures, {} captions", corpus.pictures.len(), corpus.frozen()?.text.len());
    let trained = |stage: &str| Trainer::averaged_file(&config.folder.join(stage)).is_some();
    if trained("vqgan") {
        StageA::load(config)?.latents(config, &corpus)?;
    }
    if trained("compressor") {
        embed::embeddings(config, &corpus)?;
    }
    Ok(())
}

/// The decoder's averaged weights, from its own training or, before that has a checkpoint, from the joint one.
pub fn decoder_weights(config: &RunConfig, graph: &NetworkGraph) -> Result<Weights> {
    averaged(config, &["decoder", "compressor"], graph)
}

/// Averaged weights of the newest checkpoint in the first folder that has one.
pub fn averaged(config: &RunConfig, folders: &[&str], graph: &NetworkGraph) -> Result<Weights> {
    let found = folders.iter().find_map(|folder| Trainer::averaged_file(&config.folder.join(folder)));
    let file = found.with_context(|| {
        let folders = folders.join("` or `");
        format!("{} has no checkpoint of `{folders}` yet: train that first", config.folder.display())
    })?;
    let mut weights = Weights::init(graph, config.seed, device());
    weights.load_declared(&file)?;
    Ok(weights.snapshot())
}

/// Folders that may contain Stage A's decoder, the better trained first.
pub const STAGE_A_DECODER: [&str; 2] = ["vqgan-decoder", "vqgan"];

/// Number of pictures for measuring the scale of the latents.
const MEASURED: usize = 1024;

/// Stage A after training: pictures to scaled latents and back.
pub struct StageA {
    encoder: (Evaluator, Weights),
    decoder: (Evaluator, Weights),
    /// Factor of latents before decoding: their standard deviation over the corpus.
    pub scale: f64,
    /// Changes with the encoder and the corpus.
    pub key: String,
}

impl StageA {
    /// Loads the averaged weights, and the scale if it was measured.
    pub fn load(config: &RunConfig) -> Result<StageA> {
        let size = config.data.size;
        let network = &config.vqgan.network;
        let stride = network.stride();
        let at = |side: usize| Sizes { batch: 1, height: side, width: side, embedding: [1, 1], length: 1 };
        let ready = |graph: NetworkGraph, folders: &[&str]| -> Result<(Evaluator, Weights)> {
            let weights = averaged(config, folders, &graph)?;
            Ok((Evaluator::new(graph), weights))
        };
        let encoder = ready(vqgan::encoder_graph(network, &at(size))?, &["vqgan"])?;
        let decoder = ready(vqgan::decoder_graph(network, &at(size / stride))?, &STAGE_A_DECODER)?;
        let corpus = prepare::pictures_of(config, DatasetSplit::Train, device())?;
        let trained = Trainer::averaged_file(&config.folder.join("vqgan")).context("it was just read")?;
        let key = key(&corpus, &trained)?;
        let mut stage = StageA { encoder, decoder, scale: 1., key };
        let sample = chunks(0..MEASURED.min(corpus.pictures.len() as usize));
        let latents: Vec<Tensor> =
            sample.map(|which| Ok(stage.raw(&corpus.pictures(&which)?))).collect::<Result<_>>()?;
        stage.scale = Tensor::cat(&latents, 0).std(true).double_value(&[]);
        ensure!(stage.scale > 1e-3, "stage A's latents hardly vary: train it longer");
        Ok(stage)
    }

    fn raw(&self, pictures: &Tensor) -> Tensor {
        let (network, weights) = &self.encoder;
        tch::no_grad(|| network.run(weights, &[pictures.shallow_clone()], Mode::INFERENCE)[0].shallow_clone())
    }

    /// Latents of every picture divided by their scale, f16 `[n,c,h,w]`; computed once per encoder.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn latents(&self, config: &RunConfig, corpus: &Corpus) -> Result<Table> {
        shards::made(&config.folder, ("latents", &self.key), corpus.pictures.len(), &mut |which| {
            let scaled = self.raw(&corpus.pictures(which)?) / self.scale;
            Ok(scaled.to_kind(Kind::Half).to_device(Device::Cpu))
        })
    }

    /// Pictures of scaled latents, in 0..1.
    pub fn decode(&self, latents: &Tensor) -> Tensor {
        let (network, weights) = &self.decoder;
        let latents = latents.to_device(weights.device()) * self.scale;
        tch::no_grad(|| {
            network.run(weights, &[latents], Mode::INFERENCE)[0].clamp(0., 1.).to_device(Device::Cpu)
        })
    }
}
