//! Every network against what diffusers computes with the same weights (`tests/reference`).
//!
//! The network is recorded from the stored configuration at one size, written as ONNX with the stored weights, and
//! run in ONNX Runtime at the reference's sizes.

use std::fs;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use wuerst_model::checkpoint::Checkpoint;
use wuerst_model::contract::{self, Sizes};
use wuerst_model::onnx::{self, Operators, Options, Precision};
use wuerst_model::record::{Graph, RecordError};
use wuerst_model::text::clip;
use wuerst_model::vqgan::{self, VqganConfig};
use wuerst_model::{decoder, prior};
use wuerst_tests::numbers::{expected, reference, relative_error};
use wuerst_tests::runtime::{Array, Model};

/// The sizes of the recordings: none of the reference's, so that the models prove that theirs are free.
const SIZES: Sizes = Sizes { batch: 1, height: 64, width: 32, embedding: [6, 3], length: 5 };

/// What a test allows: largest difference over largest magnitude.
const TOLERANCE: f32 = 1e-4;

/// A network of the bundle as bytes of ONNX.
fn written<C: DeserializeOwned>(
    folder: &str,
    record: impl Fn(&C, &Sizes) -> Result<Graph, RecordError>,
    options: &Options,
) -> Result<Vec<u8>> {
    let config = reference(&format!("{folder}/config.json"));
    let config = fs::read_to_string(&config).with_context(|| config.display().to_string())?;
    let graph = record(&serde_json::from_str(&config)?, &SIZES)?;
    let checkpoint = Checkpoint::open(reference(folder))?;
    Ok(onnx::encode(&graph, &checkpoint, options)?)
}

/// Runs a model on the bundle's inputs and compares its first result.
fn error(model: &[u8], feeds: &[(&str, Array)], want: &str) -> Result<f32> {
    let got = Model::from_bytes(model)?.run(feeds)?.remove(0).f32()?;
    let error = relative_error(&got, &expected(want)?)?;
    println!("{want}: relative error {error:.1e}");
    Ok(error)
}

fn f32(name: &str) -> Result<Array> {
    Ok(expected::<f32>(name)?.into())
}

fn prior_feeds() -> Result<Vec<(&'static str, Array)>> {
    Ok(vec![("latents", f32("prior_in_x")?), ("timestep", f32("prior_in_r")?), ("text", f32("prior_in_c")?)])
}

#[test]
fn prior() -> Result<()> {
    let model = written("wuerstchen-prior/prior", prior::graph, &Options::default())?;
    assert!(error(&model, &prior_feeds()?, "prior_out")? <= TOLERANCE);
    Ok(())
}

fn decoder_feeds() -> Result<Vec<(&'static str, Array)>> {
    Ok(vec![
        ("latents", f32("decoder_in_x")?),
        ("timestep", f32("prior_in_r")?),
        ("embedding", f32("decoder_in_effnet")?),
        ("text", f32("decoder_in_clip")?),
    ])
}

#[test]
fn decoder() -> Result<()> {
    let model = written("wuerstchen/decoder", decoder::graph, &Options::default())?;
    assert!(error(&model, &decoder_feeds()?, "decoder_out")? <= TOLERANCE);
    Ok(())
}

#[test]
fn vqgan_decoder() -> Result<()> {
    // The stored picture is not limited to 0..1, as the stage's is.
    let record = |config: &VqganConfig, sizes: &Sizes| {
        let mut g = Graph::new();
        let latents = contract::picture(&mut g, "latents", sizes, config.latent_channels);
        let image = vqgan::decode(&mut g, config, latents);
        g.output("image", image);
        g.finish()
    };
    let model = written("wuerstchen/vqgan", record, &Options::default())?;
    assert!(error(&model, &[("latents", f32("vqgan_in")?)], "vqgan_out")? <= TOLERANCE);
    Ok(())
}

#[test]
fn vqgan_encoder() -> Result<()> {
    let model = written("wuerstchen/vqgan", vqgan::encoder_graph, &Options::default())?;
    assert!(error(&model, &[("image", f32("vqgan_enc_in")?)], "vqgan_enc_out")? <= TOLERANCE);
    Ok(())
}

fn token_feeds() -> Result<Vec<(&'static str, Array)>> {
    let i64 = |name: &str| -> Result<Array> { Ok(expected::<i64>(name)?.into()) };
    Ok(vec![("input_ids", i64("token_ids")?), ("attention_mask", i64("attention_mask")?)])
}

#[test]
fn text_encoder_of_the_prior() -> Result<()> {
    let model = written("wuerstchen-prior/text_encoder", clip::graph, &Options::default())?;
    assert!(error(&model, &token_feeds()?, "prior_text_embeds")? <= TOLERANCE);
    Ok(())
}

#[test]
fn text_encoder_of_the_decoder() -> Result<()> {
    let model = written("wuerstchen/text_encoder", clip::graph, &Options::default())?;
    assert!(error(&model, &token_feeds()?, "decoder_text_embeds")? <= TOLERANCE);
    Ok(())
}

/// Stored in half the bytes, a network gives nearly the same: f16 has 11 significant bits, 5e-4 relative.
#[test]
fn weights_in_f16() -> Result<()> {
    let narrow = Options { precision: Precision::F16, ..Options::default() };
    let narrow_prior = written("wuerstchen-prior/prior", prior::graph, &narrow)?;
    let wide_prior = written("wuerstchen-prior/prior", prior::graph, &Options::default())?;
    let bytes = [narrow_prior.len(), wide_prior.len()];
    assert!(bytes[0] * 10 < bytes[1] * 6, "{bytes:?}");
    let prior = error(&narrow_prior, &prior_feeds()?, "prior_out")?;
    let decoder = written("wuerstchen/decoder", decoder::graph, &narrow)?;
    let decoder = error(&decoder, &decoder_feeds()?, "decoder_out")?;
    assert!(prior <= 5e-3 && decoder <= 5e-3);
    // Rounding must show: otherwise the weights were not narrowed.
    assert!(prior > TOLERANCE / 10. && decoder > TOLERANCE / 10.);
    Ok(())
}

#[test]
fn fused_operators() -> Result<()> {
    let options = Options { operators: Operators::OnnxRuntime, ..Options::default() };
    let model = written("wuerstchen-prior/prior", prior::graph, &options)?;
    assert!(model.windows(18).any(|name| name == b"MultiHeadAttention"));
    assert!(error(&model, &prior_feeds()?, "prior_out")? <= TOLERANCE);
    let model = written("wuerstchen/decoder", decoder::graph, &options)?;
    assert!(error(&model, &decoder_feeds()?, "decoder_out")? <= TOLERANCE);
    Ok(())
}
