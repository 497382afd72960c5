//! Loads shared libraries and binds all symbols at once, so that a missing symbol is an error and does not end the
//! process in a later call.
#![allow(unsafe_code, reason = "a library's initialisers run when it is loaded")]

use std::error::Error as _;
use std::path::Path;

use libloading::Library;
use wuerst_core::regular;

/// Loads a library and binds all its symbols.
///
/// # Errors
/// The loader's reason, with the missing symbol or library; also if the path is not a regular file, on which the loader
/// could block.
///
/// # Safety
/// The library's initialisers run, and must be trusted.
pub unsafe fn open(path: &Path) -> Result<Library, String> {
    regular::about(path).map_err(|e| e.to_string())?;
    // SAFETY: promised by the caller.
    unsafe { bound(path) }.map_err(|error| reason(&error))
}

#[cfg(unix)]
unsafe fn bound(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: promised by the caller.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

/// Windows binds all imports when it loads a library. Libraries that it needs are looked for in its own folder, that of
/// the program and the system's, and never in the working folder or on the search path.
#[cfg(windows)]
unsafe fn bound(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::windows::{
        LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR, Library,
    };
    // The loader takes whole paths alone with these flags.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let flags = LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS;
    // SAFETY: promised by the caller.
    unsafe { Library::load_with_flags(&path, flags) }.map(Into::into)
}

/// The loader's own message, without the wrapper's words.
fn reason(error: &libloading::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        said = format!("{said}: {error}");
        source = error.source();
    }
    said
}
