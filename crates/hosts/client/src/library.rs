//! Finding and loading `libwuerst.so`.

use crate::error::Error;
use crate::raw::{self, Functions};
use std::env;
use std::ffi::{CStr, OsStr, c_void};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, PoisonError};
use wuerst_read::regular;
use wuerst_sys::ABI_VERSION;

/// Environment variable with the path of the library.
const VARIABLE: &str = "WUERST_LIBRARY";

const NAME: &str = "libwuerst.so.0";

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
            let library = libloading::Library::new(path).map_err(|e| Error::new(reason(&e)))?;
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

/// The path of the shared library that contains `address`, and its folder: the adapter's own, for an address in it.
pub fn folder_of(address: *const c_void) -> Option<(PathBuf, PathBuf)> {
    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `dladdr` only looks the address up, and fills the struct when it returns non-zero; the name is a string of
    // the loader that lives as long as the library.
    let file = unsafe {
        if libc::dladdr(address, found.as_mut_ptr()) == 0 {
            return None;
        }
        let found = found.assume_init();
        if found.dli_fname.is_null() {
            return None;
        }
        PathBuf::from(OsStr::from_bytes(CStr::from_ptr(found.dli_fname).to_bytes()))
    };
    // Links are followed, so that an adapter linked into a host's folder finds the neighbours of the real file.
    let folder = file.canonicalize().ok()?.parent()?.to_owned();
    Some((file, folder))
}
