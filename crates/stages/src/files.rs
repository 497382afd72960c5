//! The folder that nodes save files into.
//!
//! A graph may come from a stranger, so it can neither choose a folder nor leave the host's. A node only writes files of
//! its own kind, so that it cannot replace others.

use std::path::{Component, Path, PathBuf};

use wuerst_core::{Error, Origin, Result, Saved};
pub use wuerst_model::whole_file::{followed, replace, temporary};

use crate::file_name;

/// The folder that nodes write into, if the host set one, and the limits of a run.
#[derive(Debug, Clone)]
pub struct Outputs {
    folder: Option<PathBuf>,
    most_files: u64,
    most_bytes: u64,
    marks: bool,
}

impl Default for Outputs {
    fn default() -> Outputs {
        Outputs::new(None)
    }
}

impl Outputs {
    /// Default maximum number of files saved in one run.
    pub const FILES: u64 = 1000;
    /// Default maximum total size of files saved in one run.
    pub const BYTES: u64 = 1 << 30;

    /// Makes nodes write into `folder`; with `None` they refuse.
    pub fn new(folder: Option<PathBuf>) -> Outputs {
        Outputs { folder, most_files: Outputs::FILES, most_bytes: Outputs::BYTES, marks: true }
    }

    /// Sets the maximum number and total size of files saved in one run.
    #[must_use]
    pub fn with_limits(self, most_files: u64, most_bytes: u64) -> Outputs {
        Outputs { most_files, most_bytes, ..self }
    }

    /// Sets whether pictures that models made are marked as generated; the default is yes.
    #[must_use]
    pub fn with_marks(self, marks: bool) -> Outputs {
        Outputs { marks, ..self }
    }

    /// XMP packet that marks a picture with this origin.
    pub(crate) fn mark(&self, origin: Option<Origin>) -> Option<String> {
        origin.filter(|_| self.marks).map(Origin::xmp)
    }

    /// Path of the file `name`, which must have one of the suffixes `ends`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that leads elsewhere, has another suffix, or has a missing folder, and if the host
    /// set no folder.
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
        if !ends.contains(&ending(path).as_str()) {
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

    /// The file that is written for a path in the folder: a link is followed if it leads to a file of the same kind in
    /// the folder. Any other link is replaced, since a graph could escape through it.
    fn target(&self, path: PathBuf, ends: &[&str]) -> PathBuf {
        let within = |target: &PathBuf| {
            let home = target.parent()?.canonicalize().ok()?;
            let root = self.folder.as_ref()?.canonicalize().ok()?;
            (home.starts_with(root) && ends.contains(&ending(target).as_str())).then_some(())
        };
        match followed(&path) {
            Ok(target) if within(&target).is_some() => target,
            _ => path,
        }
    }

    /// Checks whether a run may save another file of this size.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the limit.
    pub(crate) fn room(&self, saved: &Saved, bytes: u64) -> Result<()> {
        let (files, sum) = (saved.files(), saved.bytes().saturating_add(bytes));
        if files >= self.most_files {
            let message = format!(
                "this run has saved {files} files, the maximum that the host allows: raise it by the option \
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

    /// Writes the file `name`, completely or not at all, and counts it.
    ///
    /// # Errors
    /// As [`Outputs::path`] and [`Outputs::room`], and [`Error::File`].
    pub(crate) fn write(&self, saved: &Saved, name: &str, ends: &[&str], bytes: &[u8]) -> Result<()> {
        let path = self.target(self.path(name, ends)?, ends);
        self.room(saved, bytes.len() as u64)?;
        replace(&path, bytes).map_err(|source| Error::File { path, source })?;
        saved.add(bytes.len() as u64);
        Ok(())
    }
}

/// Suffix of a file name, in lower case.
fn ending(path: &Path) -> String {
    path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_written_only_in_folder() {
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
            // A link in the folder is followed, even if its target does not exist yet.
            std::os::unix::fs::symlink("deep/new.png", inner.join("d.png")).unwrap();
            outputs.write(&Saved::default(), "d.png", &["png"], b"y").unwrap();
            assert!(inner.join("d.png").is_symlink());
            assert_eq!(fs::read(inner.join("deep/new.png")).unwrap(), b"y");
            // A link that leads out of the folder is replaced, and its target stays.
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
    fn runs_save_up_to_limit() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = Outputs::new(Some(folder.path().to_owned())).with_limits(3, 10);
        let saved = Saved::default();
        let write = |name: &str, bytes: &[u8]| outputs.write(&saved, name, &["png"], bytes);
        write("a.png", b"1234").unwrap();
        let said = write("b.png", b"1234567").unwrap_err().to_string();
        assert!(said.contains("would have 11 bytes") && said.contains("--outputs-size"), "{said}");
        write("b.png", b"123456").unwrap();
        // A second file with an equal name counts too.
        write("b.png", b"").unwrap();
        let said = write("c.png", b"").unwrap_err().to_string();
        assert!(said.contains("has saved 3 files") && said.contains("--outputs-count"), "{said}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        outputs.write(&Saved::default(), "c.png", &["png"], b"another run").unwrap_err();
        outputs.write(&Saved::default(), "c.png", &["png"], b"next run").unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn overwriting_keeps_mode() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        replace(&path, b"new").unwrap();
        let usual = mode();
        for kept in [0o600, 0o664, 0o666, 0o640, 0o200] {
            fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
            replace(&path, b"again").unwrap();
            assert_eq!(mode(), kept, "{kept:o}");
        }
        fs::remove_file(&path).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(mode(), usual);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
