//! Loading plug-ins: shared libraries that add node kinds.
#![allow(unsafe_code, reason = "a plug-in is foreign code; each use says what is asked of it")]

use std::fs;
use std::path::{Path, PathBuf};

use libloading::Library;
use wuerst_abi::ABI_VERSION;
use wuerst_abi::error::{Code, ForeignError};
use wuerst_abi::table::{Added, AddedGraph, GraphFrom, Init, gather};
use wuerst_core::{BoxError, Error, Result};
use wuerst_stages::library;

use crate::graph_kind::GraphKind;

/// A plug-in that is not needed yet: dropped, it is unloaded, after its nodes.
pub(crate) struct Loaded {
    added: Added,
    library: Library,
}

impl Loaded {
    /// Hands out what it adds. When `add` takes that, the library stays for the life of the process: its code may be on some
    /// thread's way out, and its nodes are in some graph. When it fails, the library goes, and so must the nodes have by
    /// then.
    ///
    /// # Errors
    /// As of `add`.
    pub(crate) fn keep<T>(self, add: impl FnOnce(Added) -> Result<T>) -> Result<T> {
        let added = add(self.added)?;
        // Of which nothing but the system's count of its users remains.
        std::mem::forget(self.library);
        Ok(added)
    }
}

/// The plug-in in that file.
pub(crate) fn load(path: &Path) -> Result<Loaded> {
    let said = |code, message: String| failed(path, ForeignError { code, message });
    // An absolute path, so that no library of that name elsewhere is meant.
    let file = fs::canonicalize(path).map_err(|error| said(Code::NotFound, error.to_string()))?;
    // SAFETY: loading runs the library's initialisers; callers trust it, as the documentation asks.
    let library = unsafe { library::open(&file) };
    let library =
        library.map_err(|why| said(Code::File, format!("is no library that can be loaded: {why}")))?;

    let none =
        |name: &str| said(Code::Invalid, format!("is a library but no plug-in: it does not export `{name}`"));
    // SAFETY: `WST_PLUGIN` of the header gives both functions these types.
    let (version, init) = unsafe {
        let version = library.get::<unsafe extern "C" fn() -> u32>("wst_plugin_version");
        let version = version.map_err(|_| none("wst_plugin_version"))?();
        (version, library.get::<Init>("wst_plugin_init_1"))
    };
    if version > ABI_VERSION {
        let message = format!(
            "is built for version {version} of the interface, and this is {ABI_VERSION}: update wuerst"
        );
        return Err(said(Code::Invalid, message));
    }
    let init = init.map_err(|_| none("wst_plugin_init_1"))?;
    // SAFETY: a plug-in's own entry, with what it is to be called with.
    let added = gather(|api, plugin| unsafe { init(api, plugin) }).map_err(|said| failed(path, said))?;
    Ok(Loaded { added, library })
}

/// Says which plug-in cannot be loaded.
pub(crate) fn failed(path: &Path, source: impl Into<BoxError>) -> Error {
    Error::Plugin { path: path.to_owned(), source: source.into() }
}

/// A graph that a plug-in adds, read.
pub(crate) struct PluginGraph {
    kind: String,
    text: String,
    folder: Option<PathBuf>,
}

impl PluginGraph {
    /// Reads the file, where it is one.
    pub(crate) fn read(AddedGraph { kind, from }: AddedGraph) -> Result<PluginGraph> {
        Ok(match from {
            GraphFrom::Text(text) => PluginGraph { kind, text, folder: None },
            GraphFrom::File(path) => {
                let folder = path.parent().unwrap_or(&path).to_owned();
                PluginGraph { kind, text: wuerst_graph::read_file(&path)?, folder: Some(folder) }
            }
        })
    }

    /// The node kind that it becomes.
    pub(crate) fn kind(&self) -> GraphKind<'_> {
        let graph = GraphKind::new(&self.kind, &self.text);
        match &self.folder {
            Some(folder) => graph.in_folder(folder),
            None => graph,
        }
    }
}
