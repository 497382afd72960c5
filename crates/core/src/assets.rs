//! Files of the models folder that a host keeps in memory, such as packed or encrypted assets.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use crate::{Bytes, Error, File, Result, memory, stays_inside};

/// Files in memory by their names, which are relative to the models folder and come before files in it. Clones share them.
#[derive(Clone, Default)]
pub struct Assets(Arc<RwLock<BTreeMap<String, Arc<Asset>>>>);

/// Reads a part of a file: fills the buffer with the bytes from an offset on.
pub type ReadAt = dyn Fn(u64, &mut [u8]) -> io::Result<()> + Send + Sync;

/// Number of bytes read at a time.
const BLOCK: usize = 16 << 20;

/// A file in memory.
pub(crate) struct Asset {
    size: u64,
    source: Source,
}

enum Source {
    Kept(Bytes),
    /// Read when it is needed, and shared while it is in use.
    Read(Box<ReadAt>, Mutex<Weak<dyn AsRef<[u8]> + Send + Sync>>),
}

impl Asset {
    /// The bytes, which are read unless they are in use.
    pub(crate) fn bytes(&self) -> io::Result<Bytes> {
        let (read, used) = match &self.source {
            Source::Kept(bytes) => return Ok(bytes.clone()),
            Source::Read(read, used) => (read, used),
        };
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = used.upgrade() {
            return Ok(Bytes::shared(bytes));
        }
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        // In whole numbers of 16 bytes, so that tensors in it lie as they do in memory of their own.
        let mut room: Vec<u128> =
            memory::room(size.div_ceil(16)).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        room.resize(size.div_ceil(16), 0);
        let mut offset = 0;
        for block in bytemuck::cast_slice_mut::<u128, u8>(&mut room)[..size].chunks_mut(BLOCK) {
            read(offset, block)?;
            offset += block.len() as u64;
        }
        let bytes: Arc<dyn AsRef<[u8]> + Send + Sync> = Arc::new(Aligned(room, size));
        *used = Arc::downgrade(&bytes);
        Ok(Bytes::shared(bytes))
    }
}

/// Bytes at an address that is a multiple of 16.
struct Aligned(Vec<u128>, usize);

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.0)[..self.1]
    }
}

impl Assets {
    /// Adds a file that the host keeps in memory.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the name leads out of the models folder or is taken.
    pub fn add(&self, name: &str, bytes: Bytes) -> Result<()> {
        let (size, source) = (bytes.len() as u64, Source::Kept(bytes));
        self.insert(name, Asset { size, source })
    }

    /// Adds a file of `size` bytes that `read` reads when it is needed, from any thread. What was read is kept while it is
    /// in use.
    ///
    /// # Errors
    /// As [`Assets::add`].
    pub fn add_read(
        &self,
        name: &str,
        size: u64,
        read: impl Fn(u64, &mut [u8]) -> io::Result<()> + Send + Sync + 'static,
    ) -> Result<()> {
        let unused: Weak<dyn AsRef<[u8]> + Send + Sync> = Weak::<Aligned>::new();
        self.insert(name, Asset { size, source: Source::Read(Box::new(read), Mutex::new(unused)) })
    }

    fn insert(&self, name: &str, asset: Asset) -> Result<()> {
        if !stays_inside(name) || name.contains('\\') {
            let message = format!("`{name}` is no name of a file in the models folder, such as prior.onnx");
            return Err(Error::invalid("name", message));
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.contains_key(name) {
            return Err(Error::invalid("name", format!("`{name}` was added before")));
        }
        all.insert(name.to_owned(), Arc::new(asset));
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Asset>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The name of a model's file, for its name with or without `.onnx`.
    pub(crate) fn model(&self, name: &str) -> Option<String> {
        [name.to_owned(), format!("{name}.onnx")].into_iter().find(|name| self.get(name).is_some())
    }

    /// A file by its name.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read.
    pub(crate) fn file(&self, name: &str) -> Option<Result<File>> {
        let asset = self.get(name)?;
        let failed = |source| Error::File { path: name.into(), source };
        Some(asset.bytes().map_err(failed).map(|bytes| File::in_memory(name, bytes)))
    }
}

impl fmt::Debug for Assets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(all.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn names_stay_in_models_folder() {
        let assets = Assets::default();
        assets.add("a/prior.onnx", Bytes::new(*b"x")).unwrap();
        for name in ["", "../a", "/a", "a\\b"] {
            assert!(assets.add(name, Bytes::new([])).is_err(), "{name}");
        }
        assert!(assets.add("a/prior.onnx", Bytes::new([])).unwrap_err().to_string().contains("before"));
        assert_eq!(assets.model("a/prior").as_deref(), Some("a/prior.onnx"));
        assert_eq!((assets.model("prior"), assets.get("a")).0, None);
    }

    #[test]
    fn callbacks_read_once_while_in_use() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let assets = Assets::default();
        let size = BLOCK + 3;
        let read = |offset: u64, into: &mut [u8]| {
            CALLS.fetch_add(1, Ordering::Relaxed);
            into.fill(u8::from(offset > 0));
            Ok(())
        };
        assets.add_read("a.bin", size as u64, read).unwrap();
        let asset = assets.get("a.bin").unwrap();
        let bytes = asset.bytes().unwrap();
        assert_eq!((bytes.len(), bytes[BLOCK - 1], bytes[BLOCK]), (size, 0, 1));
        assert!(bytes.as_ptr().addr().is_multiple_of(16) && asset.bytes().unwrap() == bytes);
        assert_eq!(CALLS.load(Ordering::Relaxed), 2);
        drop(bytes);
        asset.bytes().unwrap();
        assert_eq!(CALLS.load(Ordering::Relaxed), 4);
        assets.add_read("b.bin", 1, |_, _| Err(io::Error::other("is locked"))).unwrap();
        assert!(assets.file("b.bin").unwrap().unwrap_err().to_string().contains("is locked"));
        assets.add_read("c.bin", u64::MAX / 2, read).unwrap();
        assert!(assets.get("c.bin").unwrap().bytes().is_err(), "no machine has this room");
    }
}
