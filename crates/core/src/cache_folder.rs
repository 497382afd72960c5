//! A cache folder: private to its user and marked, so that only files of our own making are removed.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::{Builder, NamedTempFile};

use crate::regular::{self, Links};

/// Marker file as specified by <https://bford.info/cachedir/>; backup programs skip folders that hold it.
const MARKER: &str = "CACHEDIR.TAG";
const MARK: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # A cache folder of wuerst: files that are named by 64 hexadecimal digits are removed when it is full.\n";
/// Suffix of files that are being written.
const PART: &str = ".part";
/// How often the lock is tried, and how long after the last time.
const TRIES: (u32, Duration) = (200, Duration::from_millis(5));

/// A named subfolder of the cache folder that the user chose.
#[derive(Clone, Debug)]
pub struct CacheFolder {
    within: PathBuf,
    path: PathBuf,
    name: &'static str,
}

/// State of an entry, read from the part of its name after the 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'n> {
    /// Finished; the rest of the name.
    Finished(&'n str),
    /// Being written, or left behind by a process that ended.
    Unfinished,
}

impl CacheFolder {
    /// The folder `name` within `within`. Creates nothing yet.
    pub fn new(within: &Path, name: &'static str) -> CacheFolder {
        // Without a trailing slash, which would follow a link. The current folder is the empty path.
        let parts: PathBuf = within.components().collect();
        let within = if parts.as_os_str().is_empty() { PathBuf::from(".") } else { parts };
        CacheFolder { path: within.join(name), within, name }
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the folder exists and is marked. An empty folder counts as missing.
    ///
    /// # Errors
    /// The folder or its parent is a link, not a folder, owned by another user, writable by others, or holds files of
    /// another origin. The message tells how to resolve it.
    pub fn is_there(&self) -> io::Result<bool> {
        if !is_private(&self.within)? || !is_private(&self.path)? {
            return Ok(false);
        }
        let (marker, mut mark) = (self.path.join(MARKER), Vec::new());
        let read = regular::open(&marker, Links::Refused)
            .and_then(|file| file.take(MARK.len() as u64).read_to_end(&mut mark));
        match read {
            Ok(_) if mark == MARK.as_bytes() => return Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound && fs::read_dir(&self.path)?.next().is_none() => {
                return Ok(false);
            }
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(io::Error::new(e.kind(), format!("{}: {e}", marker.display())));
            }
            _ => {}
        }
        let path = self.path.display();
        let why = format!("{path} lacks the marker {MARKER} of wuerst: move it away, or name another folder");
        Err(io::Error::other(why))
    }

    /// Creates the folder unless it exists.
    ///
    /// # Errors
    /// As [`CacheFolder::is_there`], and errors of the file system.
    pub fn make(&self) -> io::Result<()> {
        if self.is_there()? {
            return Ok(());
        }
        if !is_private(&self.within)? {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&self.within)?;
        }
        // Marked before it gets its final name, so that no process sees an unmarked folder.
        let prefix = format!(".{}-", self.name);
        let made = Builder::new().prefix(&prefix).tempdir_in(&self.within)?;
        fs::write(made.path().join(MARKER), MARK)?;
        match fs::rename(made.path(), &self.path) {
            Ok(()) => drop(made.keep()),
            // Another process was quicker.
            Err(_) if self.is_there()? => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Waits up to a second for the folder's lock, which is released when the file is dropped. Returns `None` on failure:
    /// the locked work is only slower without the lock.
    pub fn lock(&self) -> Option<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = regular::open_with(&self.path.join("lock"), Links::Refused, &options).ok()?;
        for _ in 0..TRIES.0 {
            match file.try_lock() {
                Ok(()) => return Some(file),
                Err(TryLockError::WouldBlock) => thread::sleep(TRIES.1),
                Err(TryLockError::Error(_)) => return None,
            }
        }
        None
    }

    /// Creates a file for the entry with these digits, under an unfinished name. The file is private to its user, and is
    /// removed if dropped before it is renamed.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn unfinished_file(&self, digits: &str) -> io::Result<NamedTempFile> {
        let prefix = format!("{digits}-");
        Builder::new().prefix(&prefix).suffix(PART).tempfile_in(&self.path)
    }

    /// Lets `make` create a folder, or move one, at the path it is given, under an unfinished name.
    ///
    /// # Errors
    /// Errors of `make`; after `AlreadyExists` it is called with another path.
    pub fn unfinished_folder(
        &self,
        digits: &str,
        make: impl FnMut(&Path) -> io::Result<()>,
    ) -> io::Result<PathBuf> {
        let prefix = format!("{digits}-");
        let made = Builder::new().prefix(&prefix).suffix(PART).make_in(&self.path, make)?;
        Ok(made.into_temp_path().keep()?)
    }

    /// Parses the name of a file or folder in the cache. `None` if it is not an entry's name.
    pub fn entry(name: &OsStr) -> Option<Entry<'_>> {
        let (digits, end) = name.to_str()?.split_at_checked(64)?;
        if !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let random = end.strip_prefix('-').and_then(|end| end.strip_suffix(PART));
        match random {
            Some(random) if random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Some(Entry::Unfinished)
            }
            _ => Some(Entry::Finished(end)),
        }
    }
}

