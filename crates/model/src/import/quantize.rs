//! Stage models in a folder become such whose matrix products are in eight bits.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::new_folder::{self, NewFolder};
use super::write::{Counted, Tally};
use super::{ImportError, Written};
use crate::facts::Facts;
use crate::network::Network;
use crate::onnx::{self, Operators, QUANTIZED, Stored};
use crate::record::Graph;

/// Pixels along the sides of the picture that networks are recorded for; the models take any.
const SIDE: usize = 1024;

/// A folder of stage models, of which some are to be quantised.
#[derive(Debug)]
pub struct Models {
    stages: Vec<Stage>,
    /// Files that go along as they are: other models, tokenizers, graphs.
    others: Vec<PathBuf>,
}

/// A model that is to be written again.
#[derive(Debug)]
struct Stage {
    /// File name without `.onnx`.
    name: String,
    graph: Graph,
    stored: Stored,
}

/// What is to be done with a model.
enum Verdict {
    Quantize(Box<Stage>),
    /// It says which network it holds, and that has no product to quantise.
    Nothing,
    /// It does not say which network it holds.
    Unknown,
}

impl Models {
    /// Reads the folder. Of the models those are quantised that are named in `only`, or without names all in which a
    /// matrix product gains from it that depends on a picture: no text encoder, and no convolutions.
    ///
    /// # Errors
    /// [`ImportError::Problems`]: no models, one that is quantised already or damaged, a name that no model has or of one
    /// that cannot be quantised.
    pub fn open(folder: &Path, only: &[String]) -> Result<Models, ImportError> {
        let unreadable = |e| ImportError::Problems(vec![format!("{}: {e}", folder.display())]);
        let entries = fs::read_dir(folder).map_err(unreadable)?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.is_file());
        files.sort();
        let (mut stages, mut others, mut problems) = (vec![], vec![], vec![]);
        let mut names = vec![];
        for path in files {
            let Some(name) = model_name(&path) else {
                others.push(path);
                continue;
            };
            let wanted = only.is_empty() || only.contains(&name);
            names.push(name.clone());
            match if wanted { judge(&path, name) } else { Ok(Verdict::Nothing) } {
                Ok(Verdict::Quantize(stage)) => stages.push(*stage),
                Ok(Verdict::Nothing) if wanted && !only.is_empty() => {
                    problems.push(format!(
                        "{}: has no matrix product, large enough to gain, that depends on a picture",
                        path.display()
                    ));
                }
                Ok(Verdict::Unknown) if !only.is_empty() => {
                    problems.push(format!("{}: does not say which network it holds", path.display()));
                }
                Ok(_) => others.push(path),
                Err(message) => problems.push(message),
            }
        }
        let known = names.join(", ");
        let missing = only.iter().filter(|name| !names.contains(name));
        problems.extend(missing.map(|name| format!("there is no {name} among the models: {known}")));
        if stages.is_empty() && problems.is_empty() {
            problems.push(format!("{}: holds no stage model that could be quantised", folder.display()));
        }
        if !problems.is_empty() {
            return Err(ImportError::Problems(problems));
        }
        // The data of what is written again is not copied.
        others.retain(|path| !stages.iter().any(|stage| data_of(&stage.name, path)));
        Ok(Models { stages, others })
    }

    /// Numbers in the weights of what is quantised.
    pub fn parameters(&self) -> u64 {
        self.stages.iter().map(Stage::parameters).sum()
    }

    /// Writes the folder `out`, with the quantised models and everything else as it was. What [`Published::write`]
    /// says of it and of `progress` holds here, too.
    ///
    /// [`Published::write`]: super::Published::write
    ///
    /// # Errors
    /// As there.
    pub fn write(
        &self,
        out: &Path,
        progress: &mut dyn FnMut(&str, u64) -> ControlFlow<()>,
    ) -> Result<Vec<Written>, ImportError> {
        let folder = NewFolder::beside(out)?;
        let tally = Tally::new(progress);
        let mut written = vec![];
        for stage in &self.stages {
            let weights = Counted { weights: &stage.stored, stage: &stage.name, tally: &tally };
            let options = onnx::Options {
                name: stage.name.clone(),
                precision: stage.stored.precision(),
                operators: Operators::Int8,
                metadata: stage.stored.metadata().to_vec(),
                ..onnx::Options::default()
            };
            let path = folder.path().join(format!("{}.onnx", stage.name));
            onnx::write(&path, &stage.graph, &weights, &options).map_err(|e| tally.failed(&stage.name, e))?;
            written.push(Written {
                name: stage.name.clone(),
                parameters: stage.parameters(),
                bytes: new_folder::bytes(&path),
            });
        }
        for path in &self.others {
            let failed = |source| ImportError::Io { path: path.clone(), source };
            fs::copy(path, folder.path().join(path.file_name().unwrap_or_default())).map_err(failed)?;
        }
        folder.finish()?;
        Ok(written)
    }
}

impl Stage {
    fn parameters(&self) -> u64 {
        self.graph.params.iter().map(|p| p.shape.iter().product::<usize>() as u64).sum()
    }
}

fn model_name(path: &Path) -> Option<String> {
    let stem = path.file_stem().filter(|_| path.extension().is_some_and(|end| end == "onnx"))?;
    Some(stem.to_string_lossy().into_owned())
}

fn data_of(model: &str, path: &Path) -> bool {
    path.file_name().is_some_and(|name| *name == *format!("{model}.onnx.data"))
}

/// Reads a model, and records its network.
fn judge(path: &Path, name: String) -> Result<Verdict, String> {
    let stored = Stored::open(path).map_err(|e| e.to_string())?;
    let pairs = || stored.metadata().iter().map(|(key, value)| (&key[..], &value[..]));
    if pairs().any(|(key, _)| key == QUANTIZED.0) {
        return Err(format!("{}: is quantised already: take the model that it was made of", path.display()));
    }
    let Some((network, facts)) = Network::read(pairs()).zip(Facts::read(pairs()).ok()) else {
        return Ok(Verdict::Unknown);
    };
    let side = match &facts {
        Facts::Prior(facts) => facts.scale.nearest(SIDE),
        Facts::Decoder(facts) => facts.scale.nearest(SIDE),
        _ => None,
    };
    let sizes = network.sizes(&facts, [side.unwrap_or(SIDE); 2]);
    let graph = sizes.and_then(|sizes| network.graph(&sizes).map_err(|e| e.to_string()));
    let graph = graph.map_err(|message| format!("{}: {message}", path.display()))?;
    Ok(if onnx::quantizable(&graph) {
        Verdict::Quantize(Box::new(Stage { name, graph, stored }))
    } else {
        Verdict::Nothing
    })
}
