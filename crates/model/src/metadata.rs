//! What a host must know of a stage model besides its weights, kept in the model file itself.
//!
//! ONNX files carry pairs of strings (`metadata_props`). Every field is one pair, its key begins with
//! [`PREFIX`], and its value is a plain string or JSON: `wuerst.contract` = `prior`, `wuerst.steps` = `60`.
//! The exporter writes [`Metadata::pairs`], the nodes read [`Metadata::read`]; no number is known to code alone.

mod read;
mod table;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use read::{MetadataError, MetadataProblem};

use crate::contract::Contract;
use crate::scale::Scale;
use crate::schedule::Schedule;

/// What the key of every field begins with.
pub const PREFIX: &str = "wuerst.";

/// The metadata of one stage model, told apart by the pair `wuerst.contract`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "contract", rename_all = "kebab-case")]
pub enum Metadata {
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
    /// A picture to its CLIP embedding.
    ImageEncoder(ImageEncoder),
}

macro_rules! of_metadata {
    ($($of:ident: $($variant:ident)|+;)*) => {$(
        /// The stage's metadata, if they are of this stage; otherwise they come back.
        impl TryFrom<Metadata> for $of {
            type Error = Metadata;

            fn try_from(metadata: Metadata) -> Result<$of, Metadata> {
                match metadata {
                    $(Metadata::$variant(metadata))|+ => Ok(metadata),
                    other => Err(other),
                }
            }
        }
    )*};
}

of_metadata! {
    TextEncoder: TextEncoder;
    Prior: Prior;
    Decoder: Decoder;
    Vqgan: VqganDecoder | VqganEncoder;
    Compressor: Compressor;
    ImageEncoder: ImageEncoder;
}

/// Metadata of a text encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextEncoder {
    /// File name of the `tokenizer.json` that lies beside the model.
    pub tokenizer: String,
    /// Token positions; shorter texts are padded to it, longer ones cut.
    pub length: usize,
}

/// How a denoiser is sampled unless arguments say otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamplingDefaults {
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
    /// Embeddings in a row of `time_embedding`: 1 of the time, and 1 of each further condition that it has (none).
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub time_embeddings: usize,
    /// From latents to colours, for previews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

impl SamplingDefaults {
    /// The published cosine schedule, in so many equal steps.
    pub fn new(steps: usize, guidance: f64) -> SamplingDefaults {
        let (schedule, timesteps) = (Schedule::default(), vec![]);
        SamplingDefaults { steps, guidance, schedule, timesteps, time_embeddings: 1, preview: None }
    }
}

/// Metadata of a prior.
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
    /// Steps, guidance and schedule, where arguments name none.
    #[serde(flatten)]
    pub sampling: SamplingDefaults,
}

/// Metadata of a decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decoder {
    /// What ties the sizes of picture, latents and embedding together.
    #[serde(flatten)]
    pub scale: Scale,
    /// Steps, guidance and schedule, where arguments name none.
    #[serde(flatten)]
    pub sampling: SamplingDefaults,
}

/// Metadata of either half of the VQGAN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vqgan {
    /// The network's own latents are `latent_scale` times those of the decoder (published: 0.3764).
    pub latent_scale: f64,
    /// Pixels of a side for each cell of the latents (4).
    #[serde(default = "published_pixels", skip_serializing_if = "is_published")]
    pub pixels_per_latent: usize,
}

fn one() -> usize {
    1
}

fn is_one(n: &usize) -> bool {
    *n == 1
}

fn published_pixels() -> usize {
    Scale::default().pixels_per_latent
}

fn is_published(pixels: &usize) -> bool {
    *pixels == published_pixels()
}

/// Metadata of a semantic compressor.
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

/// Metadata of an image encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageEncoder {
    /// Side of the square pictures that it reads, in pixels (224).
    pub side: usize,
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

impl Metadata {
    /// The stage that the model stands in for.
    pub fn contract(&self) -> Contract {
        match self {
            Metadata::TextEncoder(_) => Contract::TextEncoder,
            Metadata::Prior(_) => Contract::Prior,
            Metadata::Decoder(_) => Contract::Decoder,
            Metadata::VqganDecoder(_) => Contract::VqganDecoder,
            Metadata::VqganEncoder(_) => Contract::VqganEncoder,
            Metadata::Compressor(_) => Contract::Compressor,
            Metadata::ImageEncoder(_) => Contract::ImageEncoder,
        }
    }

    /// Embeddings in a row of the model's `time_embedding`; 1 where it has none.
    pub fn time_embeddings(&self) -> usize {
        match self {
            Metadata::Prior(Prior { sampling, .. }) | Metadata::Decoder(Decoder { sampling, .. }) => {
                sampling.time_embeddings
            }
            _ => 1,
        }
    }

    /// The pairs to write into a model's metadata, in alphabetical order.
    pub fn pairs(&self) -> Vec<(String, String)> {
        // Serialising plain structs of numbers and strings cannot fail; a non-finite number becomes null.
        let Ok(Value::Object(metadata)) = serde_json::to_value(self) else { return vec![] };
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        metadata.into_iter().map(|(key, value)| (format!("{PREFIX}{key}"), text(value))).collect()
    }
}
