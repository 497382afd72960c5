//! Small runs: stopped and resumed, repeated, and long enough to learn something.

use crate::tiny::{self, alone, corpus, pace};
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};
use wuerst_model::decoder::DecoderConfig;
use wuerst_model::record::{Init, NetworkGraph, Op};
use wuerst_model::vqgan::VqganConfig;
use wuerst_train::config::{LatentsRun, PictureLoss};
use wuerst_train::eval::Weights;
use wuerst_train::shards::Table;
use wuerst_train::stage::Corpus;
use wuerst_train::stage::decoder::{DecoderData, DecoderStage};
use wuerst_train::stage::likeness::Likeness;
use wuerst_train::stage::text_conditioned::TextConditionedStage;
use wuerst_train::stage::vqgan::VqganStage;
use wuerst_train::trainer::{TrainedStage, Trainer};

pub fn prior_stage() -> Result<TextConditionedStage> {
    let corpus = Rc::new(corpus(16, 8));
    let embeddings = Table::of(Tensor::randn([16, 16, 2, 2], (Kind::Float, Device::Cpu)));
    TextConditionedStage::prior(
        &tiny::prior(),
        corpus,
        embeddings,
        Rc::new(|_, _| Tensor::new()),
        Kind::Float,
    )
}

/// Trains up to `steps`, from the folder's checkpoint if there is one.
fn train<S: TrainedStage>(make: &Make<S>, folder: &Path, steps: u64, seed: i64) -> Result<()> {
    let (mut stage, weights) = make(seed)?;
    Trainer::open(folder.to_owned(), weights, seed)?.run(&mut stage, &pace(steps, 4, 1e-3))
}

/// A stage and its fresh weights for a seed.
type Make<S> = dyn Fn(i64) -> Result<(S, Weights)>;

/// The bytes of the newest checkpoint.
pub fn checkpoint(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let average = Trainer::averaged_file(folder).unwrap();
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(average.parent().unwrap())? {
        let path = entry?.path();
        files.insert(path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path)?);
    }
    Ok(files)
}

/// A run that was stopped has the bits of one that never was, and another seed others.
fn resumes<S: TrainedStage>(make: &Make<S>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let weights = |name: &str| -> Result<BTreeMap<String, Vec<u8>>> {
        let mut files = checkpoint(&at(name))?;
        // Hours differ.
        assert!(files.remove("spent.json").is_some());
        Ok(files)
    };
    train(make, &at("straight"), 6, 1)?;
    train(make, &at("stopped"), 3, 1)?;
    let half = weights("stopped")?;
    train(make, &at("stopped"), 6, 1)?;
    train(make, &at("other seed"), 6, 2)?;
    let (straight, other) = (weights("straight")?, weights("other seed")?);
    assert_eq!(straight.len(), 3, "weights, average and moments: {:?}", straight.keys());
    assert!(straight == weights("stopped")?);
    for (name, bytes) in straight {
        assert!(half[&name] != bytes && other[&name] != bytes, "{name} did not change");
    }
    Ok(())
}

#[test]
fn stage_c_resumes_to_same_bits() -> Result<()> {
    let _alone = alone();
    resumes(&|seed| {
        let stage = prior_stage()?;
        let weights = Weights::init(stage.graph(), seed, Device::Cpu);
        Ok((stage, weights))
    })
}

#[test]
fn stage_a_resumes_to_same_bits() -> Result<()> {
    let _alone = alone();
    resumes(&|seed| {
        let noisy = LatentsRun { quantised: 0.5, noised: 0.5, noise: 0.1, ..LatentsRun::default() };
        let stage = stage_a(&tiny::vqgan(), noisy)?;
        let weights = Weights::init(stage.graph(), seed, Device::Cpu);
        Ok((stage, weights))
    })
}

/// Trains some steps; the loss on one batch before and after, and the weights.
fn learn(
    stage: &mut dyn TrainedStage,
    weights: Weights,
    steps: u64,
    rate: f64,
) -> Result<([f64; 2], Weights)> {
    let folder = tempfile::tempdir()?;
    let loss = |stage: &mut dyn TrainedStage, weights: &Weights| -> Result<f64> {
        tch::no_grad(|| Ok(stage.loss(weights, 16, 99)?.0.double_value(&[])))
    };
    let mut trainer = Trainer::open(folder.path().to_owned(), weights, 1)?;
    let before = loss(stage, &trainer.weights)?;
    trainer.run(stage, &pace(steps, 8, rate))?;
    Ok(([before, loss(stage, &trainer.weights)?], trainer.weights))
}

/// Stage A on pictures of 16 pixels, compared by pixels and flat ground.
fn stage_a(network: &VqganConfig, latents: LatentsRun) -> Result<VqganStage> {
    let likeness = Likeness {
        perceptual: None,
        weights: PictureLoss { flat: 0.01, ..PictureLoss::default() },
        kind: Kind::Float,
    };
    VqganStage::new(network, 16, Rc::new(corpus(32, 16)), latents, likeness)
}

#[test]
fn stage_a_learns() -> Result<()> {
    let _alone = alone();
    let mut stage = stage_a(&tiny::vqgan(), LatentsRun::default())?;
    let weights = Weights::init(stage.graph(), 1, Device::Cpu);
    let ([before, after], _) = learn(&mut stage, weights, 60, 5e-3)?;
    assert!(after < 0.5 * before, "{before} to {after}");
    Ok(())
}

