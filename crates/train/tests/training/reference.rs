//! The evaluator against what diffusers computes with the same weights (`tests/reference`).

use crate::tiny::{alone, close};
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use tch::{Device, Tensor};
use wuerst_model::checkpoint::Checkpoint;
use wuerst_model::contract::{self, Sizes};
use wuerst_model::record::{NetworkGraph, RecordError};
use wuerst_model::vqgan::{self, VqganConfig};
use wuerst_model::{decoder, prior};
use wuerst_train::eval::{Evaluator, Mode, Weights};
use wuerst_train::stage::embed_time;

/// None of the reference's sizes.
const SIZES: Sizes = Sizes { batch: 1, height: 64, width: 32, embedding: [6, 3], length: 5 };

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference").join(name)
}

fn array(name: &str) -> Result<Tensor> {
    let path = path(&format!("expected/{name}.npy"));
    Tensor::read_npy(&path).with_context(|| path.display().to_string())
}

fn agrees<C: DeserializeOwned>(
    folder: &str,
    record: impl Fn(&C, &Sizes) -> Result<NetworkGraph, RecordError>,
    feeds: &[&str],
    want: &str,
) -> Result<()> {
    let config = serde_json::from_slice(&std::fs::read(path(&format!("{folder}/config.json")))?)?;
    let graph = record(&config, &SIZES)?;
    let checkpoint = Checkpoint::open(path(folder))?;
    let mut weights = Weights::init(&graph, 0, Device::Cpu);
    for param in &graph.params {
        let shape: Vec<i64> = param.shape.iter().map(|n| *n as i64).collect();
        let value = Tensor::from_slice(&checkpoint.tensor(&param.name)?.data).reshape(shape);
        weights.assign([(param.name.as_str(), &value)])?;
    }
    let feeds = feeds.iter().map(|name| array(name)).zip(&graph.inputs).map(|(feed, input)| {
        match input.name.as_str() {
            "time_embedding" => Ok(embed_time(&feed?, input.axes[1].size)),
            _ => feed,
        }
    });
    let feeds = feeds.collect::<Result<Vec<_>>>()?;
    let got = tch::no_grad(|| Evaluator::new(graph).run(&weights, &feeds, Mode::INFERENCE));
    close(&got[0], &array(want)?, 1e-4);
    Ok(())
}

#[test]
fn stage_c() -> Result<()> {
    let _alone = alone();
    agrees("wuerstchen-prior/prior", prior::graph, &["prior_in_x", "prior_in_r", "prior_in_c"], "prior_out")
}

#[test]
fn stage_b() -> Result<()> {
    let _alone = alone();
    let feeds = ["decoder_in_x", "prior_in_r", "decoder_in_effnet", "decoder_in_clip"];
    agrees("wuerstchen/decoder", decoder::graph, &feeds, "decoder_out")
}

#[test]
fn stage_a() -> Result<()> {
    let _alone = alone();
    // The stored picture is not limited to 0..1, as the stage's is.
    let decode = |config: &VqganConfig, sizes: &Sizes| {
        let mut g = NetworkGraph::new();
        let latents = contract::picture(&mut g, "latents", sizes, config.latent_channels);
        let image = vqgan::decode(&mut g, config, latents);
        g.output("image", image);
        g.finish()
    };
    agrees("wuerstchen/vqgan", decode, &["vqgan_in"], "vqgan_out")?;
    agrees("wuerstchen/vqgan", vqgan::encoder_graph, &["vqgan_enc_in"], "vqgan_enc_out")
}
