//! Small networks, pictures and settings that the other tests share.

use std::path::Path;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Device, Kind, Tensor};
use wuerst_model::decoder::{DecoderConfig, Dropout};
use wuerst_model::onnx::{BoxError, Weight};
use wuerst_model::prior::PriorConfig;
use wuerst_model::record::NetworkGraph;
use wuerst_model::vqgan::VqganConfig;
use wuerst_train::config::RunConfig;
use wuerst_train::eval::Weights;
use wuerst_train::shards::Table;
use wuerst_train::stage::{Corpus, FrozenRows};
use wuerst_train::trainer::LoopConfig;

static ALONE: Mutex<()> = Mutex::new(());

/// libtorch has one random generator for the whole process, so tests that draw from it take turns.
pub fn alone() -> MutexGuard<'static, ()> {
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    guard
}

/// Weights that a checkpoint could hold: nothing is zero, and variances are positive.
pub struct Noisy(pub Weights);

/// Random weights for every parameter, even those that start at zero.
pub fn noisy(graph: &NetworkGraph, seed: i64) -> Noisy {
    let mut weights = Weights::init(graph, seed, Device::Cpu);
    let shaken: Vec<(String, Tensor)> = weights.all().into_iter().map(|(name, t)| shake(name, &t)).collect();
    weights.assign(shaken.iter().map(|(n, t)| (n.as_str(), t))).unwrap();
    Noisy(weights)
}

fn shake(name: String, t: &Tensor) -> (String, Tensor) {
    // Little enough that no divisor of stages B and C comes near 0.
    let shaken = t + t.randn_like() * 0.03;
    let shaken = if name.ends_with("running_var") { shaken.abs() + 0.1 } else { shaken };
    (name, shaken)
}

impl Noisy {
    /// These numbers for the ONNX writer.
    pub fn source(&self) -> impl Fn(&str) -> Result<Weight, BoxError> {
        |name| {
            let t = self.0.at(name).detach();
            let shape = t.size().iter().map(|n| *n as usize).collect();
            Ok(Weight { shape, data: Vec::try_from(t.contiguous().reshape([-1]))? })
        }
    }
}

/// Asserts that the largest difference is at most `tolerance` of the largest magnitude.
#[track_caller]
pub fn close(got: &Tensor, want: &Tensor, tolerance: f64) {
    assert_eq!(got.size(), want.size());
    let apart = (got - want).abs().max().double_value(&[]);
    let largest = want.abs().max().double_value(&[]);
    assert!(apart <= tolerance * largest.max(1e-3), "off by {apart:e} of {largest:e}");
}

pub fn vqgan() -> VqganConfig {
    VqganConfig { bottleneck_blocks: 1, embed_dim: 16, num_vq_embeddings: 16, ..VqganConfig::default() }
}

pub fn prior() -> PriorConfig {
    PriorConfig { c: 32, c_cond: 12, c_r: 8, depth: 2, nhead: 2, dropout: 0., ..PriorConfig::default() }
}

pub fn decoder() -> DecoderConfig {
    DecoderConfig {
        c_r: 8,
        c_cond: 16,
        c_hidden: vec![16, 32],
        nhead: vec![-1, 2],
        blocks: vec![1, 1],
        level_config: ["CT", "CTA"].map(String::from).to_vec(),
        inject_effnet: vec![true, true],
        clip_embd: 12,
        dropout: Dropout::All(0.),
        ..DecoderConfig::default()
    }
}

/// The baseline's network: the decoder's without the embedding.
pub fn baseline() -> DecoderConfig {
    DecoderConfig { inject_effnet: vec![false; 2], ..decoder() }
}

/// Pictures of one coloured rectangle on another colour, with what frozen networks might say of them.
pub fn corpus(n: i64, side: i64) -> Corpus {
    tch::manual_seed(5);
    let floats = (Kind::Float, Device::Cpu);
    let [ground, colour] = [0, 1].map(|_| Tensor::rand([n, 3, 1, 1], floats) * 255.);
    let at = Tensor::arange(side, floats);
    let inside =
        |first: Tensor| at.ge_tensor(&first).logical_and(&at.lt_tensor(&(&first + side as f64 / 2.)));
    let corner = || (Tensor::rand([n, 1], floats) * (side as f64 / 2.)).floor();
    let (columns, rows) =
        (inside(corner()).reshape([n, 1, 1, side]), inside(corner()).reshape([n, 1, side, 1]));
    let mask = columns.logical_and(&rows).to_kind(Kind::Float);
    let pictures = &ground * (1f64 - &mask) + &colour * &mask;
    Corpus {
        pictures: Table::of(pictures.to_kind(Kind::Uint8)),
        frozen: Some(FrozenRows {
            features: Rc::new(Table::of(Tensor::randn([n, 8, 2, 2], floats).to_kind(Kind::Half))),
            text: Table::of(Tensor::randn([n + 1, 3, 12], floats).to_kind(Kind::Half)),
        }),
        captions: Tensor::arange_start(1, n + 1, (Kind::Int64, Device::Cpu)),
        shares: Tensor::ones([n], floats),
        device: Device::Cpu,
        key: "tiny".into(),
    }
}

/// A few steps without sample grids.
pub fn pace(steps: u64, batch: usize, rate: f64) -> LoopConfig {
    let yaml = format!("{{ batch: {batch}, steps: {steps}, optim: {{ rate: {rate}, warm_up: 2 }} }}");
    serde_yaml::from_str(&yaml).unwrap()
}

/// A run of 32-pixel pictures: 8×8 latents, and one cell of the embedding.
pub fn run(folder: &Path) -> RunConfig {
    let training = pace(1, 2, 1e-3);
    let yaml = format!(
        "folder: {0}/run\ncache: {0}/cache\nseed: 1\ndata: {{ size: 32, compressor_size: 32 }}\nlength: 8\nthreads: 1\n\
         compressor: {{ size: 32, frozen_blocks: 11, training: {1} }}\n\
         vqgan: {{ network: {2}, training: {1} }}\n\
         decoder: {{ network: {3}, training: {1} }}\n\
         prior: {{ network: {4}, training: {1} }}\n\
         baseline: {{ network: {5}, training: {1} }}\n",
        folder.display(),
        json(&training),
        json(&vqgan()),
        json(&DecoderConfig { clip_embd: 384, ..decoder() }),
        json(&PriorConfig { c_cond: 384, ..prior() }),
        json(&DecoderConfig { clip_embd: 384, ..baseline() }),
    );
    serde_yaml::from_str(&yaml).unwrap()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}
