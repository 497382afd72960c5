//! Digests of the content of files, each file read once.
//!
//! Weights are gigabytes, so a file's digest is remembered in the process, keyed by the file's system metadata. The
//! digest of a file that changed a moment ago is not remembered: another change within the clock's resolution would not
//! show.

use std::collections::HashMap;
use std::fs::File;
#[cfg(not(windows))]
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::regular::{self, Links};
use crate::{CancellationToken, Digest, Hasher};

/// Assumed resolution of file time stamps; some file systems are this coarse.
const GRAIN: Duration = Duration::from_secs(2);

/// Number of bytes read at a time.
const BLOCK: usize = 256 << 10;

/// Maximum number of remembered files. When exceeded, all are forgotten and read again.
const MOST: usize = 4096;

/// System metadata that identifies a file's state: equal as long as the file is not written to, even if its modification
/// time is set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    device: u64,
    /// File identifier; 128 bits on Windows.
    inode: u128,
    size: u64,
    /// Modification time in nanoseconds since 1970.
    modified: i128,
    /// Last change of content or attributes (ctime), which programs cannot set; `None` where the system does not report it.
    changed: Option<i128>,
}

impl Stamp {
    /// Stamp of an open file.
    pub(crate) fn of(file: &File) -> io::Result<Stamp> {
        #[cfg(windows)]
        return windows::stamp(file);
        #[cfg(not(windows))]
        file.metadata().map(|about| Stamp::of_metadata(&about))
    }

    /// Stamp of the file at a path, links resolved.
    pub(crate) fn at(path: &Path) -> io::Result<Stamp> {
        #[cfg(windows)]
        return windows::stamp(&regular::open(path, Links::Followed)?);
        #[cfg(not(windows))]
        regular::about(path).map(|about| Stamp::of_metadata(&about))
    }

    #[cfg(unix)]
    fn of_metadata(about: &Metadata) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        let time =
            |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        Stamp {
            device: about.dev(),
            inode: about.ino().into(),
            size: about.size(),
            modified: time(about.mtime(), about.mtime_nsec()),
            changed: Some(time(about.ctime(), about.ctime_nsec())),
        }
    }

    /// Lacks a reliable file identity here, so nothing is remembered.
    #[cfg(not(any(unix, windows)))]
    fn of_metadata(about: &Metadata) -> Stamp {
        let time = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = time.map_or(0, |time| i128::try_from(time.as_nanos()).unwrap_or(0));
        Stamp { device: 0, inode: 0, size: about.len(), modified, changed: None }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether the last change is old enough that the next one will alter the stamp.
    pub(crate) fn settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let grain = GRAIN.as_nanos();
        self.changed.is_some_and(|changed| {
            i128::try_from(now.saturating_sub(grain)).is_ok_and(|then| changed <= then)
        })
    }

    /// A digest of the stamp, usable as a key for results that follow from the file's content within this process.
    pub(crate) fn digest(&self) -> Digest {
        let hasher = Hasher::new("stamp").number(self.device).number(self.size);
        let hasher = hasher.bytes(&self.inode.to_le_bytes());
        hasher.bytes(&self.modified.to_le_bytes()).bytes(&self.changed.unwrap_or(0).to_le_bytes()).finish()
    }
}

/// Reason why a file has no digest.
pub(crate) enum Trouble {
    Cancelled,
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Io(error)
    }
}

/// Facts found in files, remembered as long as the files do not change.
pub(crate) struct Known<T>(Mutex<HashMap<Stamp, T>>);

