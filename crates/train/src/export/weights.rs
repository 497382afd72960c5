//! Sources of the weights of an exported stage: one checkpoint, or two for the compressor.

use crate::config::RunConfig;
use crate::frozen;
use crate::trainer::Trainer;
use anyhow::{Context, Result, ensure};
use std::collections::HashSet;
use wuerst_model::checkpoint::Checkpoint;
use wuerst_model::onnx::{BoxError, Weight, Weights};
use wuerst_model::record::NetworkGraph;

/// Averaged weights of a checkpoint, combined with frozen ones.
pub struct StageWeights {
    trained: Checkpoint,
    frozen: Option<Frozen>,
}

/// Published weights for the parameters that training left unchanged.
struct Frozen {
    published: Checkpoint,
    names: HashSet<String>,
}

impl StageWeights {
    /// Published weights that were not trained here.
    pub fn published(path: &std::path::Path) -> Result<StageWeights> {
        Ok(StageWeights { trained: frozen::published(path)?, frozen: None })
    }

    /// Averaged weights of the newest checkpoint in the first of these folders of the run that has one.
    pub fn averaged(config: &RunConfig, folders: &[&str]) -> Result<StageWeights> {
        let found = folders.iter().find_map(|f| Trainer::averaged_file(&config.folder.join(f)));
        let command = command(folders.last().copied().unwrap_or_default());
        let path = found.with_context(|| {
            let folders = folders.join("` or `");
            format!(
                "{} has no checkpoint of `{folders}` yet: train it with `wuerst-train {command} RUN`",
                config.folder.display()
            )
        })?;
        Ok(StageWeights { trained: Checkpoint::open(path)?, frozen: None })
    }

    /// Adds the parameters of `graph`, which training left unchanged, from a published checkpoint.
    pub fn over(self, published: Checkpoint, graph: &NetworkGraph) -> StageWeights {
        let names = graph.params.iter().map(|p| p.name.clone()).collect();
        StageWeights { frozen: Some(Frozen { published, names }), ..self }
    }
}

impl Weights for StageWeights {
    fn weight(&self, name: &str) -> Result<Weight, BoxError> {
        match &self.frozen {
            Some(frozen) if frozen.names.contains(name) => frozen.published.weight(name),
            _ => self.trained.weight(name),
        }
    }
}

/// Checks that these stages of a run have a checkpoint; the error lists all that lack one.
pub fn complete(config: &RunConfig, stages: &[&str]) -> Result<()> {
    let missing: Vec<String> = stages
        .iter()
        .filter(|stage| Trainer::averaged_file(&config.folder.join(stage)).is_none())
        .map(|stage| {
            format!("no checkpoint of `{stage}`: train it with `wuerst-train {} RUN`", command(stage))
        })
        .collect();
    ensure!(missing.is_empty(), "{} is not ready:\n  {}", config.folder.display(), missing.join("\n  "));
    Ok(())
}

/// The subcommand that trains the content of a folder; Stage B and the compressor are trained together.
fn command(folder: &str) -> &str {
    if folder == "compressor" { "decoder" } else { folder }
}