/// Whether there is a folder that only its user may write to; an error if something else is there.
fn is_private(path: &Path) -> io::Result<bool> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    let shown = path.display();
    let refused = |why: String| Err(io::Error::other(why));
    if about.is_symlink() {
        return refused(format!("{shown} is a link: name the folder that it leads to"));
    }
    if !about.is_dir() {
        return refused(format!("{shown} is not a folder: move it away, or name another"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if about.uid() != rustix::process::geteuid().as_raw() {
            return refused(format!("{shown} belongs to another user: name a folder of your own"));
        }
        if about.mode() & 0o022 != 0 {
            return refused(format!("others may write to {shown}: `chmod go-w` it, or name another folder"));
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_and_marked() {
        let place = tempfile::tempdir().unwrap();
        let folder = CacheFolder::new(&place.path().join("new/deep/"), "wuerst-test");
        assert!(!folder.is_there().unwrap());
        folder.make().unwrap();
        folder.make().unwrap();
        assert!(folder.is_there().unwrap() && folder.lock().is_some());
        let mark = fs::read_to_string(folder.path().join(MARKER)).unwrap();
        assert!(mark.starts_with("Signature: 8a477f597d28d172789f06886806bc55"), "{mark}");
        let around = fs::read_dir(place.path().join("new/deep")).unwrap().count();
        assert_eq!(around, 1, "nothing else is left");
        fs::write(folder.path().join(MARKER), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
        assert!(folder.is_there().is_err(), "another program's marker");
    }

    #[test]
    fn foreign_folders_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let folder = CacheFolder::new(place.path(), "wuerst-test");
        fs::create_dir(folder.path()).unwrap();
        assert!(!folder.is_there().unwrap(), "empty ones are anybody's");
        fs::write(folder.path().join("letter"), "").unwrap();
        assert!(folder.make().unwrap_err().to_string().contains(MARKER));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn entries_are_named_by_digits() {
        let digits = "0123456789abcdef".repeat(4);
        let entry = |end: &str| {
            let name = format!("{digits}{end}");
            CacheFolder::entry(OsStr::new(&name)).map(|entry| match entry {
                Entry::Finished(end) => end.to_owned(),
                Entry::Unfinished => "unfinished".to_owned(),
            })
        };
        assert_eq!(entry(""), Some(String::new()));
        assert_eq!(entry(".wst"), Some(".wst".into()));
        assert_eq!(entry("-a1B2c3.part"), Some("unfinished".into()));
        assert_eq!(entry("-copy.part"), Some("-copy.part".into()));
        for name in ["letters", "unfinished-1", &digits[1..], &digits.to_uppercase(), &"ü".repeat(40)] {
            assert_eq!(CacheFolder::entry(OsStr::new(name)), None, "{name}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn shared_folders_are_refused() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let place = tempfile::tempdir().unwrap();
        let (within, elsewhere) = (place.path().join("cache"), place.path().join("home"));
        let folder = CacheFolder::new(&within, "wuerst-test");
        folder.make().unwrap();
        for path in [&within, folder.path()] {
            for mode in [0o777, 0o770, 0o1777, 0o722] {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
                assert!(folder.is_there().unwrap_err().to_string().contains("others may write"), "{mode:o}");
                assert!(folder.make().is_err());
            }
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            assert!(folder.is_there().unwrap());
        }
        fs::rename(folder.path(), &elsewhere).unwrap();
        symlink(&elsewhere, folder.path()).unwrap();
        assert!(folder.make().unwrap_err().to_string().contains("is a link"));
        let link = place.path().join("link");
        symlink(&within, &link).unwrap();
        for path in [link.clone(), link.join(""), link.join(".")] {
            let linked = CacheFolder::new(&path, "wuerst-other");
            assert!(linked.make().unwrap_err().to_string().contains("is a link"), "{}", path.display());
        }
        assert!(CacheFolder::new(Path::new("/proc"), "wuerst-test").make().is_err());
    }

    #[test]
    #[cfg(unix)]
    fn lock_links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let folder = CacheFolder::new(place.path(), "wuerst-test");
        folder.make().unwrap();
        let (lock, victim) = (folder.path().join("lock"), place.path().join("victim"));
        fs::write(&victim, "letters").unwrap();
        std::os::unix::fs::symlink(&victim, &lock).unwrap();
        assert!(folder.lock().is_none());
        assert_eq!(fs::read(&victim).unwrap(), b"letters");
        fs::remove_file(&lock).unwrap();
        fs::write(&lock, "letters").unwrap();
        assert!(folder.lock().is_some());
        assert_eq!(fs::read(&lock).unwrap(), b"letters", "nor is it cut off");
    }
}
