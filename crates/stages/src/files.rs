//! Where nodes write files.
//!
//! A graph is data that may come from a stranger, so it can neither choose a folder nor leave the one that the host
//! gave; and a node writes only files of its own kind, so that nothing else there can be replaced.

use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use tempfile::{Builder, NamedTempFile};
use wuerst_core::{Error, Result, Saved};

use crate::file_name;

/// The folder that nodes write into, if the host gave one, and how much a run may write.
#[derive(Debug, Clone)]
pub struct Outputs {
    folder: Option<PathBuf>,
    most_files: u64,
    most_bytes: u64,
}

impl Default for Outputs {
    fn default() -> Outputs {
        Outputs::new(None)
    }
}

impl Outputs {
    /// The files that a run may save, unless the host says otherwise.
    pub const FILES: u64 = 1000;
    /// The bytes that they may have together.
    pub const BYTES: u64 = 1 << 30;

    /// Nodes write into `folder`; without one they refuse.
    pub fn new(folder: Option<PathBuf>) -> Outputs {
        Outputs { folder, most_files: Outputs::FILES, most_bytes: Outputs::BYTES }
    }

    /// One run saves at most so many files, of so many bytes together.
    #[must_use]
    pub fn with_limits(self, most_files: u64, most_bytes: u64) -> Outputs {
        Outputs { most_files, most_bytes, ..self }
    }

    /// Where the file called `name` lies, which must end in one of `ends`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that leads elsewhere, ends otherwise, or lies in a folder that is not there, and
    /// when the host gave no folder.
    pub(crate) fn path(&self, name: &str, ends: &[&str]) -> Result<PathBuf> {
        let refused = |message: String| Error::invalid("name", message);
        let Some(folder) = &self.folder else {
            return Err(refused(
                "this host lets graphs write no files: name a folder for them with the option `outputs`, on the command \
                 line with --outputs FOLDER (--files FOLDER names the folder that graphs read from)"
                    .into(),
            ));
        };
        let path = Path::new(name);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !inside || name.contains('\\') {
            return Err(refused(format!("`{name}` leads out of the folder for files: name a file in it")));
        }
        file_name::check(name).map_err(refused)?;
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
        if !ends.contains(&end.as_str()) {
            return Err(refused(format!("`{name}` must end in .{}", ends.join(" or ."))));
        }
        let path = folder.join(path);
        let home = path.parent().unwrap_or(folder);
        match (folder.canonicalize(), home.canonicalize()) {
            (Ok(root), Ok(home)) if !home.starts_with(&root) => {
                Err(refused(format!("`{name}` lies behind a link that leads out of {}", folder.display())))
            }
            (Ok(_), Ok(_)) if path.is_dir() => Err(refused(format!("{} is a folder", path.display()))),
            (Ok(_), Ok(_)) => Ok(path),
            _ => Err(refused(format!("there is no folder {}: make it first", home.display()))),
        }
    }

    /// Whether a run may save one more file, of so many bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the limit.
    pub(crate) fn room(&self, saved: &Saved, bytes: u64) -> Result<()> {
        let (files, sum) = (saved.files(), saved.bytes().saturating_add(bytes));
        if files >= self.most_files {
            let message = format!(
                "this run has saved {files} files, which are the most that the host allows: it allows more by the option \
                 `outputs_files`, on the command line by --outputs-count N"
            );
            return Err(Error::invalid("name", message));
        }
        if sum > self.most_bytes {
            let message = format!(
                "the files of this run would have {sum} bytes, and the host allows {}: it allows more by the option \
                 `outputs_bytes`, on the command line by --outputs-size SIZE",
                self.most_bytes
            );
            return Err(Error::invalid("name", message));
        }
        Ok(())
    }

    /// Writes the file called `name`, whole or not at all, and counts it.
    ///
    /// # Errors
    /// As [`Outputs::path`] and [`Outputs::room`], and [`Error::File`].
    pub(crate) fn write(&self, saved: &Saved, name: &str, ends: &[&str], bytes: &[u8]) -> Result<()> {
        let path = self.path(name, ends)?;
        self.room(saved, bytes.len() as u64)?;
        replace(&path, bytes).map_err(|source| Error::File { path, source })?;
        saved.add(bytes.len() as u64);
        Ok(())
    }
}

/// Writes a file, new or in the place of another, whole or not at all: by way of a temporary file beside it.
///
/// # Errors
/// What the file system says; without the temporary file's path, which means nothing to a user.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = || {
        // Dropped on an error, and removed with that.
        let mut file = temporary(path.parent().filter(|p| *p != Path::new("")).unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        file.persist(path).map(drop).map_err(|e| e.error)
    };
    written().map_err(|e| e.raw_os_error().map_or(e, io::Error::from_raw_os_error))
}

/// A temporary file in `folder`, whose name says whose it is.
///
/// # Errors
/// What the file system says.
pub fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".wuerst-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less what the umask takes away, as for any new file; the default would be for the owner only.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_in_the_folder_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("out");
        fs::create_dir_all(inner.join("deep")).unwrap();
        let outputs = Outputs::new(Some(inner.clone()));
        for name in ["a.png", "A.PNG", "deep/b.png"] {
            outputs.write(&Saved::default(), name, &["png"], b"x").unwrap();
            assert_eq!(fs::read(inner.join(name)).unwrap(), b"x");
        }
        let absolute = inner.join("a.png");
        let long = "../out/a.png";
        for name in
            ["../a.png", long, "", "/a.png", "a.png/", "./a.png", absolute.to_str().unwrap(), "..\\a.png"]
        {
            let said = outputs.path(name, &["png"]).map_err(|e| e.to_string());
            let harmless = ["a.png/", "./a.png"].contains(&name);
            assert!(harmless || said.is_err(), "{name}: {said:?}");
        }
        let said = |name: &str| {
            outputs.write(&Saved::default(), name, &["png", "webp"], b"").unwrap_err().to_string()
        };
        assert!(said(".bashrc").contains("must end in .png or .webp"));
        assert!(said("no/a.png").contains("make it first"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path(), inner.join("link")).unwrap();
            assert!(said("link/a.png").contains("leads out"));
            // A link in the place of the file is replaced, and what it pointed to stays.
            let kept = folder.path().join("kept");
            fs::write(&kept, "kept").unwrap();
            std::os::unix::fs::symlink(&kept, inner.join("c.png")).unwrap();
            outputs.write(&Saved::default(), "c.png", &["png"], b"x").unwrap();
            assert_eq!(fs::read(kept).unwrap(), b"kept");
        }
        let none = Outputs::default().path("a.png", &["png"]).unwrap_err().to_string();
        assert!(none.contains("--outputs FOLDER"), "{none}");
    }

    #[test]
    fn runs_save_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = Outputs::new(Some(folder.path().to_owned())).with_limits(3, 10);
        let saved = Saved::default();
        let write = |name: &str, bytes: &[u8]| outputs.write(&saved, name, &["png"], bytes);
        write("a.png", b"1234").unwrap();
        let said = write("b.png", b"1234567").unwrap_err().to_string();
        assert!(said.contains("would have 11 bytes") && said.contains("--outputs-size"), "{said}");
        write("b.png", b"123456").unwrap();
        // The same name once more is a file, too.
        write("b.png", b"").unwrap();
        let said = write("c.png", b"").unwrap_err().to_string();
        assert!(said.contains("has saved 3 files") && said.contains("--outputs-count"), "{said}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        outputs.write(&Saved::default(), "c.png", &["png"], b"another run").unwrap_err();
        outputs.write(&Saved::default(), "c.png", &["png"], b"next run").unwrap();
    }
}
