//! Detects changes of files that a session has mapped.
//!
//! If a mapped file was truncated, reading its pages ends the process with SIGBUS; if it was changed, results are wrong.
//! So the file is checked before each evaluation. One risk remains: a process of the same user truncates it during an
//! evaluation.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use wuerst_core::regular::{self, Links};

/// A file that a session has mapped.
pub(crate) struct Mapped {
    file: File,
    then: Stamp,
}

/// Metadata that changes with the content, and not by renaming or removing.
type Stamp = (u64, Option<SystemTime>);

impl Mapped {
    /// Opens the file at this path before it is mapped; `None` if it does not exist.
    pub(crate) fn open(path: &Path, links: Links) -> io::Result<Option<Mapped>> {
        let file = match regular::open(path, links) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let then = stamp(&file.metadata()?);
        Ok(Some(Mapped { file, then }))
    }

    /// Whether the file is unchanged.
    pub(crate) fn is_intact(&self) -> bool {
        self.file.metadata().is_ok_and(|about| stamp(&about) == self.then)
    }
}

fn stamp(about: &Metadata) -> Stamp {
    (about.len(), about.modified().ok())
}
