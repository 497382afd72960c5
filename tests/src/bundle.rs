//! The reference bundle as a folder of stage models, as an import of real checkpoints would write it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use wuerst_model::checkpoint::Checkpoint;
use wuerst_model::contract::Sizes;
use wuerst_model::facts::{self, Facts};
use wuerst_model::onnx::{self, Options, Weights};
use wuerst_model::prior::{self, PriorConfig};
use wuerst_model::record::{Graph, RecordError};
use wuerst_model::scale::Scale;
use wuerst_model::schedule::Schedule;
use wuerst_model::text::{clip, tokenizer};
use wuerst_model::vqgan::VqganConfig;
use wuerst_model::{decoder, vqgan};

use crate::numbers::{random_weights, reference};

/// The sizes of the recordings: none of the reference's, so that the models prove that theirs are free.
pub const SIZES: Sizes = Sizes { batch: 1, height: 64, width: 32, embedding: [6, 3], length: 5 };

/// Writes `text-encoder-prior.onnx`, `text-encoder-decoder.onnx`, `prior.onnx`, `decoder.onnx`,
/// `vqgan-decoder.onnx` and `tokenizer.json`, with the published models' facts.
pub fn write(folder: &Path) -> Result<()> {
    tokenizer(folder)?;
    let encoder = "text-encoder-prior";
    model(folder, encoder, "wuerstchen-prior/text_encoder", clip::graph, &text_encoder())?;
    model(folder, "text-encoder-decoder", "wuerstchen/text_encoder", clip::graph, &text_encoder())?;
    write_prior(folder, &prior_facts())?;
    decoder_and_vqgan(folder)
}

/// Writes `prior.onnx` with these facts.
pub fn write_prior(folder: &Path, facts: &Facts) -> Result<()> {
    model(folder, "prior", "wuerstchen-prior/prior", prior::graph, facts)
}

/// Writes the folder that `graphs/text-to-image.yaml` wants, in which one text encoder serves two stages. The prior
/// has random weights, since the reference's is for another text encoder.
pub fn write_with_one_encoder(folder: &Path) -> Result<()> {
    tokenizer(folder)?;
    model(folder, "text-encoder", "wuerstchen/text_encoder", clip::graph, &text_encoder())?;
    let small = PriorConfig { c_cond: 32, ..config("wuerstchen-prior/prior")? };
    let graph = prior::graph(&small, &SIZES)?;
    save(folder, "prior", &graph, &random_weights(&graph), &prior_facts())?;
    decoder_and_vqgan(folder)
}

fn decoder_and_vqgan(folder: &Path) -> Result<()> {
    let facts = Facts::Decoder(facts::Decoder {
        scale: Scale::default(),
        steps: 12,
        guidance: 0.,
        schedule: Schedule::default(),
        timesteps: vec![],
        preview: None,
    });
    model(folder, "decoder", "wuerstchen/decoder", decoder::graph, &facts)?;
    let scale: VqganConfig = config("wuerstchen/vqgan")?;
    // Through its decimal text: f32 to f64 alone would add digits.
    let facts = Facts::VqganDecoder(facts::Vqgan { latent_scale: scale.scale_factor.to_string().parse()? });
    model(folder, "vqgan-decoder", "wuerstchen/vqgan", vqgan::decoder_graph, &facts)
}

/// Facts of a text encoder whose tokenizer is `tokenizer.json`.
pub fn text_encoder() -> Facts {
    Facts::TextEncoder(facts::TextEncoder { tokenizer: "tokenizer.json".into(), length: 77 })
}

/// The published prior's facts, but for its steps.
pub fn prior_facts() -> Facts {
    Facts::Prior(facts::Prior {
        embedding_scale: 42.,
        embedding_shift: -1.,
        scale: Scale::default(),
        native_size: 128,
        steps: 60,
        guidance: 4.,
        schedule: Schedule::default(),
        timesteps: vec![],
        preview: None,
    })
}

fn tokenizer(folder: &Path) -> Result<()> {
    let text = |name: &str| {
        let path = reference(&format!("wuerstchen/tokenizer/{name}"));
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let json = tokenizer::clip(&text("vocab.json")?, &text("merges.txt")?, &text("tokenizer_config.json")?)?;
    Ok(fs::write(folder.join("tokenizer.json"), json.to_string())?)
}

fn config<C: DeserializeOwned>(source: &str) -> Result<C> {
    let path = reference(&format!("{source}/config.json"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

/// Writes a network of the bundle as a stage model.
fn model<C: DeserializeOwned>(
    folder: &Path,
    name: &str,
    source: &str,
    record: impl Fn(&C, &Sizes) -> Result<Graph, RecordError>,
    facts: &Facts,
) -> Result<()> {
    let graph = record(&config(source)?, &SIZES)?;
    save(folder, name, &graph, &Checkpoint::open(reference(source))?, facts)
}

/// Writes a recorded network as a stage model.
pub fn save(folder: &Path, name: &str, graph: &Graph, weights: &dyn Weights, facts: &Facts) -> Result<()> {
    let options = Options { name: name.into(), metadata: facts.pairs(), ..Options::default() };
    Ok(onnx::write(&folder.join(format!("{name}.onnx")), graph, weights, &options)?)
}
