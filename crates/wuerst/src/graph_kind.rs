//! Graph files as node kinds, and the resolution of names in them.

use std::path::{Path, PathBuf};

use wuerst_core::{Error, Files, Models, Result};
use wuerst_graph::AddGraphError;

use crate::models;

/// A graph file to be added as a node kind.
#[derive(Clone, Copy, Debug)]
pub struct GraphKind<'a> {
    /// Name of the kind, such as `house.prior`.
    pub kind: &'a str,
    /// The text of the file.
    pub text: &'a str,
    /// Folder of the graph's files; names must stay in it. `None` resolves names as in any graph of the engine.
    pub files: Option<&'a Path>,
    /// Folder searched for the graph's models before the engine's models folder.
    pub models: Option<&'a Path>,
}

impl<'a> GraphKind<'a> {
    /// A graph from memory: names in it resolve as in any graph of the engine.
    pub fn new(kind: &'a str, text: &'a str) -> GraphKind<'a> {
        GraphKind { kind, text, files: None, models: None }
    }

    /// A graph from a file in `folder`: names of files and models resolve there.
    #[must_use]
    pub fn in_folder(self, folder: &'a Path) -> GraphKind<'a> {
        GraphKind { files: Some(folder), models: Some(folder), ..self }
    }

    /// Resolves names for the checker; `engine` resolves names in other graphs.
    pub(crate) fn resolved(&self, engine: &Models) -> wuerst_graph::GraphKind<'a> {
        let mut names = engine.clone();
        if let Some(folder) = self.models {
            names = models::first_in(folder.to_owned(), names);
        }
        if let Some(folder) = self.files {
            names = names.with_files(Files::in_folder(folder));
        }
        wuerst_graph::GraphKind { kind: self.kind, text: self.text, models: Some(names) }
    }
}

/// Adds graph files, given as kinds and paths, by calling `add`. Names in a graph resolve in the folder of its file.
///
/// # Errors
/// [`Error::File`], or [`Error::Refused`] with the path of the first graph that cannot be added.
pub(crate) fn add_files(
    files: &[(String, PathBuf)],
    add: impl FnOnce(&[GraphKind<'_>]) -> Result<(), AddGraphError>,
) -> Result<()> {
    let texts: Vec<String> =
        files.iter().map(|(_, path)| wuerst_graph::read_file(path)).collect::<Result<_>>()?;
    let folders: Vec<PathBuf> = files.iter().map(|(_, path)| Path::new(".").join(folder(path))).collect();
    let graphs: Vec<GraphKind<'_>> = files
        .iter()
        .zip(texts.iter().zip(&folders))
        .map(|((kind, _), (text, folder))| GraphKind::new(kind, text).in_folder(folder))
        .collect();
    add(&graphs).map_err(|refused| Error::Refused {
        what: files[refused.index].1.display().to_string(),
        message: refused.error.to_string(),
        source: refused.error.into(),
    })
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}
