//! Files that nodes read, and the resolution of file names in graphs.

use std::path::{self, Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fs, io};

use crate::content::{self, Stamp, Trouble};
use crate::regular::{self, Links};
use crate::{CancellationToken, Digest, Error, Hasher, Result, stays_inside};

/// A file to read: the value of a `file` port.
///
/// Identified by its content, like a [`crate::Model`]. A changed file is therefore another value, and only the nodes that
/// read it run again.
#[derive(Clone, Debug, PartialEq)]
pub struct File(Arc<Inner>);

#[derive(Debug, PartialEq)]
struct Inner {
    name: String,
    path: PathBuf,
    stamp: Stamp,
    digest: OnceLock<Digest>,
}

impl File {
    /// The file at `path`, called `name` in messages. Checks the file without reading it.
    ///
    /// # Errors
    /// [`Error::File`] if it is missing or not a regular file: reading a pipe could block for ever.
    pub fn open(name: &str, path: &Path) -> Result<File> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let stamp = Stamp::at(path).map_err(failed)?;
        let path = path::absolute(path).map_err(failed)?;
        Ok(File(Arc::new(Inner { name: name.to_owned(), path, stamp, digest: OnceLock::new() })))
    }

    /// Opens the file again in its present state on disk.
    ///
    /// # Errors
    /// As [`File::open`], for example if the file was removed.
    pub fn reopen(&self) -> Result<File> {
        File::open(&self.0.name, &self.0.path)
    }

    /// Reads the file for its digest, unless the process remembers it.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Cancelled`].
    pub fn identify(&self, cancel: &CancellationToken) -> Result<Digest> {
        if let Some(digest) = self.0.digest.get() {
            return Ok(*digest);
        }
        match content::digest(self.path(), Some(self.0.stamp), cancel) {
            Ok(own) => Ok(*self.0.digest.get_or_init(|| Hasher::new("file").digest(own).finish())),
            Err(Trouble::Cancelled) => Err(Error::Cancelled),
            Err(Trouble::Io(source)) => Err(self.failed(source)),
        }
    }

    /// Opens the file for reading.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be opened, or has changed since [`File::open`], so that its digest would be of other
    /// content.
    pub fn content(&self) -> Result<fs::File> {
        let file = regular::open(self.path(), Links::Followed).map_err(|e| self.failed(e))?;
        let about = file.metadata().map_err(|e| self.failed(e))?;
        if Stamp::of(&about) != self.0.stamp {
            return Err(self.failed(io::Error::other("changed in the meantime: run the graph again")));
        }
        Ok(file)
    }

    /// A key for results that follow from the content, found without reading the file. `None` while a change might not show.
    pub fn key(&self) -> Option<Digest> {
        let stamp = || self.0.stamp.settled().then(|| self.0.stamp.digest());
        self.0.digest.get().copied().or_else(stamp)
    }

    /// The size in bytes when it was opened.
    pub fn size(&self) -> u64 {
        self.0.stamp.size()
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::File { path: self.0.path.clone(), source }
    }

    /// The name as the user wrote it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The digest of the content; see [`crate::Model::digest`].
    pub fn digest(&self) -> Digest {
        self.identify(&CancellationToken::new()).unwrap_or_else(|_| content::unknown())
    }
}

/// Policy for file names in graphs.
///
/// Graphs may come from strangers, so the host decides which files they may read: none (the default), or the files of one
/// folder. The caller of a graph may name any file as the value of an input.
#[derive(Clone, Debug, Default)]
pub struct Files(Rule);

#[derive(Clone, Debug, Default)]
enum Rule {
    #[default]
    None,
    In(PathBuf),
    Any,
}

