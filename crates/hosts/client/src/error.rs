//! What goes wrong, in words that an adapter can show.

use crate::library::Library;
use crate::raw::{self, Str};
use std::ptr;

/// An error of the library, or the library's absence.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// `wst_code` of the header; 0 when the library itself is missing or too old.
    pub code: u32,
    /// What is wrong and what to do, in English.
    pub message: String,
}

/// `WST_CANCELLED`.
const CANCELLED: u32 = 9;

impl Error {
    /// An error of the adapter's own.
    pub fn new(message: impl Into<String>) -> Error {
        Error { code: 0, message: message.into() }
    }

    /// Whether somebody cancelled, which is no fault.
    pub fn is_cancelled(&self) -> bool {
        self.code == CANCELLED
    }

    /// Reads and frees an error of the library; NULL is success.
    pub(crate) fn hear(library: Library, failure: *mut raw::Failure) -> Result<(), Error> {
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

    /// The handle that a function gives.
    pub(crate) fn handle<T>(
        library: Library,
        function: impl FnOnce(*mut *mut T) -> *mut raw::Failure,
    ) -> Result<*mut T, Error> {
        let mut handle = ptr::null_mut();
        Error::hear(library, function(&mut handle))?;
        Ok(handle)
    }
}

/// Views of several texts.
pub(crate) fn views(texts: &[&str]) -> Vec<Str> {
    texts.iter().map(|text| Str::of(text)).collect()
}
