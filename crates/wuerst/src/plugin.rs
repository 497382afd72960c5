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

/// A plug-in that is not in use yet: dropping it unloads the library, after its nodes.
pub(crate) struct Loaded {
    added: Added,
    library: Library,
}

impl Loaded {
    /// Passes the plug-in's additions to `add`. If `add` succeeds, the library stays loaded for the life of the process,
    /// since graphs use its nodes and threads may run its code. If `add` fails, the library is unloaded, so `add` must
    /// have dropped the nodes.
    ///
    /// # Errors
    /// Errors of `add`.
    pub(crate) fn keep<T>(self, add: impl FnOnce(Added) -> Result<T>) -> Result<T> {
        let added = add(self.added)?;
        // Leaks only the system's reference count.
        std::mem::forget(self.library);
        Ok(added)
    }
}

/// Loads the plug-in in a file.
pub(crate) fn load(path: &Path) -> Result<Loaded> {
    let said = |code, message: String| failed(path, ForeignError { code, message });
    // An absolute path, so that the loader searches no other folder.
    let file = fs::canonicalize(path).map_err(|error| said(Code::NotFound, error.to_string()))?;
    // SAFETY: loading runs the library's initialisers; the caller trusts it, as the documentation requires.
    let library = unsafe { library::open(&file) };
    let library =
        library.map_err(|why| said(Code::File, format!("is not a library that can be loaded: {why}")))?;

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
    // SAFETY: the plug-in's own entry, with the arguments that the header specifies.
    let added = gather(|api, plugin| unsafe { init(api, plugin) }).map_err(|said| failed(path, said))?;
    Ok(Loaded { added, library })
}

/// An error that names the plug-in.
pub(crate) fn failed(path: &Path, source: impl Into<BoxError>) -> Error {
    Error::Plugin { path: path.to_owned(), source: source.into() }
}

/// A graph added by a plug-in, with its text.
pub(crate) struct PluginGraph {
    kind: String,
    text: String,
    folder: Option<PathBuf>,
}

impl PluginGraph {
    /// Reads the graph's file, if it is one.
    pub(crate) fn read(AddedGraph { kind, from }: AddedGraph) -> Result<PluginGraph> {
        Ok(match from {
            GraphFrom::Text(text) => PluginGraph { kind, text, folder: None },
            GraphFrom::File(path) => {
                let folder = path.parent().unwrap_or(&path).to_owned();
                PluginGraph { kind, text: wuerst_graph::read_file(&path)?, folder: Some(folder) }
            }
        })
    }

    /// The node kind for this graph.
    pub(crate) fn kind(&self) -> GraphKind<'_> {
        let graph = GraphKind::new(&self.kind, &self.text);
        match &self.folder {
            Some(folder) => graph.in_folder(folder),
            None => graph,
        }
    }
}
