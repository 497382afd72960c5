//! The networks that no training changes: the text encoder, the compressor's first blocks, and the same blocks as a
//! judge of likeness for Stage A.

use crate::config::RunConfig;
use crate::eval::{Evaluator, Mode, Weights};
use crate::stage::vqgan::Perceptual;
use anyhow::{Context, Result};
use std::path::Path;
use tch::{Device, Tensor};
use tokenizers::{PaddingParams, PaddingStrategy, Tokenizer, TruncationParams};
use wuerst_model::compressor::{self, Backbone, CompressorConfig};
use wuerst_model::contract::Sizes;
use wuerst_model::record::{Axis, DType, Graph, Id, RecordError};
use wuerst_model::text::bert::{self, BertConfig};

/// The compressor of the shipped models; its weights are fetched by `wuerst-train data`.
pub const COMPRESSOR: CompressorConfig = CompressorConfig { backbone: Backbone::EfficientnetLite0, channels: 16 };

/// Blocks whose results Stage A's pictures are compared by: edges, colours, small parts.
const LOOKS: [usize; 3] = [1, 3, 5];

/// Text encoder and first blocks of the compressor, ready to run.
pub struct Frozen {
    backbone: (Evaluator, Weights),
    text: (Evaluator, Weights),
    tokenizer: Tokenizer,
}

impl Frozen {
    /// Reads the weights that `wuerst-train data` fetched.
    pub fn open(config: &RunConfig) -> Result<Frozen> {
        let side = config.compressor.size;
        let sizes = Sizes { batch: 1, height: side, width: side, embedding: [1, 1], length: config.length };
        let backbone = compressor::frozen_graph(COMPRESSOR.backbone, config.compressor.frozen_blocks, &sizes)?;
        let backbone = with_backbone(config, backbone)?;
        let folder = config.cache.join("weights/minilm");
        let text = bert::graph(&BertConfig::minilm(), &sizes)?;
        let mut weights = Weights::init(&text, 0, Device::Cpu);
        weights.load_declared(&folder.join("model.safetensors"))?;
        let tokenizer = tokenizer(&folder.join("tokenizer.json"), config.length)?;
        Ok(Frozen { backbone, text: (Evaluator::new(text), weights.snapshot()), tokenizer })
    }

    /// Features `[b,c,h,w]` of pictures `[b,3,S,S]` in 0..1 after the frozen blocks.
    pub fn features(&self, pictures: &Tensor) -> Result<Tensor> {
        let (network, weights) = &self.backbone;
        Ok(tch::no_grad(|| network.run(weights, &[pictures.shallow_clone()], Mode::INFERENCE)[0].shallow_clone()))
    }

    /// States `[b,l,d]` of captions.
    pub fn states(&self, captions: &[String]) -> Result<Tensor> {
        let (ids, mask) = crate::prepare::tokens(&self.tokenizer, captions)?;
        let (network, weights) = &self.text;
        Ok(tch::no_grad(|| network.run(weights, &[ids, mask], Mode::INFERENCE)[0].shallow_clone()))
    }
}

/// A tokenizer that pads and cuts every text to `length` positions.
pub fn tokenizer(path: &Path, length: usize) -> Result<Tokenizer> {
    let wrong = |e: tokenizers::Error| anyhow::anyhow!("{}: {e}", path.display());
    let mut tokenizer = Tokenizer::from_file(path).map_err(wrong)?;
    let padding = PaddingParams { strategy: PaddingStrategy::Fixed(length), ..PaddingParams::default() };
    tokenizer.with_padding(Some(padding));
    tokenizer.with_truncation(Some(TruncationParams { max_length: length, ..TruncationParams::default() })).map_err(wrong)?;
    Ok(tokenizer)
}

/// A network of the backbone's layers, with the published weights.
fn with_backbone(config: &RunConfig, graph: Graph) -> Result<(Evaluator, Weights)> {
    let mut weights = Weights::init(&graph, 0, Device::Cpu);
    start(config, &mut weights)?;
    let (evaluator, weights) = (Evaluator::new(graph), weights.snapshot());
    Ok((evaluator, weights))
}

/// Gives every parameter that the published backbone has its published values.
pub fn start(config: &RunConfig, weights: &mut Weights) -> Result<()> {
    let path = config.cache.join("weights/efficientnet-lite0.safetensors");
    let file = Tensor::read_safetensors(&path)
        .with_context(|| format!("{}: run `wuerst-train data` first", path.display()))?;
    let ours = weights.all();
    let values: Vec<_> = file.iter().filter(|(n, _)| ours.iter().any(|(m, _)| n == m)).collect();
    weights.assign(values.into_iter().map(|(n, t)| (n.as_str(), t)))
}

/// The comparison of pictures by the backbone's early blocks.
pub fn perceptual(config: &RunConfig, device: Device) -> Result<Perceptual> {
    let record = || -> Result<Graph, RecordError> {
        let mut g = Graph::new();
        let (h, w) = (Axis::named("height", config.data.size), Axis::named("width", config.data.size));
        let image = g.input("image", DType::F32, &[Axis::named("batch", 1), Axis::fixed(3), h, w]);
        for count in LOOKS {
            let looks = compressor::first_blocks(&mut g, COMPRESSOR.backbone, image, count);
            g.output(&format!("blocks {count}"), looks);
        }
        g.finish()
    };
    let (network, weights) = with_backbone(config, record()?)?;
    Ok(Perceptual { network, weights: weights.to_device(device) })
}

/// How the trained part of the compressor is recorded: features of the frozen blocks in, embedding out.
pub fn tail(config: &RunConfig) -> impl Fn(&mut Graph, Id) -> Id + use<> {
    let first = config.compressor.frozen_blocks;
    move |g, features| compressor::tail(g, &COMPRESSOR, features, first)
}
