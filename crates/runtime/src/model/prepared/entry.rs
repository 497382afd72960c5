//! A folder of the cache with one prepared model. Limits which files may be removed.
//!
//! A seal marks our folders. Only sealed folders that contain nothing but regular files with the three known names are
//! removed, file by file; anything else in their place is an error that names it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use wuerst_core::regular::{self, Links};
use wuerst_core::{CacheFolder, Digest, Hasher};

pub(super) const MODEL: &str = "model.onnx";
pub(super) const WEIGHTS: &str = "model.onnx.data";
/// Records the other two files as they were finished; its modification time is the time of last use.
pub(super) const SEAL: &str = "seal";
/// How every seal begins.
const MAGIC: &str = "wst1\n";
/// Content of the seal while the folder is being written; also precedes the size of a model that was too large.
pub(super) const UNFINISHED: &str = "unfinished";
const TOO_LARGE: &str = "too large ";

/// A sealed folder.
pub(super) struct Entry {
    path: PathBuf,
    /// Content of the seal.
    pub(super) seal: String,
    /// Time of last use.
    pub(super) used: SystemTime,
    /// Total size of its files.
    pub(super) bytes: u64,
}

impl Entry {
    /// The entry at this path; `None` if nothing is there.
    ///
    /// # Errors
    /// Something is there that is not ours.
    pub(super) fn at(path: &Path) -> io::Result<Option<Entry>> {
        let foreign = |what: &Path, why: &dyn std::fmt::Display| {
            Err(io::Error::other(format!("{}: {why}: move it away", what.display())))
        };
        match fs::symlink_metadata(path) {
            Ok(about) if about.is_dir() => {}
            Ok(_) => return foreign(path, &"is not a folder of this cache"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        }
        let mut bytes = 0;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let about = entry.metadata()?;
            if !about.is_file() || ![MODEL, WEIGHTS, SEAL].iter().any(|name| entry.file_name() == *name) {
                return foreign(&entry.path(), &"is not a file of this cache");
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
            (Ok(_), None) => foreign(&seal, &"is not a seal of this cache"),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Size of a model that was too large to be cached, if the entry records only that.
    pub(super) fn too_large(&self) -> Option<u64> {
        self.seal.strip_prefix(TOO_LARGE)?.parse().ok()
    }

    /// Marks the entry as used. If the time cannot be set, entries are evicted in the order in which they were made.
    pub(super) fn touch(&self) {
        let file = regular::open(&self.path.join(SEAL), Links::Refused);
        let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Removes the entry. Processes that have mapped its weights keep them.
    pub(super) fn remove(&self, place: &CacheFolder, key: &str) -> io::Result<()> {
        // Renamed first, so that no process finds half of it.
        let moved = place.unfinished_folder(key, |to| fs::rename(&self.path, to))?;
        delete(&moved)
    }
}

/// Removes the files of a folder of ours, the seal last, and then the folder, if it is empty.
pub(super) fn delete(path: &Path) -> io::Result<()> {
    for name in [MODEL, WEIGHTS, SEAL] {
        match fs::remove_file(path.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    fs::remove_dir(path)
}

/// Writes a seal into a folder that this process has created.
pub(super) fn seal(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path.join(SEAL))?;
    file.write_all(format!("{MAGIC}{text}\n").as_bytes())?;
    // After a system crash, a folder is either sealed or missing.
    file.sync_all()
}

/// Marks a folder that this process has created as the note of a model that was too large.
pub(super) fn seal_too_large(path: &Path, bytes: u64) -> io::Result<()> {
    for name in [MODEL, WEIGHTS] {
        match fs::remove_file(path.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    seal(path, &format!("{TOO_LARGE}{bytes}"))
}

/// Digest and total size of a model's files in their present state.
pub(super) fn content(path: &Path, key: Digest) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut bytes) = (Hasher::new("files of a prepared model").digest(key), 0);
    for name in [MODEL, WEIGHTS] {
        match regular::open(&path.join(name), Links::Refused) {
            Ok(file) => {
                let length = file.metadata()?.len();
                hasher = hasher.bytes(name.as_bytes()).content(file, length)?;
                bytes += length;
            }
            // A model with only small tensors has no such file.
            Err(e) if name == WEIGHTS && e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok((hasher.finish(), bytes))
}
