//! Results that outlive the process, in a folder that several processes may share.
//!
//! A file for each node result, named by its key. It is written under another name and moved into place, so that a
//! reader sees all of it or nothing, whoever else writes the same; a checksum tells what a crash or a bad disk left.
//! What was not used for longest goes first when the folder becomes too large. Losing a file only costs time.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use wuerst_core::{Digest, Hasher, Value, memory};

use super::record;

/// How files of results end.
const END: &str = "wst";
/// How files begin that are being written.
const UNFINISHED: &str = "unfinished-";
/// An unfinished file that is older was left by a process that is no more.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Of the budget, as much may be written until the folder is listed again: others write too, and each counts only what
/// it has seen and written itself.
const UNSEEN: u64 = 32;
/// And as much is left free when files are removed, so that a full folder is not listed at every write, nor four
/// others' unseen files go beyond the budget.
const FREED: u64 = 8;

/// A folder of results. Nothing is read or written before a run needs it.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    budget: u64,
    salt: Digest,
    worth: f64,
    /// Bytes in the folder when it was listed last, and written since; nothing before the first time.
    seen: Arc<Mutex<Option<[u64; 2]>>>,
}

impl Folder {
    /// The folder at `path`, which is made when the first result is stored; its files together are kept within
    /// `budget` bytes.
    ///
    /// `salt` names everything that results depend on beside nodes and arguments, as the versions of libraries:
    /// results that were stored with another one are not used.
    pub fn new(path: impl Into<PathBuf>, budget: u64, salt: &str) -> Folder {
        let salt = Hasher::new("salt").bytes(salt.as_bytes()).finish();
        // Reading takes less than a tenth of that.
        Folder { path: path.into(), budget, salt, worth: 64., seen: Arc::default() }
    }

    /// Stores only what took at least so many milliseconds for each mebibyte of its results. The default is 64, which
    /// text embeddings and priors surpass by far, and what is quickly made again does not.
    #[must_use]
    pub fn worth(self, milliseconds_per_mebibyte: f64) -> Folder {
        Folder { worth: milliseconds_per_mebibyte, ..self }
    }

    fn file(&self, key: Digest) -> (Digest, PathBuf) {
        let key = Hasher::new("stored").digest(self.salt).digest(key).finish();
        (key, self.path.join(format!("{key}.{END}")))
    }

    /// The results of a key. A damaged file is removed, so that it is made again.
    pub(super) fn read(&self, key: Digest) -> Option<Vec<Value>> {
        let (key, path) = self.file(key);
        let file = File::open(&path).ok()?;
        // Longer ones are none of ours, and not worth the memory.
        let length = file.metadata().ok()?.len().min(self.budget);
        let mut bytes = memory::room(usize::try_from(length).ok()?).ok()?;
        let whole = (&file).take(length).read_to_end(&mut bytes);
        let values = whole.ok().and_then(|_| record::read(key, &bytes));
        match &values {
            // Used just now. Where the time cannot be set, files go in the order in which they were made.
            Some(_) => drop(file.set_modified(SystemTime::now())),
            None => drop(fs::remove_file(&path)),
        }
        values
    }

    /// Stores the results of a key, if they are worth it.
    pub(super) fn write(&self, key: Digest, values: &[Value], took: Duration) -> io::Result<()> {
        let size: usize = values.iter().map(Value::bytes).sum();
        if took.as_secs_f64() * 1e3 < self.worth * size as f64 / f64::from(1 << 20) {
            return Ok(());
        }
        let (key, path) = self.file(key);
        let Some(bytes) = record::write(key, values).filter(|bytes| bytes.len() as u64 <= self.budget) else {
            return Ok(());
        };
        make(&self.path)?;
        // Removed when it is dropped before it is in place.
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.path)?;
        file.write_all(&bytes)?;
        file.persist(&path).map_err(|e| e.error)?;
        // Held while the folder is listed: whoever writes meanwhile need not list it too.
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

    /// When there is too much, removes what was unused for longest, and always what crashed processes left. Gives the
    /// bytes that stay.
    fn evict(&self) -> io::Result<u64> {
        // One process at a time, so that none counts what another is just removing. Without locks it works nearly
        // as well. The lock goes with the file.
        let lock = File::create(self.path.join("lock"))?;
        let _ = lock.lock();
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)?.flatten() {
            let (path, Ok(about)) = (entry.path(), entry.metadata()) else { continue };
            let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
            if unfinished && used.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(path);
            } else if path.extension().is_some_and(|end| end == END) {
                files.push((used, about.len(), path));
            }
        }
        let mut sum: u64 = files.iter().map(|(_, length, _)| length).sum();
        if sum <= self.budget {
            return Ok(sum);
        }
        files.sort();
        // But for the newest: a budget may hold one file and no more.
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
        let path = self.path.display();
        format!("results cannot be kept in the cache folder {path}: {error}; the run goes on without")
    }
}

/// Makes the folder, for its owner alone: results tell what prompts were about.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file of about a kilobyte.
    fn write(folder: &Folder, number: i64) {
        let value = Value::from(ndarray::Array1::from_elem(1000, number as u8));
        folder.write(Value::Int(number).digest(), &[value], Duration::from_secs(1)).unwrap();
    }

    fn size(folder: &Folder) -> (usize, u64) {
        let files = fs::read_dir(&folder.path).unwrap().flatten().filter(|e| e.file_name() != "lock");
        let lengths: Vec<u64> = files.map(|entry| entry.metadata().unwrap().len()).collect();
        (lengths.len(), lengths.iter().sum())
    }

    #[test]
    fn a_folder_is_listed_now_and_then_and_never_too_large() {
        let place = tempfile::tempdir().unwrap();
        let budget = 100 << 10;
        let folder = Folder::new(place.path(), budget, "");
        write(&folder, 0);
        // What another process left unfinished long ago goes when the folder is listed.
        let left = place.path().join(format!("{UNFINISHED}1"));
        fs::write(&left, "").unwrap();
        File::open(&left).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
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
