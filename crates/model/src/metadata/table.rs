//! Table of the metadata of each contract: names, meanings, and allowed values.
//!
//! Models may come from strangers, and their metadata become lengths, loops and factors.

use serde_json::Value;

/// The contracts, in the order in which a picture is made.
pub(super) const CONTRACTS: [&str; 7] =
    ["text-encoder", "prior", "decoder", "vqgan-decoder", "vqgan-encoder", "compressor", "image-encoder"];

/// Token positions.
const LENGTH: u64 = 16_384;
/// Pixels along a side.
const SIDE: u64 = 65_536;
/// Steps of sampling.
const STEPS: u64 = 1000;
/// Maximum number of embeddings in a row of `time_embedding`.
const TIMES: u64 = 16;
/// Factors between sizes.
const FACTOR: u64 = 4096;
/// Channels of latents.
const CHANNELS: usize = 4096;
/// Range of factors, and limit of other numbers.
const LARGEST: f64 = 1e6;
const SMALLEST: f64 = 1e-6;

/// A field of a contract.
pub(super) struct Field {
    /// Key without the prefix.
    pub(super) name: &'static str,
    /// Meaning, as a part of a sentence.
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    /// Whether it is optional.
    pub(super) optional: bool,
}

/// Allowed values of a field.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A non-empty text.
    Text,
    /// A whole number from 1 on.
    Count(u64),
    /// A number in a range.
    Number(f64, f64),
    /// A number that is not close to 0.
    Factor,
    /// Three numbers in a range.
    Colours(f64, f64),
    /// A [`Schedule`](crate::schedule::Schedule).
    Schedule,
    /// Decreasing times.
    Times,
    /// A [`Preview`](super::Preview).
    Preview,
}

/// The metadata fields of a contract; `None` if the contract is unknown.
pub(super) fn fields_of(contract: &str) -> Option<Vec<Field>> {
    Some(match contract {
        "text-encoder" => vec![
            field("tokenizer", "the file name of the `tokenizer.json` next to the model", Kind::Text),
            field("length", "token positions", Kind::Count(LENGTH)),
        ],
        "prior" => [
            vec![
                field("embedding_scale", "the factor from latents to the embedding", Kind::Factor),
                field("embedding_shift", "what is added to them after that", Kind::Number(-LARGEST, LARGEST)),
                field("native_size", "the side of the pictures that it makes best", Kind::Count(SIDE)),
            ],
            sampled(),
        ]
        .into_iter()
        .flatten()
        .collect(),
        "decoder" => sampled(),
        "vqgan-decoder" | "vqgan-encoder" => vec![
            field("latent_scale", "the factor from the decoder's latents to its own", Kind::Factor),
            optional(
                "pixels_per_latent",
                "pixels along a side for each cell of the latents",
                Kind::Count(FACTOR),
            ),
        ],
        "compressor" => vec![
            field("stride", "pixels that it reads along a side for each cell", Kind::Count(FACTOR)),
            field("resolution_multiple", "pixels of the whole picture for each cell", number(1.)),
            field("mean", "the mean of each colour", Kind::Colours(-LARGEST, LARGEST)),
            field("std", "the standard deviation of each colour", Kind::Colours(SMALLEST, LARGEST)),
        ],
        "image-encoder" => vec![
            field("side", "the side of the pictures that it reads", Kind::Count(SIDE)),
            field("mean", "the mean of each colour", Kind::Colours(-LARGEST, LARGEST)),
            field("std", "the standard deviation of each colour", Kind::Colours(SMALLEST, LARGEST)),
        ],
        _ => return None,
    })
}

