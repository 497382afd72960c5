//! Output files: checked to be writable before anything is computed, and never left half-written.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use wuerst::stages::{followed, replace, temporary};

/// A file to be written.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    path: PathBuf,
    /// Destination of the bytes.
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// A file, new or to be replaced, by way of a temporary file in its folder.
    File { folder: PathBuf, path: PathBuf },
    /// A device or a pipe, which is written directly.
    Stream,
}

impl Target {
    /// Checks that a file can be written at this path.
    pub(crate) fn new(path: &Path) -> Result<Target> {
        let target = Target { path: path.to_owned(), place: place(path)? };
        if let Place::File { folder, .. } = &target.place {
            temporary(folder).map_err(|e| target.failed(&e))?;
        }
        Ok(target)
    }

    /// The path as the user wrote it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file to write, by a canonical path; `None` for a device or a pipe.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File { folder, path } => Some(folder.canonicalize().ok()?.join(path.file_name()?)),
            Place::Stream => None,
        }
    }

    /// Writes all bytes, or nothing.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        match &self.place {
            Place::Stream => fs::write(&self.path, bytes).map_err(|e| self.failed(&e)),
            Place::File { path, .. } => replace(path, bytes).map_err(|e| self.failed(&e)),
        }
    }

    fn failed(&self, error: &std::io::Error) -> anyhow::Error {
        // Omits the path that tempfile adds: the temporary file's, which the user does not know.
        let reason = error.raw_os_error().map_or_else(|| error.to_string(), reason);
        anyhow!("{} cannot be written: {reason}; write somewhere else", self.path.display())
    }
}

fn reason(code: i32) -> String {
    std::io::Error::from_raw_os_error(code).to_string()
}

fn place(path: &Path) -> Result<Place> {
    let shown = path.display();
    // The target of a link is written, even if it does not exist yet, and the link stays.
    let path = match path.canonicalize() {
        Ok(path) => path,
        Err(_) => followed(path).map_err(|error| anyhow!("{shown} cannot be written: it {error}"))?,
    };
    match fs::metadata(&path) {
        Ok(about) if about.is_dir() => bail!("{shown} is a folder: name a file in it"),
        Ok(about) if !about.is_file() => return Ok(Place::Stream),
        Ok(about) if about.permissions().readonly() => {
            bail!("{shown} is there and read-only: remove it, or write somewhere else")
        }
        _ => {}
    }
    if path.file_name().is_none() {
        bail!("`{shown}` names no file to write");
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    if !folder.is_dir() {
        bail!("{shown} cannot be written: there is no folder {}; make it first", folder.display());
    }
    Ok(Place::File { folder, path })
}

/// `apple.png` becomes `apple-0001.png`.
pub(crate) fn numbered(output: &Path, number: u32) -> PathBuf {
    let mut name = output.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number:04}.png"));
    output.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_numbered() {
        assert_eq!(numbered(Path::new("a/apple.png"), 12), Path::new("a/apple-0012.png"));
    }

    #[test]
    fn files_are_replaced_as_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        for bytes in [&b"one"[..], b"two"] {
            Target::new(&path).unwrap().write(bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    #[cfg(unix)]
    fn links_and_devices_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        Target::new(&link).unwrap().write(b"new").unwrap();
        assert!(link.is_symlink() && fs::read(&file).unwrap() == b"new");
        // A target that is not there yet becomes a file, also at the end of several links.
        let (next, last) = (folder.path().join("next"), folder.path().join("last"));
        std::os::unix::fs::symlink("next", &last).unwrap();
        std::os::unix::fs::symlink("new", &next).unwrap();
        Target::new(&last).unwrap().write(b"first").unwrap();
        assert!(last.is_symlink() && next.is_symlink());
        assert_eq!(fs::read(folder.path().join("new")).unwrap(), b"first");
        std::os::unix::fs::symlink("circle", folder.path().join("circle")).unwrap();
        let said = Target::new(&folder.path().join("circle")).unwrap_err().to_string();
        assert!(said.contains("circle"), "{said}");
        Target::new(Path::new("/dev/null")).unwrap().write(b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn unwritable_targets_are_refused_early() {
        let folder = tempfile::tempdir().unwrap();
        let said = |path: &Path| Target::new(path).unwrap_err().to_string();
        assert!(said(folder.path()).contains("is a folder"));
        assert!(said(&folder.path().join("no/a.png")).contains("make it first"));
        let path = folder.path().join("kept.png");
        fs::write(&path, "").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        assert!(said(&path).contains("read-only"));
    }
}
