//! Facts from the beginnings of files, remembered while the files do not change, since every run needs them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use wuerst_core::{Digest, File, Result};

/// Maximum number of remembered files. When exceeded, all are forgotten and read again.
const MOST: usize = 1024;

/// Facts found in files.
pub(crate) struct Heads<T>(Mutex<Option<HashMap<Digest, T>>>);

impl<T: Clone> Heads<T> {
    pub(crate) const fn new() -> Heads<T> {
        Heads(Mutex::new(None))
    }

    /// Returns the facts about a file, remembered or found by `read`.
    ///
    /// # Errors
    /// Errors of `read`, which are not remembered.
    pub(crate) fn of(&self, file: &File, read: impl FnOnce(&File) -> Result<T>) -> Result<T> {
        let Some(key) = file.key() else { return read(file) };
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().as_ref().and_then(|known| known.get(&key)) {
            return Ok(found.clone());
        }
        let found = read(file)?;
        let mut known = known();
        let known = known.get_or_insert_default();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, found.clone());
        Ok(found)
    }
}
