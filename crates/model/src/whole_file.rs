//! Files that are written whole or not at all: by way of a temporary file next to them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// Writes a file, new or in the place of another, whole or not at all: by way of a temporary file next to it. One that was
/// there leaves its mode to the new one, and its owner and group as far as the system allows that. A link is replaced: see
/// [`followed`].
///
/// # Errors
/// What the file system says; without the temporary file's path, which means nothing to a user.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = || {
        // Dropped on an error, and removed with that.
        let mut file = unfinished(path)?;
        file.write_all(bytes)?;
        file.persist(path).map(drop).map_err(|e| e.error)
    };
    written().map_err(|e| e.raw_os_error().map_or(e, io::Error::from_raw_os_error))
}

/// A file next to `path` that is to take its place once it is complete, with the mode and owner of what is there.
///
/// # Errors
/// What the file system says.
pub fn unfinished(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let before = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file);
    temporary_like(folder, before.as_ref())
}

/// Where writing to a path leads over links, also where nothing is there yet.
///
/// # Errors
/// The links lead in a circle.
pub fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("is a link that leads in a circle"))
}

/// As many links are followed as Linux follows.
const MOST_LINKS: usize = 40;

/// A temporary file in `folder`, whose name says whose it is.
///
/// # Errors
/// What the file system says.
pub fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    temporary_like(folder, None)
}

/// A temporary file that is to take the place of the one `before`, and at no time lets others read more than that one.
fn temporary_like(folder: &Path, before: Option<&fs::Metadata>) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".wuerst-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        // Less what the umask takes away, as for any new file; the default would be for the owner only.
        let mode = before.map_or(0o666, |before| before.mode() & 0o777);
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    let file = builder.tempfile_in(folder)?;
    #[cfg(unix)]
    if let Some(before) = before {
        adopt(file.as_file(), before)?;
    }
    #[cfg(not(unix))]
    let _ = before;
    Ok(file)
}

/// Gives a file the owner, the group and the mode of another, as far as the system allows it.
#[cfg(unix)]
fn adopt(file: &fs::File, before: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let now = file.metadata()?;
    let mut mode = before.mode() & 0o777;
    let owned = (now.uid(), now.gid()) == (before.uid(), before.gid())
        || fchown(file, Some(before.uid()), Some(before.gid())).is_ok();
    if !owned && now.gid() != before.gid() && fchown(file, None, Some(before.gid())).is_err() {
        // It has another group, which may do no more than all others may.
        mode &= 0o707 | (mode & 0o007) << 3;
    }
    // A file system without modes refuses, and the file has fewer rights than before, not more.
    let _ = file.set_permissions(fs::Permissions::from_mode(mode));
    Ok(())
}