/// Fields common to prior and decoder.
fn sampled() -> Vec<Field> {
    vec![
        field("resolution_multiple", "pixels for each cell of the embedding", number(1.)),
        field("latent_dim_scale", "cells of the latents for each cell of the embedding", number(1e-3)),
        field("pixels_per_latent", "pixels along a side for each cell of the latents", Kind::Count(FACTOR)),
        field("latent_multiple", "what the sides of the latents are multiples of", Kind::Count(FACTOR)),
        optional(
            "least_latents",
            "the least side of latents, where all from there on can be made of any embedding",
            Kind::Count(FACTOR),
        ),
        field("steps", "steps when none are asked for", Kind::Count(STEPS)),
        field("guidance", "guidance when none is asked for", Kind::Number(0., 100.)),
        optional("schedule", "the noise schedule that it was trained with", Kind::Schedule),
        optional("timesteps", "the times that are visited when no steps are asked for", Kind::Times),
        optional("time_embeddings", "embeddings in a row of `time_embedding`", Kind::Count(TIMES)),
        optional("preview", "the map from latents to colours", Kind::Preview),
    ]
}

fn field(name: &'static str, about: &'static str, kind: Kind) -> Field {
    Field { name, about, kind, optional: false }
}

fn optional(name: &'static str, about: &'static str, kind: Kind) -> Field {
    Field { name, about, kind, optional: true }
}

/// A factor between sizes that need not be whole.
fn number(least: f64) -> Kind {
    Kind::Number(least, FACTOR as f64)
}

impl Kind {
    /// Describes the allowed values.
    pub(super) fn allowed(self) -> String {
        match self {
            Kind::Text => "a text".to_owned(),
            Kind::Count(most) => format!("a whole number from 1 to {most}"),
            Kind::Number(least, most) => format!("a number from {least} to {most}"),
            Kind::Factor => format!("a number from {SMALLEST} to {LARGEST}, or the same below 0"),
            Kind::Colours(least, most) => format!("three numbers from {least} to {most}, as [0.5, 0.5, 0.5]"),
            Kind::Schedule => {
                r#"an object as {"scaler": 1.0, "s": 0.008}, `scaler` from 0.001 to 1000, `s` from 0 to 1"#
                    .to_owned()
            }
            Kind::Times => format!("2 to {} times that fall from 1 to 0, as [1.0, 0.5, 0.0]", STEPS + 1),
            Kind::Preview => format!(
                r#"an object as {{"weight": [[0.1, 0.2, 0.3]], "bias": [0.5, 0.5, 0.5]}}, a row of `weight` for each of at most {CHANNELS} channels, all numbers from -{LARGEST} to {LARGEST}"#
            ),
        }
    }

    /// Whether a value is allowed.
    pub(super) fn allows(self, value: &Value) -> bool {
        match self {
            Kind::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Kind::Count(most) => value.as_u64().is_some_and(|count| (1..=most).contains(&count)),
            Kind::Number(least, most) => within(value, least, most),
            Kind::Factor => within(value, SMALLEST, LARGEST) || within(value, -LARGEST, -SMALLEST),
            Kind::Colours(least, most) => colours(value, least, most),
            Kind::Schedule => value.as_object().is_some_and(|entries| {
                entries.iter().all(|(name, value)| match name.as_str() {
                    "scaler" => within(value, 1e-3, 1e3),
                    "s" => within(value, 0., 1.),
                    _ => false,
                })
            }),
            Kind::Times => value.as_array().is_some_and(|times| {
                let numbers: Vec<f64> = times.iter().filter_map(Value::as_f64).collect();
                let falling = numbers.is_sorted_by(|a, b| a > b);
                let enough = times.is_empty() || (2..=STEPS as usize + 1).contains(&times.len());
                enough && falling && times.iter().all(|time| within(time, 0., 1.))
            }),
            Kind::Preview => value.as_object().is_some_and(|entries| {
                let rows = entries.get("weight").and_then(Value::as_array);
                let good = rows.is_some_and(|rows| {
                    let rows_are_colours = rows.iter().all(|row| colours(row, -LARGEST, LARGEST));
                    (1..=CHANNELS).contains(&rows.len()) && rows_are_colours
                });
                let bias = entries.get("bias").is_some_and(|bias| colours(bias, -LARGEST, LARGEST));
                entries.len() == 2 && good && bias
            }),
        }
    }
}

fn within(value: &Value, least: f64, most: f64) -> bool {
    value.as_f64().is_some_and(|number| (least..=most).contains(&number))
}

fn colours(value: &Value, least: f64, most: f64) -> bool {
    value.as_array().is_some_and(|list| list.len() == 3 && list.iter().all(|n| within(n, least, most)))
}
