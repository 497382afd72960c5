//! Stage models in a folder, to be written again with other operators.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use wuerst_read::regular::{self, Links};

use super::merge::{self, MergeStage};
use super::new_folder::NewFolder;
use super::write::{self, Tally};
use super::{ImportError, Written};
use crate::contract::Contract;
use crate::lora::{Adapters, LoraOption};
use crate::metadata::Metadata;
use crate::network::Network;
use crate::onnx::{self, Compute, HALF, Operators, QUANTIZED, Stored};
use crate::record::NetworkGraph;

/// Side of the picture in pixels for which networks are recorded; the models accept any.
const SIDE: usize = 1024;

/// A folder of stage models, of which some or all are written again.
#[derive(Debug)]
pub struct Models {
    stages: Vec<StoredStage>,
    /// Files that are copied unchanged: other models, tokenizers, graphs.
    others: Vec<PathBuf>,
    /// Links, pipes and devices, which are not copied.
    left_out: Vec<PathBuf>,
}

/// A model to be written again.
#[derive(Debug)]
struct StoredStage {
    /// File name without `.onnx`.
    name: String,
    graph: NetworkGraph,
    stored: Stored,
    contract: Contract,
    /// LoRAs to be merged into the weights.
    adapters: Adapters,
}

impl Models {
    /// Reads the folder. Models named in `only` are written again; without names, all that state their network. Links to
    /// such models are followed. Other files are only copied if they are regular, since a link may lead to any file of
    /// the user.
    ///
    /// # Errors
    /// [`ImportError::Problems`]: no such models; a model that is damaged or has lost precision to int8 or f16; a name of
    /// no model, or of one that does not state its network.
    pub fn open(folder: &Path, only: &[String]) -> Result<Models, ImportError> {
        let unreadable = |e| ImportError::Problems(vec![format!("{}: {e}", folder.display())]);
        let entries = fs::read_dir(folder).map_err(unreadable)?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| !path.is_dir());
        files.sort();
        let (mut stages, mut others, mut problems) = (vec![], vec![], vec![]);
        let mut names = vec![];
        for path in files {
            let Some(name) = model_name(&path).filter(|_| path.is_file()) else {
                others.push(path);
                continue;
            };
            let wanted = only.is_empty() || only.contains(&name);
            names.push(name.clone());
            match if wanted { read(&path, name) } else { Ok(None) } {
                Ok(Some(stage)) => stages.push(stage),
                Ok(None) if wanted && !only.is_empty() => {
                    problems.push(format!("{}: does not state its network", path.display()));
                }
                Ok(None) => others.push(path),
                Err(message) => problems.push(message),
            }
        }
        let known = names.join(", ");
        let missing = only.iter().filter(|name| !names.contains(name));
        problems.extend(missing.map(|name| format!("there is no {name} among the models: {known}")));
        if stages.is_empty() && problems.is_empty() {
            problems.push(format!("{}: holds no stage model that states its network", folder.display()));
        }
        if !problems.is_empty() {
            return Err(ImportError::Problems(problems));
        }
        // External data of models written again is not copied.
        others.retain(|path| !stages.iter().any(|stage| data_of(&stage.name, path)));
        let (others, left_out) = others.into_iter().partition(|path| is_regular(path));
        Ok(Models { stages, others, left_out })
    }

    /// Links, pipes and devices in the folder, which are not copied.
    pub fn left_out(&self) -> &[PathBuf] {
        &self.left_out
    }

    /// Whether any of these models has matrix products that gain from int8.
    pub fn quantizable(&self) -> bool {
        self.stages.iter().any(|stage| onnx::quantizable(&stage.graph))
    }

    /// Number of parameters of the models to be written again.
    pub fn parameters(&self) -> u64 {
        self.stages.iter().map(|stage| stage.graph.parameters()).sum()
    }

    /// Merges LoRAs into the models that they name, when these are written. Returns remarks, such as on parts of a file for
    /// another stage.
    ///
    /// # Errors
    /// [`ImportError::Problems`] with every file that cannot be used, or that names no model to be written again.
    pub fn merge(&mut self, loras: &[LoraOption]) -> Result<Vec<String>, ImportError> {
        let stages = self.stages.iter_mut().map(|stage| {
            let StoredStage { name, graph, contract, adapters, .. } = stage;
            MergeStage { name, contract: contract.name(), graph, adapters }
        });
        merge::merge(loras, &mut stages.collect::<Vec<_>>())
    }

    /// Writes the folder `out`: the models with these operators and this compute type, with their own weights and
    /// metadata, and all other files unchanged, except [`Models::left_out`]. A model that computes in f32 keeps the
    /// precision of its weights. The folder and `progress` are handled as in [`Published::write`].
    ///
    /// [`Published::write`]: super::Published::write
    ///
    /// # Errors
    /// As [`Published::write`].
    pub fn write(
        &self,
        out: &Path,
        operators: Operators,
        compute: Compute,
        progress: &mut dyn FnMut(&str, u64) -> ControlFlow<()>,
    ) -> Result<Vec<Written>, ImportError> {
        let folder = NewFolder::beside(out)?;
        let tally = Tally::new(progress);
        let mut written = vec![];
        for stage in &self.stages {
            let options = onnx::ExportOptions {
                name: stage.name.clone(),
                precision: stage.stored.precision(),
                compute,
                operators,
                metadata: merge::with_loras(stage.stored.metadata().to_vec(), &stage.adapters),
                ..onnx::ExportOptions::default()
            };
            let weights = stage.adapters.over(&stage.stored);
            written.push(write::stage(folder.path(), &stage.graph, &weights, &options, &tally)?);
        }
        for path in &self.others {
            let failed = |source| ImportError::Io { path: path.clone(), source };
            let to = folder.path().join(path.file_name().unwrap_or_default());
            regular::copy(path, &to, Links::Refused).map_err(failed)?;
        }
        folder.finish()?;
        Ok(written)
    }
}

