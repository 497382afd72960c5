//! The reference bundles as folders of stage models: imported as users import published checkpoints, and altered.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ndarray::ArrayD;
use ndarray_npy::ReadableElement;
use serde::de::DeserializeOwned;
use wuerst_model::checkpoint::Checkpoint;
use wuerst_model::contract::Sizes;
use wuerst_model::import::{self, ImportSource, Published};
use wuerst_model::metadata::{self, Metadata, SamplingDefaults};
use wuerst_model::onnx::{self, ExportOptions, Weights};
use wuerst_model::prior::{self, PriorConfig};
use wuerst_model::record::NetworkGraph;
use wuerst_model::scale::Scale;

use crate::numbers::random_weights;

/// The sizes of the recordings: none of the references', so that the models prove that theirs are free.
pub const SIZES: Sizes = Sizes { batch: 1, height: 64, width: 32, embedding: [6, 3], length: 5 };

/// A folder of `tests` with a published cascade and what diffusers computes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundle(&'static str);

/// The cascade in the published proportions.
pub const PLAIN: Bundle = Bundle("reference");

/// The cascade of unusual sizes.
pub const ODD: Bundle = Bundle("reference-odd");

/// Stable Cascade.
pub const CASCADE: Bundle = Bundle("reference-cascade");

impl Bundle {
    /// A path in the bundle.
    pub fn path(self, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.0).join(name)
    }

    /// The two folders, as published.
    pub fn source(self) -> ImportSource {
        let family = if self == CASCADE { "stable-cascade" } else { "wuerstchen" };
        let [prior, decoder] = [format!("{family}-prior"), family.into()].map(|folder| self.path(&folder));
        ImportSource { prior, decoder, compressor: None, ..ImportSource::default() }
    }

    /// Imports the bundle into a folder that is not there, or empty.
    pub fn import(self, folder: &Path, options: &import::ImportOptions) -> Result<()> {
        Published::open(&self.source())?.write(folder, options, &mut |_, _| ControlFlow::Continue(()))?;
        Ok(())
    }

    /// An array of the bundle's `expected`.
    pub fn expected<T: ReadableElement>(self, name: &str) -> Result<ArrayD<T>> {
        let path = self.path(&format!("expected/{name}.npy"));
        ndarray_npy::read_npy(&path).with_context(|| path.display().to_string())
    }

    /// A JSON file of the bundle.
    pub fn json<T: DeserializeOwned>(self, name: &str) -> Result<T> {
        let path = self.path(name);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_str(&text)?)
    }
}

/// Imports [`PLAIN`].
pub fn write(folder: &Path) -> Result<()> {
    PLAIN.import(folder, &import::ImportOptions::default())
}

/// Writes the prior of [`PLAIN`] as `prior.onnx` with these metadata.
pub fn write_prior(folder: &Path, metadata: &Metadata) -> Result<()> {
    let (graph, weights) = prior_network()?;
    save(folder, "prior", &graph, &weights, metadata)
}

/// Network and weights of the prior of [`PLAIN`].
pub fn prior_network() -> Result<(NetworkGraph, Checkpoint)> {
    let graph = prior::graph(&PLAIN.json("wuerstchen-prior/prior/config.json")?, &SIZES)?;
    Ok((graph, Checkpoint::open(PLAIN.path("wuerstchen-prior/prior"))?))
}

/// Writes the folder that `graphs/text-to-image.yaml` wants, in which one text encoder serves two stages. The prior
/// has random weights, since the reference's is for another text encoder.
pub fn write_with_one_encoder(folder: &Path) -> Result<()> {
    write(folder)?;
    fs::rename(folder.join("text-encoder-decoder.onnx"), folder.join("text-encoder.onnx"))?;
    for other in ["text-encoder-prior.onnx", "tokenizer-prior.json", "graph.yaml"] {
        fs::remove_file(folder.join(other))?;
    }
    let small = PriorConfig { c_cond: 32, ..PLAIN.json("wuerstchen-prior/prior/config.json")? };
    let graph = prior::graph(&small, &SIZES)?;
    save(folder, "prior", &graph, &random_weights(&graph), &prior_metadata())
}

/// The published prior's metadata, but for its size and its steps.
pub fn prior_metadata() -> Metadata {
    Metadata::Prior(metadata::Prior {
        embedding_scale: 42.,
        embedding_shift: -1.,
        scale: Scale::default(),
        native_size: 128,
        sampling: SamplingDefaults::new(60, 4.),
    })
}

/// Writes a recorded network as a stage model.
pub fn save(
    folder: &Path,
    name: &str,
    graph: &NetworkGraph,
    weights: &dyn Weights,
    metadata: &Metadata,
) -> Result<()> {
    let options = ExportOptions { name: name.into(), metadata: metadata.pairs(), ..ExportOptions::default() };
    Ok(onnx::write(&folder.join(format!("{name}.onnx")), graph, weights, &options)?)
}
