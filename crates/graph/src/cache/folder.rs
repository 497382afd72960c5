//! Results that outlive the process, in a folder that several processes may share.
//!
//! A file for each node result, named by its key. It is written under another name and moved into place, so that a
//! reader sees all of it or nothing, whoever else writes the same; a checksum tells what a crash or a bad disk left.
//! What was not used for longest goes first when the folder becomes too large. Losing a file only costs time.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wuerst_core::{Digest, Hasher, Value};

use super::record;

/// How files of results end.
const END: &str = "wst";
/// How files begin that are being written.
const UNFINISHED: &str = "unfinished-";
/// An unfinished file that is older was left by a process that is no more.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A folder of results. Nothing is read or written before a run needs it.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    budget: u64,
    salt: Digest,
    worth: f64,
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
        Folder { path: path.into(), budget, salt, worth: 64. }
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
        let mut bytes = Vec::with_capacity(usize::try_from(length).ok()?);
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
        self.evict()
    }

    /// Removes what is beyond the budget, the longest unused first, and what crashed processes left.
    fn evict(&self) -> io::Result<()> {
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
        files.sort();
        for (_, length, path) in files {
            if sum <= self.budget {
                break;
            }
            match fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {}
                _ => sum -= length,
            }
        }
        Ok(())
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
