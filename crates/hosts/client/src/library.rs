//! Finding and loading `libwuerst.so`, or `wuerst.dll`.

use crate::error::Error;
use crate::raw::{self, Functions};
use std::env;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, PoisonError};
use wuerst_read::regular;
use wuerst_sys::ABI_VERSION;

/// Environment variable with the path of the library.
const VARIABLE: &str = "WUERST_LIBRARY";

const NAME: &str = if cfg!(windows) { "wuerst.dll" } else { "libwuerst.so.0" };

/// The loaded library, which stays loaded for the life of the process.
#[derive(Clone, Copy)]
pub struct Library(&'static Functions);

impl Library {
    /// Loads the library from the path in WUERST_LIBRARY, from one of the folders, or from the system's library folders.
    ///
    /// # Errors
    /// Not found, or older than this adapter; the message lists the searched places.
    pub fn find(folders: &[PathBuf]) -> Result<Library, Error> {
        if let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            return Library::open(Path::new(&path))
                .map_err(|e| Error::new(format!("{VARIABLE} names {}: {e}", Path::new(&path).display())));
        }
        let found = folders.iter().map(|folder| folder.join(NAME)).find(|path| path.exists());
        if let Some(path) = found {
            return Library::open(&path);
        }
        Library::open(Path::new(NAME)).map_err(|e| {
            let places: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
            Error::new(format!(
                "{NAME} was not found in {} nor by the system ({e}): put it there, or set {VARIABLE} to its path",
                places.join(", ")
            ))
        })
    }

    /// Loads the library at a path.
    ///
    /// # Errors
    /// It is missing, or older than this adapter.
    pub fn open(path: &Path) -> Result<Library, Error> {
        static OPENED: Mutex<Vec<(PathBuf, Library)>> = Mutex::new(Vec::new());
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, library)) = opened.iter().find(|(known, _)| known == path) {
            return Ok(*library);
        }
        // A bare name is the system's to find. For a pipe the loader would wait.
        if path.parent().is_some_and(|folder| folder != Path::new("")) {
            regular::about(path).map_err(|e| Error::new(e.to_string()))?;
        }
        // SAFETY: the library's initialisers are harmless; it is never unloaded, so functions stay valid.
        let functions = unsafe {
            let library = bound(path).map_err(|e| Error::new(reason(&e)))?;
            let functions = Functions::of(&library).map_err(|name| {
                Error::new(format!("{} is too old, it has no {name}: update it", path.display()))
            });
            std::mem::forget(library);
            functions?
        };
        // SAFETY: no arguments.
        let version = unsafe { (functions.wst_abi_version)() };
        if version < ABI_VERSION {
            let message = format!("{} has interface {version}, but {ABI_VERSION} is needed", path.display());
            return Err(Error::new(message));
        }
        let library = Library(Box::leak(Box::new(functions)));
        opened.push((path.to_owned(), library));
        Ok(library)
    }

    pub(crate) fn functions(self) -> &'static Functions {
        self.0
    }

    /// The version of the library, as "0.1.0".
    pub fn version(self) -> &'static str {
        // SAFETY: a text that stays valid for ever.
        unsafe { (self.0.wst_version)().text() }
    }
}

impl Error {
    /// Reads and frees an error of the library; NULL is success.
    pub(crate) fn take_error(library: Library, failure: *mut raw::Failure) -> Result<(), Error> {
        if failure.is_null() {
            return Ok(());
        }
        let f = library.functions();
        // SAFETY: the library's own error, read before it is freed, and freed once.
        unsafe {
            let code = (f.wst_error_code)(failure);
            let message = (f.wst_error_message)(failure).text().to_owned();
            (f.wst_error_free)(failure);
            Err(Error { code, message })
        }
    }

    /// The handle returned by a function.
    pub(crate) fn handle<T>(
        library: Library,
        function: impl FnOnce(*mut *mut T) -> *mut raw::Failure,
    ) -> Result<*mut T, Error> {
        let mut handle = ptr::null_mut();
        Error::take_error(library, function(&mut handle))?;
        Ok(handle)
    }
}

/// The system's message, which is the source of libloading's error.
fn reason(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(not(windows))]
unsafe fn bound(path: &Path) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: promised by the caller.
    unsafe { libloading::Library::new(path) }
}

/// Looks for libraries in the folder of this one, that of the program and the system's, and never in the working folder
/// or on the search path.
#[cfg(windows)]
unsafe fn bound(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::windows::{
        LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR, Library,
    };
    let bare = path.parent().is_none_or(|folder| folder == Path::new(""));
    // The loader takes whole paths alone with the second flag.
    let path =
        if bare { path.to_owned() } else { std::path::absolute(path).unwrap_or_else(|_| path.to_owned()) };
    let own = if bare { 0 } else { LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR };
    // SAFETY: promised by the caller.
    unsafe { Library::load_with_flags(&path, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS | own) }.map(Into::into)
}
