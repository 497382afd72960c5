//! Errors, with messages that an adapter can show.

use crate::raw::Str;
use wuerst_sys::numbers;

/// An error of the library, or the library's absence.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// `wst_code` of the header; 0 when the library itself is missing or too old.
    pub code: u32,
    /// The problem and its solution, in English.
    pub message: String,
}

impl Error {
    /// An error of the adapter's own.
    pub fn new(message: impl Into<String>) -> Error {
        Error { code: 0, message: message.into() }
    }

    /// Whether the run was cancelled, which is not a fault.
    pub fn is_cancelled(&self) -> bool {
        self.code == numbers::CANCELLED
    }
}

/// Views of several texts.
pub(crate) fn views(texts: &[&str]) -> Vec<Str> {
    texts.iter().map(|text| Str::of(text)).collect()
}
