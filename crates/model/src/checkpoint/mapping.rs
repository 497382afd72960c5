//! Files of weights: memory-mapped, with pages that are released after reading, or read into memory.

use std::path::{Path, PathBuf};

use memmap2::Mmap;
use wuerst_read::regular::{self, Links};

use super::CheckpointError;

/// A file of weights.
#[derive(Debug)]
pub struct Mapping {
    path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Map(Mmap),
    Bytes(Vec<u8>),
}

impl Mapping {
    #[expect(unsafe_code, reason = "reading gigabytes of weights through a copy would double what they take")]
    pub fn open(path: &Path) -> Result<Mapping, CheckpointError> {
        let failed = |source| CheckpointError::Io { path: path.into(), source };
        let file = regular::open(path, Links::Followed).map_err(failed)?;
        // SAFETY: the map is only read, and its bytes are taken for numbers, of which any are valid. Another process with
        // write access can do two things. It can change bytes during reading: numbers change, but memory stays sound. It
        // can truncate the file: reading beyond the end is SIGBUS, which ends this process. Only commands that import and
        // train map files, and no host does. A process with write access to the imported weights controls the models
        // anyway.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(Mapping { path: path.to_owned(), content: Content::Map(map) })
    }

    /// Reads a file of at most `most` bytes into memory, for hosts: a map of a file that is truncated ends the process.
    pub fn read(path: &Path, most: u64) -> Result<Mapping, CheckpointError> {
        let bytes = regular::read(path, most);
        let bytes = bytes.map_err(|source| CheckpointError::Io { path: path.into(), source })?;
        Ok(Mapping { path: path.to_owned(), content: Content::Bytes(bytes) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Map(map) => map,
            Content::Bytes(bytes) => bytes,
        }
    }

    /// Releases the pages of a part that will not be read again soon; the system reloads them if they are.
    ///
    /// Otherwise every page that was read counts as memory of this process until the system runs short.
    pub fn release(&self, start: usize, length: usize) {
        #[cfg(unix)]
        if let Content::Map(map) = &self.content {
            forget(map, start, length);
        }
        #[cfg(not(unix))]
        let _ = (start, length);
    }
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "the one way to give back pages of a map that stays")]
fn forget(map: &Mmap, start: usize, length: usize) {
    // SAFETY: the map is of a file and never written, so dropped pages are reloaded unchanged.
    let advised = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, length) };
    // If the system keeps the pages, the process only takes more memory.
    drop(advised);
}
