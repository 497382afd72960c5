//! Results kept beyond the process, in a folder that several processes may share.
//!
//! Each node result has a file named by its key. The file is written under another name and then renamed, so that readers
//! never see half a file, even if several processes write the same one; a checksum detects damage by crashes or bad
//! disks. When the folder grows too large, the files unused for longest are removed. A lost file only costs time.
//!
//! Only regular files with a name of 64 hexadecimal digits and the header of a result are ever removed or replaced.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use wuerst_core::regular::{self, Links};
use wuerst_core::{CacheFolder, Digest, Entry, Hasher, Value, memory};

use super::record::{self, Stored};

/// The folder's own name within the cache folder.
const NAME: &str = "wuerst-results";
/// How files of results end.
const END: &str = ".wst";
/// Unfinished files older than this were left by a process that has ended.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A process lists the folder again after writing this fraction of the budget, since it does not see the writes of others.
const UNSEEN: u64 = 32;
/// Fraction of the budget that an eviction frees, so that a full folder is not listed at every write, and unseen files of
/// four other processes still fit the budget.
const FREED: u64 = 8;

/// A folder of results. It is only accessed when a run needs it.
#[derive(Clone, Debug)]
pub struct Folder {
    place: CacheFolder,
    budget: u64,
    salt: Digest,
    worth: f64,
    /// Bytes in the folder when last listed, and bytes written since; `None` before the first listing.
    seen: Arc<Mutex<Option<[u64; 2]>>>,
}

impl Folder {
    /// The folder `wuerst-results` in the cache folder at `path`. Both are created when the first result is stored; the
    /// total size of the files stays within `budget` bytes.
    ///
    /// `salt` identifies all other influences on results, such as versions of libraries: results stored with another salt
    /// are not used.
    pub fn new(path: impl AsRef<Path>, budget: u64, salt: &str) -> Folder {
        let salt = Hasher::new("salt").bytes(salt.as_bytes()).finish();
        let place = CacheFolder::new(path.as_ref(), NAME);
        // Reading takes less than a tenth of the time.
        Folder { place, budget, salt, worth: 64., seen: Arc::default() }
    }

    /// Stores only results that took at least this many milliseconds per mebibyte. With the default of 64, text
    /// embeddings and priors are stored, and quick results are not.
    #[must_use]
    pub fn worth(self, milliseconds_per_mebibyte: f64) -> Folder {
        Folder { worth: milliseconds_per_mebibyte, ..self }
    }

    fn file(&self, key: Digest) -> (Digest, PathBuf) {
        let key = Hasher::new("stored").digest(self.salt).digest(key).finish();
        (key, self.place.path().join(format!("{key}{END}")))
    }

    /// The results for a key. Removes a damaged file, so that it is written again.
    pub(super) fn read(&self, key: Digest) -> Option<Stored> {
        let (key, path) = self.file(key);
        let file = regular::open(&path, Links::Refused).ok()?;
        // A folder that others may write to is not used; the warning comes when the first result is stored.
        if !self.place.is_there().ok()? {
            return None;
        }
        // Longer files are not ours.
        let length = file.metadata().ok()?.len().min(self.budget);
        let mut bytes = memory::room(usize::try_from(length).ok()?).ok()?;
        let whole = (&file).take(length).read_to_end(&mut bytes);
        let stored = whole.ok().and_then(|_| record::read(key, &bytes));
        match &stored {
            // Marks it as recently used. If the time cannot be set, files are evicted in the order in which they were made.
            Some(_) => drop(file.set_modified(SystemTime::now())),
            None if record::is_begun(&bytes) => drop(fs::remove_file(&path)),
            None => {}
        }
        stored
    }