impl Files {
    /// Allows names inside `folder` only: no `..`, no absolute path, no link that leads out.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Files {
        let folder: PathBuf = folder.into();
        // The parent of a file in the current folder is the empty path.
        Files(Rule::In(if folder.as_os_str().is_empty() { ".".into() } else { folder }))
    }

    /// Allows any path; for names given by the caller of a graph.
    pub fn any() -> Files {
        Files(Rule::Any)
    }

    /// Finds a file by name.
    ///
    /// # Errors
    /// [`Error::NotFound`] with advice if the name is not allowed or there is no such file; [`Error::File`].
    pub fn open(&self, name: &str) -> Result<File> {
        let refused =
            |hint: &str| Error::NotFound { what: "file", name: name.to_owned(), hint: format!("; {hint}") };
        let folder = match &self.0 {
            Rule::None => {
                return Err(refused(
                    "graphs cannot name files in this host: wire an input of the type `file`",
                ));
            }
            Rule::Any if Path::new(name).exists() => return File::open(name, Path::new(name)),
            Rule::Any => return Err(refused("there is no file at this path")),
            Rule::In(folder) => folder,
        };
        if !stays_inside(name) {
            return Err(refused(
                "a graph names files in its own folder, without `..`: wire an input of the type `file` for others",
            ));
        }
        let path = folder.join(name);
        let none = || refused(&format!("the graph's folder {} has no such file", folder.display()));
        let root = folder.canonicalize().map_err(|_| none())?;
        match path.canonicalize() {
            Ok(found) if found.starts_with(&root) => File::open(name, &found),
            Err(_) if !has_link(folder, name) => Err(none()),
            // One message for both cases: a graph must not learn whether a file outside exists.
            _ => Err(refused("it is a link that leads out of the graph's folder, or nowhere")),
        }
    }
}

/// Whether a name in a folder goes through a link.
fn has_link(folder: &Path, name: &str) -> bool {
    let mut path = folder.to_owned();
    Path::new(name).components().any(|part| {
        path.push(part);
        path.is_symlink()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_file_is_another_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "one").unwrap();
        let first = File::open("a.txt", &path).unwrap();
        assert_eq!(first.digest(), first.reopen().unwrap().digest());
        assert!(first.content().is_ok());
        let copy = folder.path().join("b.txt");
        fs::write(&copy, "one").unwrap();
        assert_eq!(File::open("b", &copy).unwrap().digest(), first.digest());
        fs::write(&path, "three").unwrap();
        assert_ne!(first.digest(), first.reopen().unwrap().digest());
        assert!(first.content().unwrap_err().to_string().contains("run the graph again"));
        fs::remove_file(&path).unwrap();
        assert!(matches!(first.reopen(), Err(Error::File { .. })));
    }

    #[test]
    fn graph_names_stay_in_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("graphs");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.png"), "").unwrap();
        fs::write(folder.path().join("secret"), "").unwrap();
        let files = Files::in_folder(&inner);
        assert!(files.open("a.png").is_ok() && files.open("./a.png").is_ok());
        let absolute = inner.join("a.png");
        for name in ["../secret", "..", "", "/etc/passwd", absolute.to_str().unwrap(), "x/../a.png"] {
            let said = files.open(name).unwrap_err().to_string();
            assert!(said.contains("`file`") && said.contains("without `..`"), "{said}");
            assert!(Files::default().open(name).is_err());
        }
        assert!(files.open("b.png").unwrap_err().to_string().contains("has no such file"));
        assert!(Files::any().open(absolute.to_str().unwrap()).is_ok());
        assert!(files.open(".").unwrap_err().to_string().contains("not a regular file"));
        #[cfg(unix)]
        {
            // Errors do not reveal whether the target of a link exists outside.
            for (target, link) in [("secret", "b.png"), ("no secret", "c.png"), ("", "d")] {
                std::os::unix::fs::symlink(folder.path().join(target), inner.join(link)).unwrap();
            }
            let said = |name: &str| files.open(name).unwrap_err().to_string().replace(name, "NAME");
            assert!(said("b.png").contains("leads out"), "{}", said("b.png"));
            assert_eq!(said("b.png"), said("c.png"));
            assert_eq!(said("d/secret"), said("d/no secret"));
            std::os::unix::fs::symlink("a.png", inner.join("e.png")).unwrap();
            assert!(files.open("e.png").is_ok());
        }
    }
}