#[test]
fn stage_a_learns_without_codebook() -> Result<()> {
    let _alone = alone();
    let network = VqganConfig { levels: 3, latent_channels: 16, ..tiny::vqgan() };
    let noisy = LatentsRun { quantised: 0., noised: 0.5, noise: 0.1, ..LatentsRun::default() };
    let mut stage = stage_a(&network, noisy)?;
    let weights = Weights::init(stage.graph(), 1, Device::Cpu);
    assert!(weights.all().iter().all(|(name, _)| !name.starts_with("vquantizer")), "a codebook is learned");
    let ([before, after], trained) = learn(&mut stage, weights, 60, 5e-3)?;
    assert!(after < 0.5 * before, "{before} to {after}");
    let folder = tempfile::tempdir()?;
    stage.sample_grid(&trained.snapshot(), folder.path(), 60)?;
    let measured = std::fs::read_to_string(folder.path().join("psnr.csv"))?;
    assert!(measured.starts_with("60,unquantised,") && measured.lines().count() == 1, "{measured}");
    Ok(())
}

#[test]
fn sample_grid_measures_both_ways() -> Result<()> {
    let _alone = alone();
    let mut stage = stage_a(&tiny::vqgan(), LatentsRun::default())?;
    let weights = Weights::init(stage.graph(), 1, Device::Cpu).snapshot();
    let folder = tempfile::tempdir()?;
    stage.sample_grid(&weights, folder.path(), 1)?;
    let measured = std::fs::read_to_string(folder.path().join("psnr.csv"))?;
    assert!(measured.contains("1,unquantised,") && measured.contains("1,quantised,"), "{measured}");
    // Two rows of real pictures, two unquantised, two quantised, of 16 pixels and one between.
    assert_eq!(image::open(folder.path().join("sample-grid-1.png"))?.height(), 6 * 17);
    Ok(())
}

/// The baseline on latents of 8×8 cells that are the pictures' colours.
pub fn baseline_stage(network: &DecoderConfig, corpus: Rc<Corpus>) -> Result<TextConditionedStage> {
    let latents = corpus
        .pictures
        .floats(&Tensor::arange(corpus.pictures.len(), (Kind::Int64, Device::Cpu)), Device::Cpu)?;
    let latents = (latents / 127.5 - 1.).adaptive_avg_pool2d([8, 8]);
    let grey = latents.mean_dim(1i64, true, Kind::Float);
    let latents = Table::of(Tensor::cat(&[latents, grey], 1).to_kind(Kind::Half));
    let pixels = Rc::new(|x: &Tensor, _: &Tensor| {
        ((x.narrow(1, 0, 3) + 1.) / 2.).upsample_nearest2d([32, 32], None, None)
    });
    TextConditionedStage::baseline(network, corpus, latents, pixels, Kind::Float)
}

#[test]
fn baseline_learns_and_draws() -> Result<()> {
    let _alone = alone();
    let mut stage = baseline_stage(&tiny::baseline(), Rc::new(corpus(32, 32)))?;
    assert!(
        stage.graph().params.iter().all(|p| !p.name.starts_with("effnet_mappers")),
        "it reads the embedding"
    );
    let weights = Weights::init(stage.graph(), 1, Device::Cpu);
    let ([before, after], trained) = learn(&mut stage, weights, 60, 3e-3)?;
    assert!(after < 0.6 * before, "{before} to {after}");
    let folder = tempfile::tempdir()?;
    stage.sample_grid(&trained.snapshot(), folder.path(), 60)?;
    // Two rows of 16 real pictures of 32 pixels, and two of drawn ones.
    assert_eq!(image::open(folder.path().join("sample-grid-60.png"))?.height(), 4 * 33);
    Ok(())
}

#[test]
fn baseline_resumes_to_same_bits() -> Result<()> {
    let _alone = alone();
    resumes(&|seed| {
        let stage = baseline_stage(&tiny::baseline(), Rc::new(corpus(16, 32)))?;
        let weights = Weights::init(stage.graph(), seed, Device::Cpu);
        Ok((stage, weights))
    })
}

#[test]
fn stage_b_trains_compressor_tail() -> Result<()> {
    let _alone = alone();
    let corpus = Rc::new(corpus(16, 32));
    let latents = Tensor::randn([16, 4, 8, 8], (Kind::Float, Device::Cpu)).to_kind(Kind::Half);
    let data =
        DecoderData { latents: Rc::new(Table::of(latents)), features: corpus.frozen()?.features.clone() };
    let tail = |g: &mut NetworkGraph, x| {
        let w = g.param("mapper", &[16, 8, 1, 1], Init::Normal(0.3));
        g.push(Op::Conv { stride: 1, pads: [0; 4], groups: 1 }, &[x, w])
    };
    let pixels = Rc::new(|x: &Tensor| x.shallow_clone());
    let mut stage = DecoderStage::new("joint", &tiny::decoder(), &tail, (corpus, data), pixels, Kind::Float)?;
    let weights = Weights::init(stage.graph(), 1, Device::Cpu);
    let mapper = weights.at("mapper").copy();
    let ([before, after], trained) = learn(&mut stage, weights, 30, 3e-3)?;
    assert!(after < 0.9 * before, "{before} to {after}");
    assert!((trained.at("mapper") - mapper).abs().max().double_value(&[]) > 1e-3);
    Ok(())
}
