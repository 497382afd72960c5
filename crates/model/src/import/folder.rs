//! Reads the parts of a published folder, and collects their problems.

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wuerst_read::regular;

use super::stranger;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::network::{Network, too_large};
use crate::record::NetworkGraph;
use crate::stand_in;

/// Maximum length of a text file, in bytes.
const LARGEST: u64 = 16 << 20;

/// A published folder, and the problems found in it so far.
pub struct Folder<'a> {
    path: &'a Path,
    problems: &'a mut Vec<String>,
}

/// The class stated by a configuration.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "_class_name")]
    class_name: Option<String>,
    architectures: Option<Vec<String>>,
}

impl<'a> Folder<'a> {
    /// Opens the folder at `path`, which must contain all these parts. A folder with the part `stranger` is the other one
    /// of the pair.
    pub fn open(
        path: &'a Path,
        what: &str,
        parts: &[&str],
        stranger: &str,
        problems: &'a mut Vec<String>,
    ) -> Option<Folder<'a>> {
        let missing: Vec<&str> = parts.iter().copied().filter(|part| !path.join(part).is_dir()).collect();
        if !path.is_dir() {
            problems.push(format!("{}: no such folder; the {what} is expected there", path.display()));
        } else if !missing.is_empty() {
            let swapped = if path.join(stranger).is_dir() { "; are the two folders swapped?" } else { "" };
            problems.push(format!(
                "{} is not a folder of a published {what}: it has no {}{swapped}",
                path.display(),
                missing.join(", no ")
            ));
        } else {
            return Some(Folder { path, problems });
        }
        None
    }

    /// The folder at `path`, with any content.
    pub fn at(path: &'a Path, problems: &'a mut Vec<String>) -> Folder<'a> {
        Folder { path, problems }
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Records a problem of a file.
    pub fn problem(&mut self, name: &str, message: impl std::fmt::Display) {
        self.problems.push(format!("{}: {message}", self.path(name).display()));
    }

    /// Records the error, if any.
    pub fn keep<T, E: std::fmt::Display>(&mut self, name: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.problem(name, error)).ok()
    }

    /// A text file.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let read = regular::read_text(&self.path(name), LARGEST).and_then(|text| {
            match stand_in::of_bytes(text.as_bytes()) {
                Some(what) => Err(io::Error::other(format!("is {what}"))),
                None => Ok(text),
            }
        });
        self.keep(name, read)
    }

    /// Parses a JSON file; a missing optional one gives the default.
    pub fn json<T: DeserializeOwned + Default>(&mut self, name: &str) -> Option<T> {
        if !self.path(name).exists() {
            return Some(T::default());
        }
        let text = self.text(name)?;
        self.keep(name, serde_json::from_str(&text))
    }

    /// The configuration of a part, checked to be of this class.
    pub fn config<T: DeserializeOwned + Serialize>(&mut self, name: &str, class: &str) -> Option<T> {
        self.config_of(name, &[class])
    }

    /// [`Folder::config`] for a class with several names, the present one first.
    pub fn config_of<T: DeserializeOwned + Serialize>(&mut self, name: &str, names: &[&str]) -> Option<T> {
        let text = self.text(name)?;
        let kind: Kind = self.keep(name, serde_json::from_str(&text))?;
        let classes: Vec<String> =
            kind.class_name.into_iter().chain(kind.architectures.into_iter().flatten()).collect();
        if !classes.is_empty() && !classes.iter().any(|have| names.contains(&have.as_str())) {
            let (have, want) = (classes.join(", "), names.first().copied().unwrap_or_default());
            self.problem(name, format!("is of a {have}, where a {want} is expected"));
            return None;
        }
        let config: T = self.keep(name, serde_json::from_str(&text))?;
        let sizes = serde_json::to_value(&config).unwrap_or_default();
        if let Some(problem) = too_large("configuration", &sizes) {
            self.problem(name, problem);
            return None;
        }
        Some(config)
    }

    /// [`Folder::config`] of a part with weights from elsewhere: `default` if the folder has no configuration.
    pub fn config_or<T: DeserializeOwned + Serialize>(
        &mut self,
        name: &str,
        class: &str,
        default: Option<T>,
    ) -> Option<T> {
        match default {
            Some(default) if !self.path(name).exists() => Some(default),
            _ => self.config(name, class),
        }
    }

    /// Reports keys of a configuration that the network does not use: a misspelt key would be ignored, and the weights
    /// would then seem to have wrong shapes.
    pub fn known_keys<T: Serialize>(&mut self, name: &str, config: &T, aliases: &[&str]) -> Option<()> {
        let text = self.text(name)?;
        let given: Map<String, Value> = self.keep(name, serde_json::from_str(&text))?;
        let known = serde_json::to_value(config).unwrap_or_default();
        let unknown: Vec<&str> = given
            .keys()
            .map(String::as_str)
            .filter(|key| !key.starts_with('_') && known.get(key).is_none() && !aliases.contains(key))
            .collect();
        if unknown.is_empty() {
            return Some(());
        }
        self.problem(name, format!("has keys that are unknown here: {}", unknown.join(", ")));
        None
    }

    /// The weights of a part. Refuses a configuration with more blocks than the weights could have, since recording it
    /// would take for ever.
    pub fn weights(&mut self, part: &str, network: &Network, prefix: &str) -> Option<Checkpoint> {
        let opened = Checkpoint::open(self.path(part)).map(|checkpoint| checkpoint.renamed(prefix, ""));
        let weights = self.said(opened)?;
        if let Some(kind) = stranger::kind(&weights) {
            self.problems.push(format!("{} is {kind}", weights.path().display()));
            return None;
        }
        let (blocks, tensors) = (network.own_blocks(), weights.tensors().count());
        if blocks > tensors {
            let name = format!("{part}/config.json");
            self.problem(
                &name,
                format!("names {blocks} blocks, but the weights next to it are {tensors} tensors"),
            );
            return None;
        }
        Some(weights)
    }

    /// Weights that fit the networks.
    pub fn fitting(&mut self, weights: Checkpoint, networks: &[&NetworkGraph]) -> Option<Checkpoint> {
        let fits = weights.fits(networks, &[]);
        self.said(fits).map(|()| weights)
    }

    fn said<T>(&mut self, result: Result<T, CheckpointError>) -> Option<T> {
        result.map_err(|e| self.problems.push(e.to_string())).ok()
    }
}