    /// Stores results and warnings of a node, if they took long enough to compute.
    pub(super) fn write(
        &self,
        key: Digest,
        (values, warnings): (&[Value], &[String]),
        took: Duration,
    ) -> io::Result<()> {
        // Reported for every result, even one not worth storing.
        self.place.is_there()?;
        let size: usize = values.iter().map(Value::bytes).sum();
        if took.as_secs_f64() * 1e3 < self.worth * size as f64 / f64::from(1 << 20) {
            return Ok(());
        }
        let (key, path) = self.file(key);
        let bytes = record::write(key, values, warnings).filter(|bytes| bytes.len() as u64 <= self.budget);
        let Some(bytes) = bytes else {
            return Ok(());
        };
        self.place.make()?;
        if fs::symlink_metadata(&path).is_ok() && !is_ours(&path) {
            let why = format!("{} is not a file of this cache: move it away", path.display());
            return Err(io::Error::other(why));
        }
        // Removed if dropped before it is renamed.
        let mut file = self.place.unfinished_file(&key.to_string())?;
        file.write_all(&bytes)?;
        match file.persist(&path) {
            // Another process removed it to free space.
            Err(e) if e.error.kind() == io::ErrorKind::NotFound => return Ok(()),
            placed => drop(placed.map_err(|e| e.error)?),
        }
        // Held while the folder is listed, so that other threads need not list it too.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some([listed, written]) = &mut *seen {
            *written += bytes.len() as u64;
            if *written <= self.budget / UNSEEN && *listed + *written <= self.budget {
                return Ok(());
            }
        }
        *seen = Some([self.evict()?, 0]);
        Ok(())
    }

    /// Removes leftovers of crashed processes and, if the budget is exceeded, the files unused for longest. Returns the
    /// remaining bytes.
    fn evict(&self) -> io::Result<u64> {
        // One process at a time, so that none counts files that another removes.
        let _lock = self.place.lock();
        let mut files = Vec::new();
        for entry in fs::read_dir(self.place.path())?.flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            let Some(unfinished) = is_unfinished(&name) else { continue };
            // Metadata of the link itself, so that a link is not a file.
            let Some(about) = entry.metadata().ok().filter(|about| about.is_file() && is_ours(&path)) else {
                continue;
            };
            let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if !unfinished {
                files.push((used, about.len(), path));
            } else if used.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(path);
            }
        }
        let mut sum: u64 = files.iter().map(|(_, length, _)| length).sum();
        if sum <= self.budget {
            return Ok(sum);
        }
        files.sort();
        // Keeps the newest file even if it alone exceeds the budget.
        files.pop();
        for (_, length, path) in files {
            if sum <= self.budget - self.budget / FREED {
                break;
            }
            match fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {}
                _ => sum -= length,
            }
        }
        Ok(sum)
    }

    pub(super) fn problem(&self, error: &io::Error) -> String {
        let path = self.place.path().display();
        format!("results cannot be kept in the cache folder {path}: {error}; the run continues without it")
    }
}

/// Whether a name belongs to an unfinished or a finished file; `None` if neither.
fn is_unfinished(name: &OsStr) -> Option<bool> {
    match CacheFolder::entry(name)? {
        Entry::Unfinished => Some(true),
        Entry::Finished(END) => Some(false),
        Entry::Finished(_) => None,
    }
}

/// Whether a file has the header of a result.
fn is_ours(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = regular::open(path, Links::Refused)
        .and_then(|file| file.take(record::MAGIC.len() as u64).read_to_end(&mut head));
    read.is_ok() && record::is_begun(&head)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file of about a kilobyte.
    fn write(folder: &Folder, number: i64) {
        let value = Value::from(ndarray::Array1::from_elem(1000, number as u8));
        folder.write(Value::from(number).digest(), (&[value], &[]), Duration::from_secs(1)).unwrap();
    }

    fn size(folder: &Folder) -> (usize, u64) {
        let files = fs::read_dir(folder.place.path()).unwrap().flatten();
        let files = files.filter(|entry| is_unfinished(&entry.file_name()).is_some());
        let lengths: Vec<u64> = files.map(|entry| entry.metadata().unwrap().len()).collect();
        (lengths.len(), lengths.iter().sum())
    }

    #[test]
    fn folder_stays_within_budget() {
        let place = tempfile::tempdir().unwrap();
        let budget = 100 << 10;
        let folder = Folder::new(place.path(), budget, "");
        write(&folder, 0);
        // Old unfinished files of other processes are removed when the folder is listed.
        let left = folder.place.unfinished_file(&"0".repeat(64)).unwrap().into_temp_path();
        fs::File::open(&left).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        write(&folder, 1);
        assert!(left.exists(), "it is not listed for every file");
        (2..8).for_each(|number| write(&folder, number));
        assert!(!left.exists(), "and not forgotten either");
        // Several writers, each with its own count.
        let others: Vec<Folder> = (0..4).map(|_| Folder::new(place.path(), budget, "")).collect();
        for number in 8..400 {
            write(&others[number as usize % 4], number);
            assert!(size(&folder).1 <= budget, "{:?} after {number}", size(&folder));
        }
        assert!(size(&folder).0 > 70, "{:?}", size(&folder));
        assert!(folder.read(Value::Int(399).digest()).is_some(), "the newest is there");
    }
}