impl<T: Clone> Known<T> {
    pub(crate) fn new() -> Known<T> {
        Known(Mutex::default())
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Stamp, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the remembered fact about a file, or computes it by `find`, which gets the file's size. `stamp` is the stamp
    /// of the file at `path` if the caller has it; a system call is saved.
    pub(crate) fn of<E: From<io::Error>>(
        &self,
        path: &Path,
        stamp: Option<Stamp>,
        find: impl FnOnce(&mut File, u64) -> Result<T, E>,
    ) -> Result<T, E> {
        let stamp = stamp.map_or_else(|| Stamp::at(path), Ok)?;
        if let Some(known) = self.table().get(&stamp) {
            return Ok(known.clone());
        }
        let mut file = regular::open(path, Links::Followed)?;
        let stamp = Stamp::of(&file)?;
        let settled = stamp.settled();
        let found = find(&mut file, stamp.size)?;
        if Stamp::of(&file)? != stamp {
            return Err(io::Error::other("changed while it was read: try again when it is complete").into());
        }
        if settled {
            let mut table = self.table();
            if table.len() >= MOST {
                table.clear();
            }
            table.insert(stamp, found.clone());
        }
        Ok(found)
    }
}

static DIGESTS: LazyLock<Known<Digest>> = LazyLock::new(Known::new);

/// A digest that no other value has, for unreadable content.
pub(crate) fn unknown() -> Digest {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Hasher::new("unknown")
        .number(NEXT.fetch_add(1, Ordering::Relaxed))
        .number(std::process::id().into())
        .finish()
}

/// The digest of a file's content. Reads the file unless an unchanged one is remembered; `stamp` is as in [`Known::of`].
pub(crate) fn digest(
    path: &Path,
    stamp: Option<Stamp>,
    cancel: &CancellationToken,
) -> Result<Digest, Trouble> {
    DIGESTS.of(path, stamp, |file, size| read(file, size, cancel))
}

fn read(file: &mut File, size: u64, cancel: &CancellationToken) -> Result<Digest, Trouble> {
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; BLOCK];
    let mut sum = 0;
    loop {
        if cancel.is_cancelled() {
            return Err(Trouble::Cancelled);
        }
        let length = match file.read(&mut block) {
            Ok(0) => break,
            Ok(length) => length,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
        hasher.update(&block[..length]);
        sum += length as u64;
        // Files of /proc report size 0, and some never end.
        if sum > size {
            break;
        }
    }
    if sum != size {
        let message = format!(
            "does not have the {size} bytes that the system reports: it is not a regular file, or is being written"
        );
        return Err(io::Error::other(message).into());
    }
    Ok(Digest::from(*hasher.finalize().as_bytes()))
}

#[cfg(windows)]
mod windows;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn of(known: &Known<Digest>, path: &Path) -> Digest {
        match known.of(path, None, |file, size| read(file, size, &CancellationToken::new())) {
            Ok(digest) => digest,
            Err(Trouble::Io(e)) => panic!("{e}"),
            Err(Trouble::Cancelled) => panic!("cancelled"),
        }
    }

    #[test]
    fn times_do_not_hide_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let known = Known::new();
        let mut seen = Vec::new();
        for content in ["one", "two", "six"] {
            fs::write(&path, content).unwrap();
            File::options().append(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
            seen.push(of(&known, &path));
        }
        assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
        assert!(known.table().is_empty(), "a file that changed a moment ago is remembered");
    }

    #[test]
    #[cfg(any(unix, windows))]
    fn settled_files_are_remembered() {
        let program = std::env::current_exe().unwrap();
        let old = Path::new("/etc/passwd");
        let path = if Stamp::at(&program).unwrap().settled() { &program } else { old };
        let known = Known::new();
        let first = of(&known, path);
        assert_eq!(known.table().values().copied().collect::<Vec<_>>(), [first]);
        let again: Result<Digest, Trouble> = known.of(path, None, |_, _| panic!("is read again"));
        assert!(again.is_ok_and(|digest| digest == first));
    }

    #[test]
    fn reading_can_be_cancelled() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert!(matches!(digest(file.path(), None, &cancel), Err(Trouble::Cancelled)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn files_without_size_are_refused() {
        let said = match digest(Path::new("/proc/self/maps"), None, &CancellationToken::new()) {
            Err(Trouble::Io(e)) => e.to_string(),
            _ => panic!("/proc/self/maps has a digest"),
        };
        assert!(said.contains("not a regular file"), "{said}");
    }
}
