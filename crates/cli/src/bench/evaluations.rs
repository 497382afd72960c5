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
use wuerst_model::time;

use super::against::{Comparison, psnr};
use super::peer::Peer;

/// The time of the step, where 1 is noise.
const TIME: f32 = 0.5;

/// An evaluation done by both programs.
struct Evaluation {
    /// The peer's name of the network.
    network: &'static str,
    contract: Contract,
    output: &'static str,
    inputs: Vec<(&'static str, Tensor)>,
}

/// Evaluates the prior on two pictures, as with guidance, the decoder if the peer has it, and the VQGAN's decoder for a picture
/// of this size.
pub(super) fn compare(
    engine: &Engine,
    models: &Path,
    size: [usize; 2],
    runs: usize,
    peer: &mut Peer,
    has_decoder: bool,
) -> Result<Comparison> {
    let folder = tempfile::tempdir()?;
    let (mut stages, mut likeness) = (Vec::new(), f64::INFINITY);
    let decoder = has_decoder.then(|| decoder(models, size)).transpose()?;
    for evaluation in [prior(models, size)?].into_iter().chain(decoder).chain([vqgan(size)?]) {
        let path = models.join(format!("{}.onnx", evaluation.contract));
        let model = Model::open(evaluation.contract.name(), &path)?;
        let (cancel, mut watch) = (CancellationToken::new(), ());
        let mut ctx = Ctx::new("bench", &cancel, &mut watch);
        let loaded = engine.model_cache().get(&mut ctx, &model, evaluation.contract)?;
        let all: Vec<(&str, &Tensor)> = evaluation.inputs.iter().map(|(name, t)| (*name, t)).collect();
        // We embed the time ourselves.
        let feeds: Vec<(&str, &Tensor)> =
            all.iter().copied().filter(|(name, _)| *name != "time_embedding").collect();
        let mut files = BTreeMap::new();
        for (name, tensor) in &all {
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
    let header = header(models, Contract::Prior)?;
    let Metadata::Prior(metadata) = header.metadata()? else { bail!("prior.onnx is not a prior") };
    let channels = fixed(&header, "latents", 1).context("a prior with any number of channels")?;
    let text = fixed(&header, "text", 2).context("a prior for texts of any width")?;
    let [height, width] = [height, width].map(|side| metadata.scale.prior(side));
    let mut inputs = vec![
        ("latents", normal(1, &[2, channels, height, width])?),
        ("timestep", Tensor::from_vec(&[2], vec![TIME; 2])?),
        ("text", normal(2, &[2, 77, text])?),
    ];
    inputs.extend(embedded(&header, 2)?);
    Ok(Evaluation { network: "prior", contract: Contract::Prior, output: "noise", inputs })
}

fn decoder(models: &Path, [width, height]: [usize; 2]) -> Result<Evaluation> {
    let header = header(models, Contract::Decoder)?;
    let Metadata::Decoder(metadata) = header.metadata()? else { bail!("decoder.onnx is not a decoder") };
    let channels = fixed(&header, "latents", 1).context("a decoder with any number of channels")?;
    let embedding = fixed(&header, "embedding", 1).context("a decoder for any embedding")?;
    let text = fixed(&header, "text", 2).context("a decoder for texts of any width")?;
    let cells = [height, width].map(|side| side / metadata.scale.pixels_per_latent);
    let of_prior = [height, width].map(|side| metadata.scale.prior(side));
    let mut inputs = vec![
        ("latents", normal(4, &[1, channels, cells[0], cells[1]])?),
        ("timestep", Tensor::from_vec(&[1], vec![TIME])?),
        ("embedding", normal(5, &[1, embedding, of_prior[0], of_prior[1]])?),
        ("text", normal(6, &[1, 77, text])?),
    ];
    inputs.extend(embedded(&header, 1)?);
    Ok(Evaluation { network: "decoder", contract: Contract::Decoder, output: "noise", inputs })
}

/// Refuses models with operators that only ONNX Runtime has.
pub(super) fn standard(models: &Path) -> Result<()> {
    for contract in [Contract::Prior, Contract::Decoder, Contract::VqganDecoder] {
        if !header(models, contract)?.domains.is_empty() {
            bail!(
                "{contract}.onnx has operators that only ONNX Runtime has: compare with OpenVINO on models of `wuerst import` \
                 without --for, or of `wuerst convert` without it"
            );
        }
    }
    Ok(())
}

fn header(models: &Path, contract: Contract) -> Result<ModelHeader> {
    let path = models.join(format!("{contract}.onnx"));
    ModelHeader::read(&path).with_context(|| path.display().to_string())
}

/// An extent of an input, if it is fixed.
fn fixed(header: &ModelHeader, name: &str, axis: usize) -> Option<usize> {
    let dims = header.inputs.iter().find(|input| input.name == name)?.dims.get(axis)?;
    if let Dim::Fixed(length) = dims { Some(*length) } else { None }
}

/// The embedding of the time for a model that takes it, which a peer on the same model takes, too.
fn embedded(header: &ModelHeader, batch: usize) -> Result<Option<(&'static str, Tensor)>> {
    let Some(features) = fixed(header, "time_embedding", 1) else { return Ok(None) };
    let embeddings = header.metadata()?.time_embeddings().max(1);
    let rows = time::embedding(&vec![TIME; batch], features / embeddings, embeddings);
    Ok(Some(("time_embedding", Tensor::from_vec(&[batch, features], rows)?)))
}

fn vqgan([width, height]: [usize; 2]) -> Result<Evaluation> {
    let inputs = vec![("latents", normal(3, &[1, 4, height / 4, width / 4])?)];
    Ok(Evaluation { network: "vqgan", contract: Contract::VqganDecoder, output: "image", inputs })
}

fn normal(seed: u64, shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::from_vec(shape, Noise::new(seed).normal(shape.iter().product()))?)
}
