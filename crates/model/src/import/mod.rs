//! Converts published checkpoints, in folders of diffusers, to stage models.
//!
//! [`Published::open`] reads the configurations and compares every tensor, so that all problems are reported before
//! anything is written. [`Published::write`] then writes the models, their tokenizers and a graph that runs them. All
//! sizes come from the configurations; only one tensor is in memory at a time.
//!
//! [`Models`] are existing stage models, to be written again with other operators.

mod cascade;
mod describe;
mod folder;
mod merge;
mod models;
mod new_folder;
mod parts;
mod single;
mod stages;
mod stranger;
mod tokenizer;
mod write;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub use cascade::{GRAPHS as CASCADE_GRAPHS, shared as cascade_graph};
pub use describe::{Description, describe};
pub use models::Models;
pub use stages::ImportStage;
pub use write::{GRAPH, ImportOptions, Written};

use crate::lora::LoraOption;
use crate::onnx::ExportError;
use merge::MergeStage;

/// Folders of a published cascade.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportSource {
    /// Folder of the prior: `prior`, `text_encoder`, `tokenizer`, `scheduler`; for Stable Cascade also `image_encoder`
    /// and `feature_extractor`, if present, and possibly `prior_lite`.
    pub prior: PathBuf,
    /// The decoder's: `decoder`, `vqgan`, `text_encoder`, `tokenizer`, `scheduler`.
    pub decoder: PathBuf,
    /// File with the network of Stable Cascade's prior, under the authors' names or bundled with encoders by ComfyUI, in
    /// place of the folder's network. `prior` may name such a file too; its folder, and the decoder's, then contain the
    /// other parts.
    pub prior_weights: Option<PathBuf>,
    /// File with the network of Stable Cascade's decoder.
    pub decoder_weights: Option<PathBuf>,
    /// Weights file of the semantic compressor, an EfficientNetV2-S and its projection.
    pub compressor: Option<PathBuf>,
    /// Whether to use the small networks of Stable Cascade even if the large ones exist: `prior_lite` and `decoder_lite`.
    pub lite: bool,
}

/// A published cascade whose parts fit each other; no weights are loaded yet.
#[derive(Debug)]
pub struct Published {
    stages: Vec<ImportStage>,
    /// File name and content.
    tokenizers: Vec<(&'static str, String)>,
    /// File name and content.
    graphs: Vec<(&'static str, String)>,
    /// Licence notice of weights that are not free.
    licence: Option<&'static str>,
    remarks: Vec<String>,
}

/// Reason why a checkpoint cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Problems of the folders, each with its file.
    #[error("{}", .0.join("\n"))]
    Problems(Vec<String>),
    /// Writing a stage failed.
    #[error("{stage}: {source}")]
    Export {
        /// The stage.
        stage: String,
        /// Why.
        source: ExportError,
    },
    /// Writing a file or folder failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the file or folder.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The output folder exists and is not empty.
    #[error("{} is there and not empty: name a new folder", .0.display())]
    NotEmpty(PathBuf),
    /// The progress callback stopped the work.
    #[error("stopped; nothing was written")]
    Stopped,
}

impl Published {
    /// Reads the configurations, and compares names and shapes of all weights with the networks.
    ///
    /// # Errors
    /// [`ImportError::Problems`] with every missing, surplus, misshapen or unknown tensor.
    pub fn open(source: &ImportSource) -> Result<Published, ImportError> {
        let mut problems = vec![];
        let opened = stages::open(source, &mut problems);
        match opened {
            Some(published) if problems.is_empty() => Ok(published),
            _ => Err(ImportError::Problems(problems)),
        }
    }

    /// The stages, in the order in which a picture is made.
    pub fn stages(&self) -> &[ImportStage] {
        &self.stages
    }

    /// Unusual properties of the checkpoint that do not prevent an import; one sentence each.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Parameters of all stages.
    pub fn parameters(&self) -> u64 {
        self.stages.iter().map(ImportStage::parameters).sum()
    }

    /// Merges LoRAs into the stages that they name, when these are written. Returns remarks, such as on parts of a file for
    /// another stage.
    ///
    /// # Errors
    /// [`ImportError::Problems`] with every file that cannot be used, or that names no stage.
    pub fn merge(&mut self, loras: &[LoraOption]) -> Result<Vec<String>, ImportError> {
        let stages = self.stages.iter_mut().map(|stage| {
            let ImportStage { name, metadata, graph, adapters, .. } = stage;
            MergeStage { name, contract: metadata.contract().name(), graph, adapters }
        });
        merge::merge(loras, &mut stages.collect::<Vec<_>>())
    }

    /// Writes the model folder `out`: every stage, the tokenizers, and `graph.yaml`.
    ///
    /// The folder gets its name when it is complete; before that, and after an error, it does not exist. Equal
    /// checkpoints and options give equal bytes. `progress` receives the current stage and the number of
    /// [`Published::parameters`] done, and returns whether to continue.
    ///
    /// # Errors
    /// A folder that is not empty, errors of reading weights and writing files, or [`ImportError::Stopped`].
    pub fn write(
        &self,
        out: &Path,
        options: &ImportOptions,
        progress: &mut dyn FnMut(&str, u64) -> ControlFlow<()>,
    ) -> Result<Vec<Written>, ImportError> {
        write::write(self, out, options, progress)
    }
}

#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
