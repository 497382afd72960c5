//! Writes a published cascade as a folder of stage models.

use std::cell::{Cell, RefCell};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{ImportError, Published};
use crate::checkpoint::Checkpoint;
use crate::onnx::{self, BoxError, Operators, Precision, Weight, Weights};

/// The graph that runs the published cascade.
const GRAPH: &str = include_str!("../../../../graphs/wuerstchen.yaml");

/// The graph without its first line, which tells editors of a schema that does not come along.
fn graph() -> &'static str {
    GRAPH
        .split_once('\n')
        .filter(|(line, _)| line.starts_with("# yaml-language-server"))
        .map_or(GRAPH, |(_, rest)| rest)
}

/// How stage models are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// How matrices and kernels are stored; the networks compute in f32 either way.
    pub precision: Precision,
    /// Which operators they may use.
    pub operators: Operators,
}

/// A stage that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub name: &'static str,
    /// Numbers in its weights.
    pub parameters: u64,
    /// Size of its files in bytes.
    pub bytes: u64,
}

pub fn write(
    published: &Published,
    out: &Path,
    options: &Options,
    progress: &mut dyn FnMut(&str, u64) -> ControlFlow<()>,
) -> Result<Vec<Written>, ImportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ImportError::Io { path, source }
    };
    let folder = unfinished(out)?;
    let tally = Tally { done: Cell::new(0), stopped: Cell::new(false), report: RefCell::new(progress) };
    let mut written = vec![];
    for stage in &published.stages {
        let weights = Counted { checkpoint: &stage.weights, stage: stage.name, tally: &tally };
        let mut metadata = stage.facts.pairs();
        metadata.push(stage.network.pair());
        let options = onnx::Options {
            name: stage.name.into(),
            precision: options.precision,
            operators: options.operators,
            metadata,
            ..onnx::Options::default()
        };
        let path = folder.path().join(format!("{}.onnx", stage.name));
        onnx::write(&path, &stage.graph, &weights, &options).map_err(|source| {
            if tally.stopped.get() {
                return ImportError::Stopped;
            }
            ImportError::Export { stage: stage.name.into(), source }
        })?;
        let files = [path.clone(), path.with_extension("onnx.data")];
        let bytes = files.iter().flat_map(fs::metadata).map(|about| about.len()).sum();
        written.push(Written { name: stage.name, parameters: stage.parameters(), bytes });
    }
    let texts = published.tokenizers.iter().map(|(name, text)| (*name, text.as_str()));
    for (name, text) in texts.chain([("graph.yaml", graph())]) {
        let path = folder.path().join(name);
        fs::write(&path, text).map_err(failed(&path))?;
    }
    // Empty, as was made sure of; some systems do not rename over it.
    if out.is_dir() {
        fs::remove_dir(out).map_err(failed(out))?;
    }
    fs::rename(folder.path(), out).map_err(failed(out))?;
    // Renamed, so that there is nothing to remove.
    let _ = folder.keep();
    Ok(written)
}

/// A folder beside `out`, on the same file system, that is removed unless it is finished.
fn unfinished(out: &Path) -> Result<TempDir, ImportError> {
    if out.is_dir() {
        let failed = |source| ImportError::Io { path: out.into(), source };
        if fs::read_dir(out).map_err(failed)?.next().is_some() {
            return Err(ImportError::NotEmpty(out.into()));
        }
    } else if out.symlink_metadata().is_ok() {
        return Err(ImportError::NotEmpty(out.into()));
    }
    let parent: PathBuf = match out.parent() {
        Some(parent) if parent != Path::new("") => parent.into(),
        _ => ".".into(),
    };
    let mut builder = tempfile::Builder::new();
    // Less what the umask takes away, as for any new folder.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let made = builder.prefix(".wuerst-import-").tempdir_in(&parent);
    made.map_err(|source| ImportError::Io { path: parent, source })
}

/// Is told the stage at hand and how many numbers were read of all stages, and says whether to go on.
type Report<'a> = dyn FnMut(&str, u64) -> ControlFlow<()> + 'a;

/// How many numbers were read of all stages, and who is told.
struct Tally<'a> {
    done: Cell<u64>,
    stopped: Cell<bool>,
    report: RefCell<&'a mut Report<'a>>,
}

/// Weights that report what was read of them.
struct Counted<'a> {
    checkpoint: &'a Checkpoint,
    stage: &'a str,
    tally: &'a Tally<'a>,
}

impl Weights for Counted<'_> {
    fn weight(&self, name: &str) -> Result<Weight, BoxError> {
        let weight = self.checkpoint.weight(name)?;
        let done = self.tally.done.get() + weight.data.len() as u64;
        self.tally.done.set(done);
        if (self.tally.report.borrow_mut())(self.stage, done).is_break() {
            self.tally.stopped.set(true);
            return Err("stopped".into());
        }
        Ok(weight)
    }
}
