//! Files that a session has mapped, and whether they are still as they were.
//!
//! A page of a mapped file that was cut off ends the process when it is read, with SIGBUS, and a changed one gives other
//! numbers. So the file is looked at before each evaluation. What remains: a process of the same user that cuts it off
//! during an evaluation.

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

/// What a change in place leaves traces in. Nothing but a change of the content moves it: renaming and removing do not.
type Stamp = (u64, Option<SystemTime>);

impl Mapped {
    /// The file at this path, before it is mapped. None when there is none.
    pub(crate) fn open(path: &Path, links: Links) -> io::Result<Option<Mapped>> {
        let file = match regular::open(path, links) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let then = stamp(&file.metadata()?);
        Ok(Some(Mapped { file, then }))
    }

    /// Whether it is as it was.
    pub(crate) fn is_intact(&self) -> bool {
        self.file.metadata().is_ok_and(|about| stamp(&about) == self.then)
    }
}

fn stamp(about: &Metadata) -> Stamp {
    (about.len(), about.modified().ok())
}
