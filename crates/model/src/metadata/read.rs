//! Parses the metadata of a model, and reports all problems at once.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use wuerst_read::byte_order;

use super::table::{CONTRACTS, Field, fields_of};
use super::{Metadata, PREFIX};
use crate::{network, onnx};

/// Maximum length of a field's text in bytes.
pub const LONGEST_FIELD: usize = 1 << 20;

/// Maximum number of characters of a value shown in a message.
const SHOWN: usize = 40;

/// Maximum number of reported problems.
const MOST_TOLD: usize = 30;

/// Reason why a file's metadata is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Its metadata name no stage.
    #[error(
        "its metadata has no `wuerst.contract`: a stage model names the stage that it stands in for, and its settings"
    )]
    NoContract,
    /// Metadata are missing, unknown, or outside the allowed values.
    #[error("its metadata{}", Listed(.0))]
    Wrong(Vec<MetadataProblem>),
}

/// A problem of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataProblem {
    /// Key without the prefix.
    pub field: String,
    /// Description of the problem, with the field's meaning and allowed values.
    pub message: String,
}

impl fmt::Display for MetadataProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{PREFIX}{}` {}", self.field, self.message)
    }
}

/// Writes one problem on the same line, several on lines of their own.
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

/// A text from the file for messages: shortened, without terminal control characters.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

impl Metadata {
    /// Parses a model's metadata. Ignores pairs with other keys.
    ///
    /// # Errors
    /// If the contract is missing; or [`MetadataError::Wrong`] with every field that is missing, unknown, of a wrong type
    /// or out of range.
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Metadata, MetadataError> {
        let (mut given, mut problems) = (BTreeMap::new(), vec![]);
        for (key, text) in pairs {
            let Some(name) = key.strip_prefix(PREFIX) else { continue };
            if [network::KEY, onnx::QUANTIZED.0, onnx::HALF.0].contains(&key) {
                continue;
            }
            // Tools that copy texts from files keep byte order marks.
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

    /// Checks that the stages can make a prior's native size.
    fn native_size_fits(&self) -> Result<(), MetadataError> {
        let Metadata::Prior(prior) = self else { return Ok(()) };
        prior.scale.serve(prior.native_size).map(drop).map_err(|why| {
            let scale = "resolution_multiple, latent_dim_scale, pixels_per_latent and latent_multiple";
            let message = format!("is {}, which does not fit {scale}: {why}", prior.native_size);
            MetadataError::Wrong(vec![problem("native_size", message)])
        })
    }
}

impl super::table::Kind {
    /// The value of a metadata text; otherwise a description of the text, as a part of a sentence.
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
