//! Reads metadata from the metadata of a model, and says everything that is wrong with them at once.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use wuerst_read::byte_order;

use super::table::{CONTRACTS, Field, fields_of};
use super::{Metadata, PREFIX};
use crate::{network, onnx};

/// The longest text that a pair of metadata may hold if it is a field, in bytes.
pub const LONGEST_FIELD: usize = 1 << 20;

/// The letters of a value that a message shows.
const SHOWN: usize = 40;

/// The most mistakes that are told.
const MOST_TOLD: usize = 30;

/// Why a file's metadata does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not a stage model, as far as it says itself.
    #[error(
        "its metadata has no `wuerst.contract`: a stage model names the stage that it stands in for, and its settings"
    )]
    NoContract,
    /// Metadata are missing, unknown, or none that a model can have.
    #[error("its metadata{}", Listed(.0))]
    Wrong(Vec<MetadataProblem>),
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataProblem {
    /// Its key, without the prefix.
    pub field: String,
    /// What is wrong with it, with its meaning and what it may be.
    pub message: String,
}

impl fmt::Display for MetadataProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{PREFIX}{}` {}", self.field, self.message)
    }
}

/// One problem in the same line, several in lines of their own.
struct Listed<'a>(&'a [MetadataProblem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [problem] => write!(f, ": {problem}"),
            problems => {
                write!(f, " has {} mistakes:", problems.len())?;
                problems.iter().take(MOST_TOLD).try_for_each(|problem| write!(f, "\n  {problem}"))?;
                match problems.len().checked_sub(MOST_TOLD) {
                    None | Some(0) => Ok(()),
                    Some(more) => write!(f, "\n  and {more} more"),
                }
            }
        }
    }
}

fn problem(field: &str, message: String) -> MetadataProblem {
    MetadataProblem { field: shown(field), message }
}

/// A text of the file's: short, and without signs that a terminal acts upon.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

impl Metadata {
    /// Reads a model's metadata. Pairs with other keys are left alone.
    ///
    /// # Errors
    /// When there is no contract; or [`MetadataError::Wrong`] with every field that is missing, unknown, of a wrong type or
    /// outside of its range.
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Metadata, MetadataError> {
        let (mut given, mut problems) = (BTreeMap::new(), vec![]);
        for (key, text) in pairs {
            let Some(name) = key.strip_prefix(PREFIX) else { continue };
            if [network::KEY, onnx::QUANTIZED.0, onnx::HALF.0].contains(&key) {
                continue;
            }
            // Tools that read texts from files keep their byte order marks.
            if given.insert(name, byte_order::unmarked(text)).is_some() {
                problems.push(problem(name, "is there twice".to_owned()));
            }
        }
        let contract = given.remove("contract").ok_or(MetadataError::NoContract)?;
        let Some(known) = fields_of(contract) else {
            let message = format!("is \"{}\"; it is one of {}", shown(contract), CONTRACTS.join(", "));
            return Err(MetadataError::Wrong(vec![problem("contract", message)]));
        };
        let mut metadata = Map::from_iter([("contract".to_owned(), contract.into())]);
        for Field { name, about, kind, optional } in &known {
            let wrong = |is: &str| problem(name, format!("{is}: {about}, {}", kind.allowed()));
            match given.remove(name) {
                None if *optional => {}
                None => problems.push(wrong("is missing")),
                Some(text) => match kind.value(text) {
                    Ok(value) => drop(metadata.insert((*name).to_owned(), value)),
                    Err(is) => problems.push(wrong(&is)),
                },
            }
        }
        let names: Vec<&str> = known.iter().map(|field| field.name).collect();
        problems.extend(given.keys().map(|name| {
            problem(
                name,
                format!("is unknown; the fields of a {contract} are contract, {}", names.join(", ")),
            )
        }));
        if !problems.is_empty() {
            return Err(MetadataError::Wrong(problems));
        }
        let metadata: Result<Metadata, _> = serde_json::from_value(Value::Object(metadata));
        let metadata =
            metadata.map_err(|e| MetadataError::Wrong(vec![problem("contract", e.to_string())]))?;
        metadata.native_size_fits()?;
        Ok(metadata)
    }

    /// Checks that a prior's own size is one that the stages can make.
    fn native_size_fits(&self) -> Result<(), MetadataError> {
        let Metadata::Prior(prior) = self else { return Ok(()) };
        prior.scale.serve(prior.native_size).map(drop).map_err(|why| {
            let scale = "resolution_multiple, latent_dim_scale, pixels_per_latent and latent_multiple";
            let message = format!("is {}, and by {scale} {why}", prior.native_size);
            MetadataError::Wrong(vec![problem("native_size", message)])
        })
    }
}

impl super::table::Kind {
    /// The value that a text of metadata stands for; else what it is, as a part of a sentence.
    fn value(self, text: &str) -> Result<Value, String> {
        if text.len() > LONGEST_FIELD {
            return Err(format!("is {} bytes long, more than the {LONGEST_FIELD} of any field", text.len()));
        }
        let value = match self {
            super::table::Kind::Text => Value::from(text),
            _ => serde_json::from_str(text).unwrap_or_default(),
        };
        if self.allows(&value) { Ok(value) } else { Err(format!("is \"{}\"", shown(text))) }
    }
}

#[cfg(test)]
mod tests;
