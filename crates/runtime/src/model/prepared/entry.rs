//! A folder of the cache that holds one prepared model, and what may be removed of it.
//!
//! A seal says that it is ours. Only sealed folders that hold nothing but regular files of the three names are ever
//! removed, file by file; what else is found in their place is an error that names it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use wuerst_core::regular::{self, Links};
use wuerst_core::{CacheFolder, Digest, Hasher};

pub(super) const MODEL: &str = "model.onnx";
pub(super) const WEIGHTS: &str = "model.onnx.data";
/// Says what the other two files were when they were finished; its time of change is when it was used last.
pub(super) const SEAL: &str = "seal";
/// How every seal begins.
const MAGIC: &str = "wst1\n";
/// What stands in the seal of a folder that is being written, and before the size of a model that was too large.
pub(super) const UNFINISHED: &str = "unfinished";
const TOO_LARGE: &str = "too large ";

/// A sealed folder.
pub(super) struct Entry {
    path: PathBuf,
    /// What the seal says.
    pub(super) seal: String,
    /// When it was used last.
    pub(super) used: SystemTime,
    /// The size of its files.
    pub(super) bytes: u64,
}

impl Entry {
    /// What is at this path. None when nothing is.
    ///
    /// # Errors
    /// It is not ours.
    pub(super) fn at(path: &Path) -> io::Result<Option<Entry>> {
        let foreign = |what: &Path, why: &dyn std::fmt::Display| {
            Err(io::Error::other(format!("{}: {why}: move it away", what.display())))
        };
        match fs::symlink_metadata(path) {
            Ok(about) if about.is_dir() => {}
            Ok(_) => return foreign(path, &"is no folder of this cache"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        }
        let mut bytes = 0;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let about = entry.metadata()?;
            if !about.is_file() || ![MODEL, WEIGHTS, SEAL].iter().any(|name| entry.file_name() == *name) {
                return foreign(&entry.path(), &"is no file of this cache");
            }
            bytes += about.len();
        }
        let seal = path.join(SEAL);
        let (mut text, mut used) = (String::new(), UNIX_EPOCH);
        let read = regular::open(&seal, Links::Refused).and_then(|file| {
            used = file.metadata()?.modified().unwrap_or(UNIX_EPOCH);
            file.take(1000).read_to_string(&mut text)
        });
        match (read, text.strip_prefix(MAGIC)) {
            (Ok(_), Some(seal)) => {
                Ok(Some(Entry { path: path.to_owned(), seal: seal.trim_end().to_owned(), used, bytes }))
            }
            (Err(why), _) => foreign(&seal, &why),
            (Ok(_), None) => foreign(&seal, &"is no seal of this cache"),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The size of a model that was too large to be kept, if that is all that this says.
    pub(super) fn too_large(&self) -> Option<u64> {
        self.seal.strip_prefix(TOO_LARGE)?.parse().ok()
    }

    /// Notes that it is used now. Where the time cannot be set, entries go in the order in which they were made.
    pub(super) fn touch(&self) {
        let file = regular::open(&self.path.join(SEAL), Links::Refused);
        let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Removes it. Whoever has mapped its weights keeps them.
    pub(super) fn remove(&self, place: &CacheFolder, key: &str) -> io::Result<()> {
        // Moved first, so that no process finds a part of it.
        let moved = place.unfinished_folder(key, |to| fs::rename(&self.path, to))?;
        delete(&moved)
    }
}

/// Removes the files of a folder that is ours, the seal last, and the folder, if nothing else is in it.
pub(super) fn delete(path: &Path) -> io::Result<()> {
    for name in [MODEL, WEIGHTS, SEAL] {
        match fs::remove_file(path.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    fs::remove_dir(path)
}

/// Writes a seal into a folder that this process has just made.
pub(super) fn seal(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path.join(SEAL))?;
    file.write_all(format!("{MAGIC}{text}\n").as_bytes())?;
    // A crash of the system leaves sealed folders or none.
    file.sync_all()
}

/// Marks a folder that this process has just made as one whose model was too large.
pub(super) fn seal_too_large(path: &Path, bytes: u64) -> io::Result<()> {
    for name in [MODEL, WEIGHTS] {
        match fs::remove_file(path.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    seal(path, &format!("{TOO_LARGE}{bytes}"))
}

/// The digest of a model's files as they are now, under the name that they have; and how large they are.
pub(super) fn content(path: &Path, key: Digest) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut bytes) = (Hasher::new("files of a prepared model").digest(key), 0);
    for name in [MODEL, WEIGHTS] {
        match regular::open(&path.join(name), Links::Refused) {
            Ok(file) => {
                let length = file.metadata()?.len();
                hasher = hasher.bytes(name.as_bytes()).content(file, length)?;
                bytes += length;
            }
            // A model of small tensors alone has no such file.
            Err(e) if name == WEIGHTS && e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok((hasher.finish(), bytes))
}
