//! Loading plug-ins: shared libraries that add node kinds.
#![allow(unsafe_code, reason = "a plug-in is foreign code; each use says what is asked of it")]

use std::fs;
use std::path::Path;

use libloading::Library;
use wuerst_abi::ABI_VERSION;
use wuerst_abi::error::{Code, Said};
use wuerst_abi::node::Foreign;
use wuerst_abi::table::{Init, gather};
use wuerst_core::{BoxError, Error, Result};

/// The nodes of the plug-in in that file.
pub(crate) fn load(path: &Path) -> Result<Vec<Foreign>> {
    let said = |code, message: String| failed(path, Said { code, message });
    // An absolute path, so that no library of that name elsewhere is meant.
    let file = fs::canonicalize(path).map_err(|error| said(Code::NotFound, error.to_string()))?;
    // SAFETY: loading runs the library's initialisers; whoever calls this trusts it, as the documentation asks.
    let library = unsafe { Library::new(&file) };
    let library =
        library.map_err(|error| said(Code::File, format!("is no library that can be loaded: {error}")))?;
    // Never unloaded: its code may still be on some thread's way out, and its nodes in some graph.
    let library: &'static Library = Box::leak(Box::new(library));

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
    gather(|api, plugin| unsafe { init(api, plugin) }).map_err(|said| failed(path, said))
}

/// Says which plug-in cannot be loaded.
pub(crate) fn failed(path: &Path, source: impl Into<BoxError>) -> Error {
    Error::Plugin { path: path.to_owned(), source: source.into() }
}
