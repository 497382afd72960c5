//! What facts may be. A model comes from anywhere, and its facts become lengths, loops and factors.

use super::{Facts, FactsError, Preview};
use crate::scale::Scale;
use crate::schedule::Schedule;

/// The longest text that a pair of metadata may hold if it is a fact, in bytes.
pub const LONGEST_FACT: usize = 1 << 20;
/// Token positions.
const LENGTH: usize = 16_384;
/// Pixels along a side.
const SIDE: usize = 65_536;
/// Steps of sampling.
const STEPS: usize = 1000;
/// Factors between sizes.
const FACTOR: usize = 4096;
/// Channels of latents.
const CHANNELS: usize = 4096;
/// Any other number.
const LARGEST: f64 = 1e6;

type Checked = Result<(), FactsError>;

fn outside(fact: &str, value: impl ToString, allowed: impl Into<String>) -> FactsError {
    FactsError::Outside { fact: fact.to_owned(), value: value.to_string(), allowed: allowed.into() }
}

fn count(fact: &str, value: usize, most: usize) -> Checked {
    if (1..=most).contains(&value) { Ok(()) } else { Err(outside(fact, value, format!("from 1 to {most}"))) }
}

/// A number in a range; none that is no number.
fn within(fact: &str, value: f64, least: f64, most: f64) -> Checked {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(outside(fact, value, format!("from {least} to {most}"))),
    }
}

impl Facts {
    /// Checks that every number is one that a model can have.
    pub(super) fn check(&self) -> Checked {
        match self {
            Facts::TextEncoder(facts) => count("length", facts.length, LENGTH),
            Facts::Prior(facts) => {
                within("embedding_scale", facts.embedding_scale.abs(), 1e-6, LARGEST)?;
                within("embedding_shift", facts.embedding_shift, -LARGEST, LARGEST)?;
                count("native_size", facts.native_size, SIDE)?;
                let common = (&facts.scale, facts.steps, facts.guidance, &facts.schedule);
                sampled(common, &facts.timesteps, facts.preview.as_ref())
            }
            Facts::Decoder(facts) => {
                let common = (&facts.scale, facts.steps, facts.guidance, &facts.schedule);
                sampled(common, &facts.timesteps, facts.preview.as_ref())
            }
            Facts::VqganDecoder(facts) | Facts::VqganEncoder(facts) => {
                count("pixels_per_latent", facts.pixels_per_latent, FACTOR)?;
                within("latent_scale", facts.latent_scale.abs(), 1e-6, LARGEST)
            }
            Facts::Compressor(facts) => {
                count("stride", facts.stride, FACTOR)?;
                within("resolution_multiple", facts.resolution_multiple, 1., FACTOR as f64)?;
                facts.mean.iter().try_for_each(|mean| within("mean", *mean, -LARGEST, LARGEST))?;
                facts.std.iter().try_for_each(|std| within("std", *std, 1e-6, LARGEST))
            }
        }
    }
}

/// What prior and decoder have in common.
fn sampled(
    (scale, steps, guidance, schedule): (&Scale, usize, f64, &Schedule),
    timesteps: &[f64],
    preview: Option<&Preview>,
) -> Checked {
    within("resolution_multiple", scale.resolution_multiple, 1., FACTOR as f64)?;
    within("latent_dim_scale", scale.latent_dim_scale, 0., FACTOR as f64)?;
    count("pixels_per_latent", scale.pixels_per_latent, FACTOR)?;
    count("latent_multiple", scale.latent_multiple, FACTOR)?;
    count("steps", steps, STEPS)?;
    within("guidance", guidance, -LARGEST, LARGEST)?;
    within("schedule.scaler", schedule.scaler, 1e-3, 1e3)?;
    within("schedule.s", schedule.s, 0., 1.)?;
    if timesteps.len() > STEPS + 1 {
        return Err(outside(
            "timesteps",
            format!("of {} times", timesteps.len()),
            format!("of at most {} times", STEPS + 1),
        ));
    }
    timesteps.iter().try_for_each(|time| within("timesteps", *time, 0., 1.))?;
    let Some(preview) = preview else { return Ok(()) };
    count("preview.weight", preview.weight.len(), CHANNELS)?;
    let numbers = preview.weight.iter().flatten().chain(&preview.bias);
    numbers.into_iter().try_for_each(|n| within("preview", *n, -LARGEST, LARGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(contract: &str, pairs: &[(&str, &str)]) -> Result<Facts, String> {
        let pairs: Vec<(String, &str)> =
            pairs.iter().map(|(key, text)| (format!("wuerst.{key}"), *text)).collect();
        let pairs = pairs.iter().map(|(key, text)| (key.as_str(), *text));
        Facts::read([("wuerst.contract", contract)].into_iter().chain(pairs)).map_err(|e| e.to_string())
    }

    #[track_caller]
    fn refused(contract: &str, pairs: &[(&str, &str)], says: &str) {
        let said = read(contract, pairs).unwrap_err();
        assert!(said.contains(says), "{said}");
    }

    #[test]
    fn lengths_are_bounded() {
        let length = |text| [("tokenizer", "t.json"), ("length", text)];
        assert!(read("text-encoder", &length("77")).is_ok());
        for text in ["1000000000000", "18446744073709551615", "30000000", "0"] {
            refused("text-encoder", &length(text), "from 1 to 16384");
        }
        for text in ["-1", "1e400", "7.5", "NaN", "[[1]]"] {
            assert!(read("text-encoder", &length(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_bounded() {
        let good = [
            ("embedding_scale", "42"),
            ("embedding_shift", "-1"),
            ("resolution_multiple", "42.67"),
            ("latent_dim_scale", "10.67"),
            ("pixels_per_latent", "4"),
            ("latent_multiple", "16"),
            ("native_size", "1024"),
            ("steps", "60"),
            ("guidance", "4"),
        ];
        assert!(read("prior", &good).is_ok());
        let bad = [
            ("embedding_scale", "0"),
            ("resolution_multiple", "-1"),
            ("latent_dim_scale", "1e300"),
            ("pixels_per_latent", "18446744073709551615"),
            ("latent_multiple", "0"),
            ("native_size", "1000000000000"),
            ("steps", "100000"),
            ("guidance", "-1e300"),
            ("schedule", r#"{"s": -8}"#),
            ("timesteps", "[2, 1]"),
        ];
        for (fact, text) in bad {
            let pairs: Vec<_> =
                good.iter().copied().filter(|(key, _)| *key != fact).chain([(fact, text)]).collect();
            refused("prior", &pairs, &format!("`wuerst.{fact}"));
        }
        let times = format!("[{}1]", "1,".repeat(2000));
        refused("prior", &[&good[..], &[("timesteps", &times)]].concat(), "at most 1001 times");
        let deep = "[".repeat(100_000);
        refused("prior", &[&good[..], &[("preview", &deep)]].concat(), "its metadata (`wuerst.…`)");
        let long = "[0,".repeat(1 << 20);
        refused("prior", &[&good[..], &[("preview", &long)]].concat(), "1048576 bytes");
    }

    #[test]
    fn infinite_numbers_are_refused() {
        refused("vqgan-decoder", &[("latent_scale", "1e400")], "expected f64");
        refused("vqgan-decoder", &[("latent_scale", "NaN")], "expected f64");
        refused("vqgan-decoder", &[("latent_scale", "0")], "`wuerst.latent_scale` is 0");
    }
}
