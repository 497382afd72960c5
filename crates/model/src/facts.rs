//! What a host must know of a stage model besides its weights, kept in the model file itself.
//!
//! ONNX files carry pairs of strings (`metadata_props`). Every fact is one pair, its key begins with
//! [`PREFIX`], and its value is a plain string or JSON: `wuerst.contract` = `prior`, `wuerst.steps` = `60`.
//! The exporter writes [`Facts::pairs`], the nodes read [`Facts::read`]; no number is known to code alone.

mod limits;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::scale::Scale;
use crate::schedule::Schedule;
use limits::LONGEST_FACT;

/// What the key of every fact begins with.
pub const PREFIX: &str = "wuerst.";

/// The facts of one stage model, told apart by the pair `wuerst.contract`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "contract", rename_all = "kebab-case")]
pub enum Facts {
    /// Token ids to the states that the other stages attend to.
    TextEncoder(TextEncoder),
    /// Noise to the semantic embedding (stage C).
    Prior(Prior),
    /// Noise to the VQGAN's latents, given the embedding (stage B).
    Decoder(Decoder),
    /// Latents to a picture (stage A).
    VqganDecoder(Vqgan),
    /// A picture to latents (stage A).
    VqganEncoder(Vqgan),
    /// A picture to its semantic embedding.
    Compressor(Compressor),
}

/// Facts of a text encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextEncoder {
    /// File name of the `tokenizer.json` that lies beside the model.
    pub tokenizer: String,
    /// Token positions; shorter texts are padded to it, longer ones cut.
    pub length: usize,
}

/// Facts of a prior.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// The embedding is `embedding_scale · z + embedding_shift` of the prior's latents z (published: 42).
    pub embedding_scale: f64,
    /// See `embedding_scale` (published: -1).
    pub embedding_shift: f64,
    /// What ties the sizes of picture, latents and embedding together.
    #[serde(flatten)]
    pub scale: Scale,
    /// Side of the square pictures that it makes best, in pixels; the size when none is asked for.
    pub native_size: usize,
    /// Steps when none are asked for.
    pub steps: usize,
    /// Guidance when none is asked for; guidance is off up to 1.
    pub guidance: f64,
    /// The noise schedule that it was trained with.
    #[serde(default)]
    pub schedule: Schedule,
    /// The times visited when no number of steps is asked for, from 1 (noise) to 0; empty for equal steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timesteps: Vec<f64>,
    /// From latents to colours, for previews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

/// Facts of a decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decoder {
    /// What ties the sizes of picture, latents and embedding together.
    #[serde(flatten)]
    pub scale: Scale,
    /// Steps when none are asked for.
    pub steps: usize,
    /// Guidance when none is asked for; guidance is off up to 1.
    pub guidance: f64,
    /// The noise schedule that it was trained with.
    #[serde(default)]
    pub schedule: Schedule,
    /// The times visited when no number of steps is asked for, from 1 (noise) to 0; empty for equal steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timesteps: Vec<f64>,
    /// From latents to colours, for previews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

/// Facts of either half of the VQGAN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vqgan {
    /// The network's own latents are `latent_scale` times those of the decoder (published: 0.3764).
    pub latent_scale: f64,
    /// Pixels of a side for each cell of the latents (4).
    #[serde(default = "published_pixels", skip_serializing_if = "is_published")]
    pub pixels_per_latent: usize,
}

fn published_pixels() -> usize {
    Scale::default().pixels_per_latent
}

fn is_published(pixels: &usize) -> bool {
    *pixels == published_pixels()
}

/// Facts of a semantic compressor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compressor {
    /// Pixels that the network reads for each cell of the embedding (32).
    pub stride: usize,
    /// Pixels of the whole picture for each cell of the embedding, as the prior's.
    pub resolution_multiple: f64,
    /// Mean of each colour that the network was trained with, taken from pictures in 0..1.
    pub mean: [f64; 3],
    /// Standard deviation of each colour, by which the rest is divided.
    pub std: [f64; 3],
}

/// A linear map from the channels of latents to red, green and blue in 0..1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// One row for each channel of the latents.
    pub weight: Vec<[f64; 3]>,
    /// Added to the sum.
    pub bias: [f64; 3],
}

