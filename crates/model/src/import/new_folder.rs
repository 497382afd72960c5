//! A folder of stage models that gets its name when it is complete.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::ImportError;

/// A folder being written, which is removed if dropped before it is finished.
pub struct NewFolder<'a> {
    out: &'a Path,
    unfinished: TempDir,
}

impl<'a> NewFolder<'a> {
    /// Creates it next to `out`, on the same file system. `out` must be missing or empty.
    pub fn beside(out: &'a Path) -> Result<NewFolder<'a>, ImportError> {
        if out.is_dir() {
            let failed = |source| ImportError::Io { path: out.into(), source };
            if fs::read_dir(out).map_err(failed)?.next().is_some() {
                return Err(ImportError::NotEmpty(out.into()));
            }
        } else if out.symlink_metadata().is_ok() {
            return Err(ImportError::NotEmpty(out.into()));
        }
        let parent: PathBuf = match out.parent() {
            Some(parent) if parent != Path::new("") => parent.into(),
            _ => ".".into(),
        };
        let mut builder = tempfile::Builder::new();
        // The umask applies, as for any new folder.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let made = builder.prefix(".wuerst-import-").tempdir_in(&parent);
        let unfinished = made.map_err(|source| ImportError::Io { path: parent, source })?;
        Ok(NewFolder { out, unfinished })
    }

    /// Temporary path of the folder.
    pub fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// Renames it to its final name.
    pub fn finish(self) -> Result<(), ImportError> {
        let failed = |source| ImportError::Io { path: self.out.into(), source };
        // It is empty, as checked before; some systems cannot rename over it.
        if self.out.is_dir() {
            fs::remove_dir(self.out).map_err(failed)?;
        }
        fs::rename(self.unfinished.path(), self.out).map_err(failed)?;
        // Renamed, so there is nothing to remove.
        let _ = self.unfinished.keep();
        Ok(())
    }
}

/// Total size of a model and its external data.
pub fn bytes(model: &Path) -> u64 {
    let files = [model.to_owned(), model.with_extension("onnx.data")];
    files.iter().flat_map(fs::metadata).map(|about| about.len()).sum()
}
