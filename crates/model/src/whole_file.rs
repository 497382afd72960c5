//! Writes files completely or not at all, by way of a temporary file next to them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// Writes a new file or replaces one, completely or not at all, by way of a temporary file next to it. A replaced file
/// passes on its mode and, as far as the system allows, its owner and group. A link is replaced: see [`followed`].
///
/// # Errors
/// Errors of the file system, without the temporary file's path, which the user does not know.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = || {
        // Removed if dropped after an error.
        let mut file = unfinished(path)?;
        file.write_all(bytes)?;
        file.persist(path).map(drop).map_err(|e| e.error)
    };
    written().map_err(|e| e.raw_os_error().map_or(e, io::Error::from_raw_os_error))
}

/// A file next to `path` that will replace it once complete, with the mode and owner of the existing file.
///
/// # Errors
/// Errors of the file system.
pub fn unfinished(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let before = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file);
    temporary_like(folder, before.as_ref())
}

/// The target of a path over links, even if it does not exist yet.
///
/// # Errors
/// The links form a cycle.
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

/// Maximum number of links followed, as in Linux.
const MOST_LINKS: usize = 40;

/// A temporary file in `folder`, whose name identifies this program.
///
/// # Errors
/// Errors of the file system.
pub fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    temporary_like(folder, None)
}

/// A temporary file to replace the file `before`, which never grants more access than that file.
fn temporary_like(folder: &Path, before: Option<&fs::Metadata>) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".wuerst-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        // The umask applies, as for any new file; the default would be for the owner only.
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

/// Copies owner, group and mode from another file, as far as the system allows.
#[cfg(unix)]
fn adopt(file: &fs::File, before: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let now = file.metadata()?;
    let mut mode = before.mode() & 0o777;
    let owned = (now.uid(), now.gid()) == (before.uid(), before.gid())
        || fchown(file, Some(before.uid()), Some(before.gid())).is_ok();
    if !owned && now.gid() != before.gid() && fchown(file, None, Some(before.gid())).is_err() {
        // It has another group, which gets only the rights of all others.
        mode &= 0o707 | (mode & 0o007) << 3;
    }
    // A file system without modes refuses; the file then has fewer rights than before, not more.
    let _ = file.set_permissions(fs::Permissions::from_mode(mode));
    Ok(())
}
