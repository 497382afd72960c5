//! LoRA and DoRA: low-rank changes of a network's weights, read from the files that trainers write and merged in f32.
//!
//! A change is W′ = W + strength·(α/r)·(up·down), where up is `[out,r]` and down `[r,in]`. Without an α, the factor is 1,
//! except in the authors' files, whose α is 1. With DoRA's norms, V = W + (α/r)·(up·down) is scaled to these norms along
//! its rows or columns, and W′ = W + strength·(V′ − W). Changes without norms add up; those with norms apply in the order
//! of the files.

mod adapters;
mod config;
mod fits;
mod keys;
mod merge;
mod names;
mod option;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::checkpoint::{Checkpoint, CheckpointError};
pub use adapters::{Adapters, Merged, Placed};
use config::AdapterConfig;
pub(crate) use fits::published;
use keys::{Key, Part};
pub use names::Named;
pub use option::{LoraOption, check_strength};

pub use crate::onnx::BoxError;

/// Maximum size of a file in bytes. It is read into memory, since a map of a file that is truncated ends the process.
const LARGEST: u64 = 4 << 30;

/// A LoRA file, parsed.
#[derive(Debug)]
pub struct Lora {
    file: Checkpoint,
    /// By the name that the file gives the layer.
    layers: BTreeMap<String, Layer>,
    /// Whether the file has trained rows of the token table.
    rows: bool,
    config: AdapterConfig,
}

/// Keys of a layer's tensors.
type Layer = BTreeMap<Part, String>;

/// Reason why a LoRA cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoraError {
    /// The file cannot be read, or is damaged.
    #[error(transparent)]
    File(#[from] CheckpointError),
    /// The file is of another kind, or does not fit the network.
    #[error("{}: {message}", path.display())]
    Refused {
        /// Path of the file.
        path: PathBuf,
        /// The reason, with a solution if known.
        message: String,
    },
}

impl Lora {
    /// Reads a file: safetensors, or PyTorch's old format.
    ///
    /// # Errors
    /// [`LoraError`] if it cannot be read, is no LoRA, is of a method that is not supported, or has unknown keys.
    pub fn open(path: &Path) -> Result<Lora, LoraError> {
        let file = Checkpoint::read(path, LARGEST)?;
        let refused = |message| LoraError::Refused { path: path.to_owned(), message };
        let mut layers: BTreeMap<String, Layer> = BTreeMap::new();
        let (mut rows, mut unknown, mut unsupported) = (false, vec![], BTreeSet::new());
        for (key, _) in file.tensors() {
            match keys::parse(key) {
                Key::Layer(layer, part) => {
                    if let Some(other) = layers.entry(layer).or_default().insert(part, key.to_owned()) {
                        return Err(refused(format!("has both `{other}` and `{key}`, which mean the same")));
                    }
                }
                Key::TokenRows => rows = true,
                Key::Unsupported(method) => {
                    unsupported.insert(method);
                }
                Key::Unknown => unknown.push(key.to_owned()),
            }
        }
        if !unsupported.is_empty() {
            let methods: Vec<&str> = unsupported.into_iter().collect();
            return Err(refused(format!(
                "has {}, which is not supported: LoRA and DoRA are",
                methods.join(" and ")
            )));
        }
        if layers.is_empty() && !rows {
            return Err(refused(format!(
                "is no LoRA: no tensor has a name such as `….lora_down.weight`{}",
                {
                    let first = unknown.first().map(|key| format!("; the first is `{key}`"));
                    first.unwrap_or_default()
                }
            )));
        }
        if !unknown.is_empty() {
            return Err(refused(format!("has tensors that are not of a LoRA: {}", listed(&unknown))));
        }
        let config = AdapterConfig::read(&file.properties()).map_err(refused)?;
        Ok(Lora { file, layers, rows, config })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Number of layers that it changes.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Ranks of the layers.
    pub fn ranks(&self) -> BTreeSet<usize> {
        let downs = self.layers.values().filter_map(|layer| layer.get(&Part::Down));
        downs.filter_map(|key| self.shape(key).first().copied()).collect()
    }

    /// The published network that the file fits, or a description of its matrices.
    pub fn network(&self) -> String {
        fits::network(self)
    }

    /// Number of matrices that the file changes, and that its network has; `None` unless it fits a published network.
    pub fn changed(&self) -> Option<(usize, usize)> {
        fits::changed(self)
    }

    /// Whether the file has trained rows of the token table.
    pub fn has_token_rows(&self) -> bool {
        self.rows
    }

    /// Whether it has norms, as DoRA does.
    pub fn has_norms(&self) -> bool {
        let norms =
            |layer: &Layer| [Part::DoraScale, Part::Magnitude].iter().any(|part| layer.contains_key(part));
        self.layers.values().any(norms)
    }

    fn refused(&self, message: String) -> LoraError {
        LoraError::Refused { path: self.path().to_owned(), message }
    }

    fn shape(&self, key: &str) -> &[usize] {
        self.file.shape(key).unwrap_or_default()
    }
}

/// Maximum number of names in a message.
const LISTED: usize = 40;

/// Names in a message.
fn listed(names: &[String]) -> String {
    let some: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(LISTED) {
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}
