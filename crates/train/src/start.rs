//! Continues training from an exported model: its weights become the newest checkpoints of a run.
//!
//! A model folder holds averaged weights as f16 and no moments, so the optimiser has to adapt in the first steps. The
//! model's training statistics are taken from its report, so that a run's totals stay complete over several machines.

use crate::config::RunConfig;
use crate::data::DatasetSplit;
use crate::report::measures::Training;
use crate::session::Session;
use crate::trainer::Trainer;
use crate::{grow, pack, prepare};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};
use wuerst_model::onnx::{HALF, QUANTIZED, Stored};
use wuerst_read::regular;

/// Arguments of `wuerst-train start`.
#[derive(Debug, Clone, clap::Args)]
pub struct StartArgs {
    /// YAML file of the run, whose folder must not contain checkpoints yet
    pub run: PathBuf,
    /// Model folder to continue from, or one written by `wuerst-train pack`
    #[arg(long, default_value = "models/icons")]
    pub model: PathBuf,
}

/// Folders of a run, with the exported models that contain each one's network.
const STAGES: [(&str, &[&str]); 5] = [
    ("vqgan", &["vqgan-encoder", "vqgan-decoder"]),
    ("vqgan-decoder", &["vqgan-decoder"]),
    ("compressor", &["compressor", "decoder"]),
    ("decoder", &["decoder"]),
    ("prior", &["prior"]),
];

/// Number of pictures whose latents initialise the codebook, which exported models do not contain.
const PICTURES: i64 = 256;

/// Writes a checkpoint for every stage of the run.
///
/// # Errors
/// A run that has checkpoints already, a model folder that cannot be read, missing data.
pub fn run(config: &RunConfig, model: &Path) -> Result<()> {
    for (stage, _) in STAGES {
        let folder = config.folder.join(stage);
        ensure!(
            Trainer::spent(&folder)?.is_none(),
            "{} has a checkpoint already: give the run another folder, or remove it",
            folder.display()
        );
    }
    if pack::is_packed(model) {
        return pack::unpack(config, model);
    }
    let has_codebook = config.vqgan.latents.quantised > 0.;
    let codebook = has_codebook.then(|| codebook(config, model)).transpose()?;
    seed_checkpoints(config, model, codebook.as_ref())
}

/// Writes the checkpoints of all stages, with a codebook `[entries,channels]` for a Stage A that has one.
///
/// # Errors
/// A model folder that cannot be read, or a run's folder that cannot be written.
pub fn seed_checkpoints(config: &RunConfig, model: &Path, codebook: Option<&Tensor>) -> Result<()> {
    let before = spent_before(model)?;
    for (stage, parts) in STAGES {
        let mut tensors = BTreeMap::new();
        for part in parts {
            let path = model.join(format!("{part}.onnx"));
            let stored = Stored::open(&path)?;
            ensure!(
                !stored.metadata().iter().any(|(key, _)| [QUANTIZED.0, HALF.0].contains(&&key[..])),
                "{} computes in int8 or f16, and its weights are rounded: start from the model that it was made of",
                path.display()
            );
            for read in stored.weights() {
                let (name, weight) = read?;
                let shape: Vec<i64> = weight.shape.iter().map(|n| *n as i64).collect();
                tensors.insert(name, Tensor::from_slice(&weight.data).reshape(shape));
            }
        }
        if stage.starts_with("vqgan") {
            tensors = grow::decoder(tensors, &config.vqgan.network, config.seed)?;
        }
        if let Some(codebook) = codebook.filter(|_| stage == "vqgan") {
            tensors.insert("vquantizer.embedding.weight".into(), codebook.shallow_clone());
        }
        let spent = before.iter().find(|t| t.stage == stage).map(|t| t.spent.clone()).unwrap_or_default();
        println!("{stage:14} {:4} tensors, {} steps", tensors.len(), spent.step);
        Trainer::seed_checkpoint(
            &config.folder.join(stage),
            &tensors.into_iter().collect::<Vec<_>>(),
            &spent,
        )?;
    }
    Ok(())
}

/// Latents of pictures of the run, one for each codebook entry.
fn codebook(config: &RunConfig, model: &Path) -> Result<Tensor> {
    let corpus = prepare::pictures_of(config, DatasetSplit::Train, Device::Cpu)?;
    tch::manual_seed(config.seed);
    let n = corpus.pictures.len();
    let which = Tensor::randint(n, [PICTURES.min(n)], (Kind::Int64, Device::Cpu));
    let pictures = corpus.pictures(&which)?;
    let encoder = Session::open(&model.join("vqgan-encoder.onnx"), config.threads)?;
    let latents = encoder.run(&[&pictures])?.remove(0);
    let channels = latents.size()[1];
    let cells = latents.permute([0, 2, 3, 1]).reshape([-1, channels]);
    let entries = config.vqgan.network.num_vq_embeddings as i64;
    let which = Tensor::randint(cells.size()[0], [entries], (Kind::Int64, Device::Cpu));
    Ok(cells.index_select(0, &which))
}

/// The part of a report that is read back; other fields may be of another version.
#[derive(serde::Deserialize)]
struct Before {
    spent: Vec<Training>,
}

/// The training statistics in a model's report; empty if it has no report.
///
/// # Errors
/// A report that cannot be read.
pub fn spent_before(model: &Path) -> Result<Vec<Training>> {
    let path = model.join("report.json");
    if !path.exists() {
        return Ok(vec![]);
    }
    let before: Before = serde_json::from_slice(&regular::read(&path, 64 << 20)?)
        .with_context(|| format!("{} is not a report", path.display()))?;
    Ok(before.spent)
}
