//! Metadata of a stage model, stored in the model file.
//!
//! ONNX files contain pairs of strings (`metadata_props`). Every field is one pair, its key begins with [`PREFIX`], and
//! its value is a plain string or JSON: `wuerst.contract` = `prior`, `wuerst.steps` = `60`. The exporter writes
//! [`Metadata::pairs`], the nodes read [`Metadata::read`]; code contains none of these numbers.

mod page;
mod read;
mod table;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use page::page;
pub use read::{MetadataError, MetadataProblem};

use crate::contract::Contract;
use crate::scale::Scale;
use crate::schedule::Schedule;

/// Prefix of the keys of all fields.
pub const PREFIX: &str = "wuerst.";

/// The metadata of one stage model; the pair `wuerst.contract` selects the variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "contract", rename_all = "kebab-case")]
pub enum Metadata {
    /// Computes from token ids the states that the other stages attend to.
    TextEncoder(TextEncoder),
    /// Denoises the semantic embedding (stage C).
    Prior(Prior),
    /// Computes the VQGAN's latents from noise and the embedding (stage B).
    Decoder(Decoder),
    /// Decodes latents to a picture (stage A).
    VqganDecoder(Vqgan),
    /// Encodes a picture to latents (stage A).
    VqganEncoder(Vqgan),
    /// Computes the semantic embedding of a picture.
    Compressor(Compressor),
    /// Computes the CLIP embedding of a picture.
    ImageEncoder(ImageEncoder),
}

macro_rules! of_metadata {
    ($($of:ident: $($variant:ident)|+;)*) => {$(
        /// The metadata of this stage; for another stage they are returned as the error.
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
    /// File name of the `tokenizer.json` in the model's folder.
    pub tokenizer: String,
    /// Token positions; shorter texts are padded, longer ones truncated.
    pub length: usize,
}

/// Defaults for sampling a denoiser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamplingDefaults {
    /// Default number of steps.
    pub steps: usize,
    /// Default guidance; up to 1 means no guidance.
    pub guidance: f64,
    /// Noise schedule of the training.
    #[serde(default)]
    pub schedule: Schedule,
    /// Times visited with the default number of steps, from 1 (noise) to 0; empty for equal steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timesteps: Vec<f64>,
    /// Number of embeddings in a row of `time_embedding`: one for the time, and one for each further condition.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub time_embeddings: usize,
    /// From latents to colours, for previews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

impl SamplingDefaults {
    /// The published cosine schedule, with `steps` equal steps.
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
    /// Relation between the sizes of picture, latents and embedding.
    #[serde(flatten)]
    pub scale: Scale,
    /// Side in pixels of the square pictures that it makes best; the default size.
    pub native_size: usize,
    /// Default steps, guidance and schedule.
    #[serde(flatten)]
    pub sampling: SamplingDefaults,
}

/// Metadata of a decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decoder {
    /// Relation between the sizes of picture, latents and embedding.
    #[serde(flatten)]
    pub scale: Scale,
    /// Default steps, guidance and schedule.
    #[serde(flatten)]
    pub sampling: SamplingDefaults,
}

/// Metadata of either half of the VQGAN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vqgan {
    /// Factor from the decoder's latents to the network's own (published: 0.3764).
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
    /// Pixels read for each cell of the embedding (32).
    pub stride: usize,
    /// Pixels of the whole picture for each cell of the embedding, as in the prior's metadata.
    pub resolution_multiple: f64,
    /// Mean of each colour in the network's training, subtracted from pictures in 0..1.
    pub mean: [f64; 3],
    /// Standard deviation of each colour, by which the difference is divided.
    pub std: [f64; 3],
}

/// Metadata of an image encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageEncoder {
    /// Side of the square pictures that it reads, in pixels (224).
    pub side: usize,
    /// Mean of each colour in the network's training, subtracted from pictures in 0..1.
    pub mean: [f64; 3],
    /// Standard deviation of each colour, by which the difference is divided.
    pub std: [f64; 3],
}

/// A linear map from the channels of latents to red, green and blue in 0..1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// One row for each latent channel.
    pub weight: Vec<[f64; 3]>,
    /// Added to the sum.
    pub bias: [f64; 3],
}

impl Metadata {
    /// The model's stage.
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

    /// Number of embeddings in a row of the model's `time_embedding`; 1 if it has no such input.
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
