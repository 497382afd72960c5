//! Contents in the memory of a host, in place of files.

use std::fmt;
use std::fs;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Deref;
use std::sync::Arc;

use crate::{CancellationToken, Digest, Error, Result};

/// Bytes that a host keeps in memory in place of a file. Cheap to clone; clones share the bytes.
#[derive(Clone)]
pub struct Bytes(Arc<dyn AsRef<[u8]> + Send + Sync>);

impl Bytes {
    /// Wraps memory that stays as it is until the last clone is dropped.
    pub fn new(memory: impl AsRef<[u8]> + Send + Sync + 'static) -> Bytes {
        Bytes(Arc::new(memory))
    }

    /// Another handle to memory in use.
    pub(crate) fn shared(memory: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Bytes {
        Bytes(memory)
    }

    /// The digest of the bytes, equal to that of a file with this content.
    pub(crate) fn digest(&self, cancel: &CancellationToken) -> Result<Digest> {
        /// Number of bytes between two looks at the token.
        const BLOCK: usize = 64 << 20;
        let mut hasher = blake3::Hasher::new();
        for block in self.chunks(BLOCK) {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            hasher.update(block);
        }
        Ok(Digest::from(*hasher.finalize().as_bytes()))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Compares addresses; equal content at two addresses has equal digests.
impl PartialEq for Bytes {
    fn eq(&self, other: &Bytes) -> bool {
        std::ptr::eq(&raw const **self, &raw const **other)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.len())
    }
}

/// The content of a model or file being read.
#[derive(Debug)]
pub enum Content {
    /// A file on disk.
    File(fs::File),
    /// Bytes in memory.
    Bytes(Cursor<Bytes>),
}

impl Content {
    /// Number of bytes.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn size(&self) -> io::Result<u64> {
        match self {
            Content::File(file) => Ok(file.metadata()?.len()),
            Content::Bytes(bytes) => Ok(bytes.get_ref().len() as u64),
        }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Content {
        Content::Bytes(Cursor::new(bytes))
    }
}

impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Content::File(file) => file.read(into),
            Content::Bytes(bytes) => bytes.read(into),
        }
    }
}

impl Seek for Content {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Content::File(file) => file.seek(to),
            Content::Bytes(bytes) => bytes.seek(to),
        }
    }
}
