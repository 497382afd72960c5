//! What the subcommands do: build a stage, run the loop, hand over to the next.

use crate::config::RunConfig;
use crate::eval::{Evaluator, Mode, Weights};
use crate::frozen;
use crate::prepare;
use crate::stage::decoder::{DecoderStage, Source};
use crate::stage::prior::PriorStage;
use crate::stage::refine::RefineStage;
use crate::stage::vqgan::VqganStage;
use crate::stage::{Corpus, chunks, embed};
use crate::trainer::{LoopConfig, Stage, Trainer};
use anyhow::{Context, Result, ensure};
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use wuerst_model::contract::Sizes;
use wuerst_model::record::Graph;
use wuerst_model::vqgan;

fn device() -> Device {
    Device::cuda_if_available()
}

fn kind(config: &RunConfig) -> Kind {
    if config.bf16 { Kind::BFloat16 } else { Kind::Float }
}

/// Trains to the configured end; false if it was stopped before.
fn train(config: &RunConfig, pace: &LoopConfig, stage: &mut dyn Stage, weights: Weights) -> Result<bool> {
    let mut trainer = Trainer::open(config.folder.join(stage.name()), weights, config.seed)?;
    trainer.run(stage, pace)?;
    Ok(trainer.spent.step >= pace.steps)
}

/// Trains Stage A.
pub fn vqgan(config: &RunConfig) -> Result<()> {
    let corpus = Rc::new(prepare::corpus(config, device())?);
    let perceptual = || frozen::perceptual(config, device());
    let (network, learning) = (&config.vqgan.network, corpus.clone());
    let mut stage = VqganStage::new(network, config.data.size, learning, Some(perceptual()?), kind(config))?;
    let weights = Weights::init(stage.graph(), config.seed, device());
    let done = train(config, &config.vqgan.training, &mut stage, weights)?;
    let Some(pace) = config.vqgan_decoder.as_ref().filter(|_| done) else { return Ok(()) };

    let stage_a = StageA::load(config)?;
    let latents = (stage_a.encode(&corpus)?, stage_a.scale);
    let mut stage = RefineStage::new(network, corpus, latents, perceptual()?, kind(config))?;
    let mut weights = Weights::init(stage.graph(), config.seed, device());
    let whole = Trainer::averaged_file(&config.folder.join("vqgan")).context("Stage A was just trained")?;
    weights.load_declared(&whole)?;
    train(config, pace, &mut stage, weights)?;
    Ok(())
}

/// Trains Stage B: first with the compressor's last part, then, from what that gave, alone.
///
/// Stage C can start as soon as the first part is done, since the embedding no longer changes then.
pub fn decoder(config: &RunConfig) -> Result<()> {
    let corpus = Rc::new(prepare::corpus(config, device())?);
    let stage_a = Rc::new(StageA::load(config)?);
    let latents = stage_a.encode(&corpus)?;
    let decode = stage_a.clone();
    let pixels: Rc<dyn Fn(&Tensor) -> Tensor> = Rc::new(move |x: &Tensor| decode.decode(x));
    let network = &config.decoder.network;

    let source = Source { latents: latents.shallow_clone(), features: corpus.features.shallow_clone() };
    let learning = (corpus.clone(), source);
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
    if !train(config, &config.compressor.training, &mut joint, weights)? {
        return Ok(());
    }

    let source = Source { latents, features: embed::embeddings(config, &corpus)? };
    let mut alone = DecoderStage::new("decoder", network, &|_, x| x, (corpus, source), pixels, kind(config))?;
    let mut weights = Weights::init(alone.graph(), config.seed, device());
    let joint = Trainer::averaged_file(&config.folder.join("compressor"))
        .context("the compressor was just trained")?;
    weights.load_declared(&joint)?;
    train(config, &config.decoder.training, &mut alone, weights)?;
    Ok(())
}