/// Why a file's metadata does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// Not a stage model, as far as it says itself.
    #[error(
        "its metadata has no `wuerst.contract`: a stage model names the stage that it stands in for, and its facts"
    )]
    NoContract,
    /// A fact is missing or does not read.
    #[error("its metadata (`wuerst.…`): {0}")]
    Unreadable(String),
    /// A fact is none that a model can have.
    #[error("its metadata: `wuerst.{fact}` is {value}, and must be {allowed}")]
    Outside {
        /// Its key, without the prefix.
        fact: String,
        /// What it is.
        value: String,
        /// What it may be.
        allowed: String,
    },
}

impl Facts {
    /// The name of the contract, as `prior`.
    pub fn contract(&self) -> &'static str {
        match self {
            Facts::TextEncoder(_) => "text-encoder",
            Facts::Prior(_) => "prior",
            Facts::Decoder(_) => "decoder",
            Facts::VqganDecoder(_) => "vqgan-decoder",
            Facts::VqganEncoder(_) => "vqgan-encoder",
            Facts::Compressor(_) => "compressor",
        }
    }

    /// The pairs to write into a model's metadata, in alphabetical order.
    pub fn pairs(&self) -> Vec<(String, String)> {
        // Serialising plain structs of numbers and strings cannot fail; a non-finite number becomes null.
        let Ok(Value::Object(facts)) = serde_json::to_value(self) else { return vec![] };
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        facts.into_iter().map(|(key, value)| (format!("{PREFIX}{key}"), text(value))).collect()
    }

    /// Reads a model's metadata. Pairs with other keys are left alone.
    ///
    /// # Errors
    /// When there is no contract, or a fact is missing, of the wrong kind, or none that a model can have.
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Facts, FactsError> {
        let mut facts = Map::new();
        for (key, text) in pairs {
            let Some(key) = key.strip_prefix(PREFIX) else { continue };
            if text.len() > LONGEST_FACT {
                let (value, allowed) =
                    (format!("{} bytes long", text.len()), format!("of at most {LONGEST_FACT} bytes"));
                return Err(FactsError::Outside { fact: key.to_owned(), value, allowed });
            }
            let value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
            facts.insert(key.to_owned(), value);
        }
        if !facts.contains_key("contract") {
            return Err(FactsError::NoContract);
        }
        let unreadable = |e: serde_json::Error| {
            // It may cite all of a text.
            FactsError::Unreadable(e.to_string().chars().take(400).collect())
        };
        let facts: Facts = serde_json::from_value(Value::Object(facts)).map_err(unreadable)?;
        facts.check()?;
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(String, String)]) -> Result<Facts, FactsError> {
        Facts::read(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let prior = Facts::Prior(Prior {
            embedding_scale: 42.,
            embedding_shift: -1.,
            scale: Scale::default(),
            native_size: 1024,
            steps: 60,
            guidance: 4.,
            schedule: Schedule::default(),
            timesteps: vec![1., 0.5, 0.],
            preview: Some(Preview { weight: vec![[0.1, 0.2, 0.3]; 16], bias: [0.5; 3] }),
        });
        let encoder = Facts::TextEncoder(TextEncoder { tokenizer: "tokenizer.json".into(), length: 77 });
        for facts in [prior, encoder] {
            let mut pairs = facts.pairs();
            assert!(pairs.contains(&("wuerst.contract".into(), facts.contract().into())));
            pairs.push(("author".into(), "somebody".into()));
            assert_eq!(read(&pairs), Ok(facts));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(read(&[]), Err(FactsError::NoContract));
        let mut pairs = Facts::VqganDecoder(Vqgan { latent_scale: 0.3764, pixels_per_latent: 4 }).pairs();
        assert!(pairs.contains(&("wuerst.latent_scale".into(), "0.3764".into())));
        pairs.retain(|(key, _)| key != "wuerst.latent_scale");
        let error = read(&pairs).unwrap_err().to_string();
        assert!(error.contains("latent_scale"), "{error}");
        let error = read(&[("wuerst.contract".into(), "priest".into())]).unwrap_err().to_string();
        assert!(error.contains("priest") && error.contains("vqgan-decoder"), "{error}");
    }
}
