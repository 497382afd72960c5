//! Writes a published cascade as a folder of stage models.

use std::cell::{Cell, RefCell};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::new_folder::{self, NewFolder};
use super::{ImportError, Published, merge};
use crate::network::Network;
use crate::onnx::{self, BoxError, Compute, ExportError, Operators, Precision, Weight, Weights};
use crate::record::NetworkGraph;

/// The graph that runs a published cascade. `graphs/wuerstchen.yaml` is derived from it.
pub const GRAPH: &str = include_str!("wuerstchen.yaml");

/// Metadata key of the weights' licence.
const LICENCE: &str = "license";

/// How stage models are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Storage of matrices and kernels if networks compute in f32.
    pub precision: Precision,
    /// Precision in which the networks compute.
    pub compute: Compute,
    /// Operators that the models may use.
    pub operators: Operators,
}

/// A written stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Name of the stage.
    pub name: String,
    /// Number of parameters.
    pub parameters: u64,
    /// Size of its files in bytes.
    pub bytes: u64,
}

pub fn write(
    published: &Published,
    out: &Path,
    options: &ImportOptions,
    progress: &mut dyn FnMut(&str, u64) -> ControlFlow<()>,
) -> Result<Vec<Written>, ImportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ImportError::Io { path, source }
    };
    let folder = NewFolder::beside(out)?;
    let tally = Tally::new(progress);
    let mut written = vec![];
    for stage in &published.stages {
        let mut metadata = stage.metadata.pairs();
        metadata.push(stage.network.pair());
        // Encoders of texts and pictures are other people's work, and free.
        let own = matches!(
            stage.network,
            Network::Cascade(_) | Network::VqganDecoder(_) | Network::VqganEncoder(_)
        );
        let licence = published.licence.filter(|_| own);
        metadata.extend(licence.map(|text| (LICENCE.to_owned(), text.to_owned())));
        let options = onnx::ExportOptions {
            name: stage.name.into(),
            precision: options.precision,
            compute: options.compute,
            operators: options.operators,
            metadata: merge::with_loras(metadata, &stage.adapters),
            ..onnx::ExportOptions::default()
        };
        let weights = stage.adapters.over(&*stage.weights);
        written.push(self::stage(folder.path(), &stage.graph, &weights, &options, &tally)?);
    }
    let texts = published.tokenizers.iter().map(|(name, text)| (*name, text.as_str()));
    let graphs = published.graphs.iter().map(|(name, text)| (*name, text.as_str()));
    for (name, text) in texts.chain(graphs) {
        let path = folder.path().join(name);
        fs::write(&path, text).map_err(failed(&path))?;
    }
    folder.finish()?;
    Ok(written)
}

/// Writes one stage model into the folder, under the name that the options give.
pub fn stage(
    folder: &Path,
    graph: &NetworkGraph,
    weights: &dyn Weights,
    options: &onnx::ExportOptions,
    tally: &Tally<'_>,
) -> Result<Written, ImportError> {
    let name = &options.name;
    let path = folder.join(format!("{name}.onnx"));
    let weights = Counted { weights, stage: name, tally };
    onnx::write(&path, graph, &weights, options).map_err(|e| tally.failed(name, e))?;
    Ok(Written { name: name.clone(), parameters: graph.parameters(), bytes: new_folder::bytes(&path) })
}

/// Receives the current stage and the number of parameters read of all stages; returns whether to continue.
pub type Report<'a> = dyn FnMut(&str, u64) -> ControlFlow<()> + 'a;

/// Number of parameters read of all stages, and the progress callback.
pub struct Tally<'a> {
    done: Cell<u64>,
    stopped: Cell<bool>,
    report: RefCell<&'a mut Report<'a>>,
}

impl<'a> Tally<'a> {
    pub fn new(report: &'a mut Report<'a>) -> Tally<'a> {
        Tally { done: Cell::new(0), stopped: Cell::new(false), report: RefCell::new(report) }
    }

    /// Converts an error of writing a stage, which may mean that the callback stopped the work.
    fn failed(&self, stage: &str, source: ExportError) -> ImportError {
        if self.stopped.get() {
            return ImportError::Stopped;
        }
        ImportError::Export { stage: stage.into(), source }
    }
}

/// Weights that report how many parameters were read.
struct Counted<'a, 'r> {
    weights: &'a dyn Weights,
    stage: &'a str,
    tally: &'a Tally<'r>,
}

impl Weights for Counted<'_, '_> {
    fn weight(&self, name: &str) -> Result<Weight, BoxError> {
        let weight = self.weights.weight(name)?;
        let done = self.tally.done.get() + weight.data.len() as u64;
        self.tally.done.set(done);
        if (self.tally.report.borrow_mut())(self.stage, done).is_break() {
            self.tally.stopped.set(true);
            return Err("stopped".into());
        }
        Ok(weight)
    }
}
