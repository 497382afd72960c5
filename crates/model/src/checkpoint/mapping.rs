//! Files mapped into memory, whose pages are given back once they were read.

use std::path::{Path, PathBuf};

use memmap2::Mmap;
use wuerst_read::regular::{self, Links};

use super::CheckpointError;

/// A file of weights.
#[derive(Debug)]
pub struct Mapping {
    path: PathBuf,
    map: Mmap,
}

impl Mapping {
    #[expect(unsafe_code, reason = "reading gigabytes of weights through a copy would double what they take")]
    pub fn open(path: &Path) -> Result<Mapping, CheckpointError> {
        let failed = |source| CheckpointError::Io { path: path.into(), source };
        let file = regular::open(path, Links::Followed).map_err(failed)?;
        // SAFETY: the map is only read, and its bytes are taken for numbers, of which any are valid. Another process that
        // may write to the file can still do two things. It can change bytes while they are read: the numbers are other
        // ones then, though the memory stays sound. It can cut the file short: reading what is gone is SIGBUS, which ends
        // this process. Commands that import and train map files so, and no host does; a process that may write to the
        // weights which are being imported decides what the models do anyway.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(Mapping { path: path.to_owned(), map })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Gives back the pages of a part that will not be read again soon; should it be, the system reads them anew.
    ///
    /// Without it every page that was ever read counts as this process's memory until the system runs short.
    pub fn release(&self, start: usize, length: usize) {
        #[cfg(unix)]
        self.forget(start, length);
        #[cfg(not(unix))]
        let _ = (start, length);
    }

    #[cfg(unix)]
    #[expect(unsafe_code, reason = "the one way to give back pages of a map that stays")]
    fn forget(&self, start: usize, length: usize) {
        // SAFETY: the map is of a file and never written to, so pages that are dropped come back as they were.
        let advised =
            unsafe { self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, length) };
        // A system that keeps the pages nonetheless only takes more memory.
        drop(advised);
    }
}