/// Whether this is a regular file, and not a link, pipe or device.
fn is_regular(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|about| about.is_file())
}

fn model_name(path: &Path) -> Option<String> {
    let stem = path.file_stem().filter(|_| path.extension().is_some_and(|end| end == "onnx"))?;
    Some(stem.to_string_lossy().into_owned())
}

fn data_of(model: &str, path: &Path) -> bool {
    path.file_name().is_some_and(|name| *name == *format!("{model}.onnx.data"))
}

/// Reads a model, and records its network. `None` if it does not state its network.
fn read(path: &Path, name: String) -> Result<Option<StoredStage>, String> {
    let stored = Stored::open(path).map_err(|e| e.to_string())?;
    let pairs = || stored.metadata().iter().map(|(key, value)| (&key[..], &value[..]));
    if pairs().any(|(key, _)| key == QUANTIZED.0) {
        return Err(format!("{}: is quantised already: take the model that it was made of", path.display()));
    }
    if pairs().any(|(key, _)| key == HALF.0) {
        let path = path.display();
        return Err(format!("{path}: computes in f16 already: take the model that it was made of"));
    }
    let Some((network, metadata)) = Network::read(pairs()).zip(Metadata::read(pairs()).ok()) else {
        return Ok(None);
    };
    let (blocks, tensors) = (network.own_blocks(), stored.tensor_count());
    if blocks > tensors {
        let path = path.display();
        return Err(format!(
            "{path}: names a network of {blocks} blocks, but its weights are {tensors} tensors"
        ));
    }
    let side = match &metadata {
        Metadata::Prior(metadata) => metadata.scale.nearest(SIDE),
        Metadata::Decoder(metadata) => metadata.scale.nearest(SIDE),
        _ => None,
    };
    let sizes = network.sizes(&metadata, [side.unwrap_or(SIDE); 2]);
    let graph = sizes.and_then(|sizes| network.graph(&sizes).map_err(|e| e.to_string()));
    let graph = graph.map_err(|message| format!("{}: {message}", path.display()))?;
    stored.fits(&graph).map_err(|e| e.to_string())?;
    let (contract, adapters) = (metadata.contract(), Adapters::default());
    Ok(Some(StoredStage { name, graph, stored, contract, adapters }))
}
