//! Settings files: the options of an engine in YAML.
//!
//! ```yaml
//! settings: 1                      # the version of the format
//! models: models/icons             # folders and files are relative to the settings file
//! devices: [cuda:0, cpu]
//! stages:
//!   prior: { threads: 4 }
//! memory: 8GiB
//! cache: { folder: cache, size: 4GiB }
//! ```
//!
//! `graphs/settings.schema.json` lists every key. A settings file may name libraries, whose code runs with the rights of
//! the process. For this reason the program never searches for one, and a graph cannot name one.

mod document;
mod fields;
mod problem;
mod stated;
mod values;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use wuerst_core::regular::{self, Links};
use wuerst_core::{Error, Result, byte_order};

use crate::options::Options;
use document::Document;
pub use stated::Settings;

/// Longer files are refused.
const LONGEST: usize = 1 << 20;

impl Options {
    /// Options from a settings file, with defaults for the others. See [`Settings::read`].
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn from_settings(path: &Path) -> Result<Options> {
        Settings::read(path).map(Settings::into_options)
    }
}

impl Settings {
    /// Reads a settings file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read, is not a regular file, or exceeds 1 MiB; [`Error::Settings`], with
    /// line and column, for the first mistake in it.
    pub fn read(path: &Path) -> Result<Settings> {
        let failed = |source: io::Error| Error::File { path: path.to_owned(), source };
        let read = |file: File| {
            let mut bytes = Vec::new();
            file.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
        };
        let bytes = regular::open(path, Links::Followed).and_then(read).map_err(failed)?;
        if bytes.len() > LONGEST {
            let message = format!("too long: a settings file has at most {} MiB", LONGEST >> 20);
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        let document: Document = serde_yaml::from_slice(byte_order::unmarked_bytes(&bytes))
            .map_err(|e| problem::located(path, &e))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        document.settings(folder).map_err(|message| problem::somewhere(path, message))
    }
}

#[cfg(test)]
mod tests;
