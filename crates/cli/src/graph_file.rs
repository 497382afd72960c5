//! Graph files, and their problems in readable form.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use wuerst::core::Diagnostic;
use wuerst::graph::{excerpt, headline, read_file};
use wuerst::{Change, Engine, Error, Graph};

use crate::find;
use crate::say::{tell, warn};

/// The default graph.
const DEFAULT: &str = "graphs/text-to-image.yaml";

/// A graph file as read.
pub(crate) struct GraphFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl GraphFile {
    pub(crate) fn open(path: &Path) -> Result<GraphFile> {
        match read_file(path) {
            Ok(text) => Ok(GraphFile { path: path.to_owned(), text }),
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                bail!("no graph {}: name a YAML file, as {DEFAULT}", path.display())
            }
            Err(error) => bail!("the graph {error}"),
        }
    }

    /// The default graph for pictures from prompts: the models folder's own, or the one that ships.
    pub(crate) fn default_for(models: &Path) -> Result<GraphFile> {
        GraphFile::open(&GraphFile::default_file(models)?)
    }

    /// Path of the default graph.
    pub(crate) fn default_file(models: &Path) -> Result<PathBuf> {
        let own = models.join("graph.yaml");
        match Some(own).filter(|own| own.exists()).or_else(|| find::first(DEFAULT)) {
            Some(path) => Ok(path),
            None => bail!("no graph ({}): name one with --graph", find::listed(&find::places(DEFAULT))),
        }
    }

    /// Checks the graph with changes by its caller: arguments, as `node.port`, and kinds of nodes.
    pub(crate) fn load(&self, engine: &Engine, changes: &[(&str, &str)]) -> Result<Graph> {
        let changes: Vec<Change<'_>> = changes.iter().copied().map(Change::from).collect();
        self.load_with(engine, &changes)
    }

    /// Checks the graph with any changes.
    pub(crate) fn load_with(&self, engine: &Engine, changes: &[Change<'_>]) -> Result<Graph> {
        match engine.graph_with(&self.text, changes) {
            Err(Error::Graph(problems)) => Err(self.problems(problems).into()),
            other => {
                let graph = other?;
                self.warn(graph.warnings());
                Ok(graph)
            }
        }
    }

    /// Prints notes about allowed constructs that are usually mistakes.
    pub(crate) fn remark(&self, graph: &Graph) {
        let file = self.path.display().to_string();
        graph.notes().iter().for_each(|note| tell(headline(&file, note)));
    }

    /// Prints warnings of the graph.
    pub(crate) fn warn(&self, warnings: &[Diagnostic]) {
        let file = self.path.display().to_string();
        warnings.iter().for_each(|warning| warn(headline(&file, warning)));
    }

    pub(crate) fn problems(&self, problems: Vec<Diagnostic>) -> Problems {
        Problems { file: self.path.display().to_string(), text: self.text.clone(), problems }
    }
}

/// All problems of a graph file.
#[derive(Debug)]
pub(crate) struct Problems {
    pub(crate) file: String,
    text: String,
    pub(crate) problems: Vec<Diagnostic>,
}

impl Problems {
    /// Problems of a file, with the affected lines if the text is available.
    pub(crate) fn new(file: &str, text: &str, problems: Vec<Diagnostic>) -> Problems {
        Problems { file: file.to_owned(), text: text.to_owned(), problems }
    }
}

impl std::error::Error for Problems {}

/// Each problem on a line of its own, with the line of the file and a caret below it.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            f.write_str(&headline(&self.file, problem))?;
            if let Some(excerpt) = excerpt(&self.text, problem) {
                write!(f, "\n{excerpt}")?;
            }
        }
        Ok(())
    }
}