/// Trains Stage C on the embeddings that the trained compressor gives.
pub fn prior(config: &RunConfig) -> Result<()> {
    let corpus = Rc::new(prepare::corpus(config, device())?);
    let embeddings = embed::embeddings(config, &corpus)?;
    let cells = [2, 3].map(|axis| embeddings.size()[axis] as usize);
    let draw = embed::drawing(config, cells)?;
    let mut stage = PriorStage::new(&config.prior.network, corpus, embeddings, draw, kind(config))?;
    let weights = Weights::init(stage.graph(), config.seed, device());
    train(config, &config.prior.training, &mut stage, weights)?;
    Ok(())
}

/// The decoder's averaged weights: of its own training, or until that has a checkpoint, of the joint one.
pub fn decoder_weights(config: &RunConfig, graph: &Graph) -> Result<Weights> {
    averaged(config, &["decoder", "compressor"], graph)
}

/// Averaged weights of the newest checkpoint among the folders, the first that has one.
pub fn averaged(config: &RunConfig, folders: &[&str], graph: &Graph) -> Result<Weights> {
    let found = folders.iter().find_map(|folder| Trainer::averaged_file(&config.folder.join(folder)));
    let file = found.with_context(|| {
        let folders = folders.join("` or `");
        format!("{} has no checkpoint of `{folders}` yet: train that first", config.folder.display())
    })?;
    let mut weights = Weights::init(graph, config.seed, device());
    weights.load_declared(&file)?;
    Ok(weights.snapshot())
}

/// Folders that may hold Stage A's decoder, the better trained first.
pub const STAGE_A_DECODER: [&str; 2] = ["vqgan-decoder", "vqgan"];

/// Stage A after training: pictures to scaled latents and back.
pub struct StageA {
    encoder: (Evaluator, Weights),
    decoder: (Evaluator, Weights),
    /// What latents are multiplied with before decoding: their standard deviation over the corpus.
    pub scale: f64,
}

impl StageA {
    /// Reads the averaged weights, and the scale if it was measured.
    pub fn load(config: &RunConfig) -> Result<StageA> {
        let size = config.data.size;
        let network = &config.vqgan.network;
        let stride = network.stride();
        let at = |side: usize| Sizes { batch: 1, height: side, width: side, embedding: [1, 1], length: 1 };
        let ready = |graph: Graph, folders: &[&str]| -> Result<(Evaluator, Weights)> {
            let weights = averaged(config, folders, &graph)?;
            Ok((Evaluator::new(graph), weights))
        };
        let encoder = ready(vqgan::encoder_graph(network, &at(size))?, &["vqgan"])?;
        let decoder = ready(vqgan::decoder_graph(network, &at(size / stride))?, &STAGE_A_DECODER)?;
        let mut stage = StageA { encoder, decoder, scale: 1. };
        let corpus = prepare::corpus(config, device())?;
        let sample = Tensor::arange(corpus.pictures.size()[0].min(1024), (Kind::Int64, Device::Cpu));
        let latents = stage.raw(&corpus.pictures(&sample));
        stage.scale = latents.std(true).double_value(&[]);
        ensure!(stage.scale > 1e-3, "stage A's latents hardly vary: train it longer");
        Ok(stage)
    }

    fn raw(&self, pictures: &Tensor) -> Tensor {
        let (network, weights) = &self.encoder;
        tch::no_grad(|| network.run(weights, &[pictures.shallow_clone()], Mode::INFERENCE)[0].shallow_clone())
    }

    /// Latents of every picture over their scale, f16 `[n,4,h,w]`.
    pub fn encode(&self, corpus: &Corpus) -> Result<Tensor> {
        let n = corpus.pictures.size()[0];
        let progress = prepare::bar(n as usize, "latents")?;
        let mut all = vec![];
        for which in chunks(n) {
            all.push(
                (self.raw(&corpus.pictures(&which)) / self.scale).to_kind(Kind::Half).to_device(Device::Cpu),
            );
            progress.inc(which.size()[0] as u64);
        }
        progress.finish();
        Ok(Tensor::cat(&all, 0))
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
