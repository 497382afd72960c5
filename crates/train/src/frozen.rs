//! Networks that are not trained: the text encoder, the compressor's first blocks, and these blocks as a perceptual
//! metric for Stage A.

use crate::config::RunConfig;
use crate::eval::{Evaluator, Weights};
use crate::session::Session;
use crate::stage::likeness::Perceptual;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};
use tokenizers::{PaddingParams, PaddingStrategy, Tokenizer, TruncationParams};
use wuerst_model::checkpoint::Checkpoint;
use wuerst_model::compressor::{self, Backbone, CompressorConfig};
use wuerst_model::contract::Sizes;
use wuerst_model::record::{Axis, DType, Id, NetworkGraph, RecordError};
use wuerst_model::text::bert::{self, BertConfig};
use wuerst_read::regular;

/// The compressor of the shipped models; `wuerst-train data` fetches its weights.
pub const COMPRESSOR: CompressorConfig =
    CompressorConfig { backbone: Backbone::EfficientnetLite0, channels: 16, affine: true };

/// Blocks whose features Stage A's pictures are compared by: edges and colours, small parts, parts, things.
const LOOKS: [usize; 4] = [1, 3, 5, 11];

/// Text encoder and first blocks of the compressor, in ONNX Runtime.
pub struct Frozen {
    backbone: Session,
    text: Session,
    tokenizer: Tokenizer,
}

impl Frozen {
    /// Loads the weights that `wuerst-train data` fetched.
    pub fn open(config: &RunConfig) -> Result<Frozen> {
        let side = config.compressor.size;
        let sizes = Sizes { batch: 1, height: side, width: side, embedding: [1, 1], length: config.length };
        let backbone =
            compressor::frozen_graph(COMPRESSOR.backbone, config.compressor.frozen_blocks, &sizes)?;
        let text = bert::graph(&BertConfig::minilm(), &sizes)?;
        Ok(Frozen {
            backbone: Session::new(&backbone, &published(&backbone_file(config))?, config.threads)?,
            text: Session::new(&text, &published(&text_file(config))?, config.threads)?,
            tokenizer: tokenizer(&tokenizer_file(config), config.length)?,
        })
    }

    /// Features `[b,c,h,w]` of pictures `[b,3,S,S]` in 0..1 after the frozen blocks.
    pub fn features(&self, pictures: &Tensor) -> Result<Tensor> {
        Ok(self.backbone.run(&[pictures])?.remove(0))
    }

    /// States `[b,l,d]` of captions.
    pub fn states(&self, captions: &[String]) -> Result<Tensor> {
        let (ids, mask) = crate::prepare::tokens(&self.tokenizer, captions)?;
        Ok(self.text.run(&[&ids, &mask])?.remove(0))
    }

    /// Means `[n,d]` of the states of texts over their tokens, padding left out.
    pub fn meanings(&self, texts: &[String]) -> Result<Tensor> {
        let mut means = vec![];
        for batch in texts.chunks(64) {
            let (ids, mask) = crate::prepare::tokens(&self.tokenizer, batch)?;
            let states = self.text.run(&[&ids, &mask])?.remove(0);
            let mask = mask.to_kind(Kind::Float).unsqueeze(2);
            let sum = |x: &Tensor| x.sum_dim_intlist(1i64, false, Kind::Float);
            means.push(sum(&(states * &mask)) / sum(&mask));
        }
        ensure!(!means.is_empty(), "no texts to take the meaning of");
        Ok(Tensor::cat(&means, 0))
    }
}

/// The published weights of the compressor's backbone.
pub fn backbone_file(config: &RunConfig) -> PathBuf {
    config.cache.join("weights/efficientnet-lite0.pth")
}

/// The published weights of the text encoder.
pub fn text_file(config: &RunConfig) -> PathBuf {
    config.cache.join("weights/minilm/model.safetensors")
}

/// The text encoder's tokenizer.
pub fn tokenizer_file(config: &RunConfig) -> PathBuf {
    config.cache.join("weights/minilm/tokenizer.json")
}

/// Opens weights that `wuerst-train data` fetched.
pub fn published(path: &Path) -> Result<Checkpoint> {
    ensure!(path.exists(), "{} is missing: run `wuerst-train data` first", path.display());
    Ok(Checkpoint::open(path)?)
}

/// Maximum length of a tokenizer file, in bytes.
const LONGEST: u64 = 64 << 20;

/// A tokenizer that pads and truncates every text to `length` positions.
pub fn tokenizer(path: &Path, length: usize) -> Result<Tokenizer> {
    let wrong = |e: tokenizers::Error| anyhow::anyhow!("{}: {e}", path.display());
    let text = regular::read(path, LONGEST).map_err(|e| wrong(e.into()))?;
    let mut tokenizer = Tokenizer::from_bytes(text).map_err(wrong)?;
    let padding = PaddingParams { strategy: PaddingStrategy::Fixed(length), ..PaddingParams::default() };
    tokenizer.with_padding(Some(padding));
    tokenizer
        .with_truncation(Some(TruncationParams { max_length: length, ..TruncationParams::default() }))
        .map_err(wrong)?;
    Ok(tokenizer)
}

/// A network of the backbone's layers, with the published weights.
fn with_backbone(config: &RunConfig, graph: NetworkGraph) -> Result<(Evaluator, Weights)> {
    let mut weights = Weights::init(&graph, 0, Device::Cpu);
    start(config, &mut weights)?;
    let (evaluator, weights) = (Evaluator::new(graph), weights.snapshot());
    Ok((evaluator, weights))
}

/// Sets every parameter of the published backbone to its published value.
pub fn start(config: &RunConfig, weights: &mut Weights) -> Result<()> {
    let file = published(&backbone_file(config))?;
    let ours: Vec<String> = weights.all().into_iter().map(|(name, _)| name).collect();
    for (name, _) in file.tensors().filter(|(name, _)| ours.iter().any(|n| n == name)) {
        let weight = file.tensor(name)?;
        let shape: Vec<i64> = weight.shape.iter().map(|n| *n as i64).collect();
        let value = Tensor::from_slice(&weight.data).reshape(shape);
        weights.assign([(name, &value)])?;
    }
    Ok(())
}

/// A comparison of pictures by the backbone's early blocks.
///
/// Pictures are enlarged to the compressor's size, so that their pixels are not lost in strided layers.
pub fn perceptual(config: &RunConfig, device: Device) -> Result<Perceptual> {
    let side = config.compressor.size.max(config.data.size);
    let record = || -> Result<NetworkGraph, RecordError> {
        let mut g = NetworkGraph::new();
        let (h, w) = (Axis::named("height", side), Axis::named("width", side));
        let image = g.input("image", DType::F32, &[Axis::named("batch", 1), Axis::fixed(3), h, w]);
        let (mut x, mut before) = (compressor::first_blocks(&mut g, COMPRESSOR.backbone, image, 0), 0);
        for count in LOOKS {
            x = compressor::next_blocks(&mut g, COMPRESSOR.backbone, x, before..count);
            g.output(&format!("blocks {count}"), x);
            before = count;
        }
        g.finish()
    };
    let (network, weights) = with_backbone(config, record()?)?;
    Ok(Perceptual { network, weights: weights.to_device(device), side: side as i64 })
}

/// Records the trained part of the compressor: from features of the frozen blocks to the embedding.
pub fn tail(config: &RunConfig) -> impl Fn(&mut NetworkGraph, Id) -> Id + use<> {
    let first = config.compressor.frozen_blocks;
    move |g, features| compressor::tail(g, &COMPRESSOR, features, first)
}
