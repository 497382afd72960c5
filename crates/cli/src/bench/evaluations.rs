//! Measures single evaluations of networks, alternately, by a peer without a pipeline and by us.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use ndarray_npy::WriteNpyExt;
use serde_json::json;
use wuerst::core::{CancellationToken, Ctx, Dim, Model};
use wuerst::stages::{Contract, ModelHeader};
use wuerst::{Engine, Tensor};
use wuerst_model::metadata::Metadata;
use wuerst_model::noise::Noise;

use super::against::{Comparison, psnr};
use super::peer::Peer;

/// An evaluation done by both programs.
struct Evaluation {
    /// The peer's name of the network.
    network: &'static str,
    contract: Contract,
    output: &'static str,
    inputs: Vec<(&'static str, Tensor)>,
}

/// Evaluates the prior on two pictures, as with guidance, and the VQGAN's decoder for a picture of this size.
pub(super) fn compare(
    engine: &Engine,
    models: &Path,
    size: [usize; 2],
    runs: usize,
    peer: &mut Peer,
) -> Result<Comparison> {
    let folder = tempfile::tempdir()?;
    let (mut stages, mut likeness) = (Vec::new(), f64::INFINITY);
    for evaluation in [prior(models, size)?, vqgan(size)?] {
        let path = models.join(format!("{}.onnx", evaluation.contract));
        let model = Model::open(evaluation.contract.name(), &path)?;
        let (cancel, mut watch) = (CancellationToken::new(), ());
        let mut ctx = Ctx::new("bench", &cancel, &mut watch);
        let loaded = engine.model_cache().get(&mut ctx, &model, evaluation.contract)?;
        let feeds: Vec<(&str, &Tensor)> = evaluation.inputs.iter().map(|(name, t)| (*name, t)).collect();
        let mut files = BTreeMap::new();
        for (name, tensor) in &feeds {
            let file = folder.path().join(format!("{name}.npy"));
            tensor.to_f32().context("an input of numbers")?.write_npy(File::create(&file)?)?;
            files.insert(*name, file);
        }
        let output = folder.path().join("output.npy");
        let request = json!({ "network": evaluation.network, "inputs": files, "output": output });
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=runs {
            let begun = Instant::now();
            let result = loaded.run(&ctx, &feeds, evaluation.output)?;
            let mine = begun.elapsed().as_secs_f64() * 1e3;
            let other = peer.run(&request)?.get("milliseconds").copied().context("the peer gives no time")?;
            if round == 0 {
                likeness = likeness.min(psnr(&result.into(), &output)?);
                continue;
            }
            ours.push(mine);
            theirs.push(other);
        }
        stages.push((evaluation.network.to_owned(), ours, theirs));
    }
    Ok(Comparison { peer: peer.name.clone(), stages, likeness })
}

fn prior(models: &Path, [width, height]: [usize; 2]) -> Result<Evaluation> {
    let path = models.join("prior.onnx");
    let header = ModelHeader::read(&path).with_context(|| path.display().to_string())?;
    let Metadata::Prior(metadata) = header.metadata()? else { bail!("{} is not a prior", path.display()) };
    let fixed = |name: &str, axis: usize| {
        let dims = header.inputs.iter().find(|input| input.name == name)?.dims.get(axis)?;
        if let Dim::Fixed(length) = dims { Some(*length) } else { None }
    };
    let channels = fixed("latents", 1).context("a prior with any number of channels")?;
    let text = fixed("text", 2).context("a prior for texts of any width")?;
    let [height, width] = [height, width].map(|side| metadata.scale.prior(side));
    let inputs = vec![
        ("latents", normal(1, &[2, channels, height, width])?),
        ("timestep", Tensor::from_vec(&[2], vec![0.5f32; 2])?),
        ("text", normal(2, &[2, 77, text])?),
    ];
    Ok(Evaluation { network: "prior", contract: Contract::Prior, output: "noise", inputs })
}

fn vqgan([width, height]: [usize; 2]) -> Result<Evaluation> {
    let inputs = vec![("latents", normal(3, &[1, 4, height / 4, width / 4])?)];
    Ok(Evaluation { network: "vqgan", contract: Contract::VqganDecoder, output: "image", inputs })
}

fn normal(seed: u64, shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::from_vec(shape, Noise::new(seed).normal(shape.iter().product()))?)
}
