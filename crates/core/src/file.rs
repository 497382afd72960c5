//! Files that nodes read, and what the names of files in a graph mean.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::model::stamp_file;
use crate::{Digest, Error, Hasher, Result};

/// A file as it was on disk when it was opened: the value of a `file` port.
///
/// Its digest covers path, size and time of change, as a [`crate::Model`]'s does. So a changed file is another
/// value, and exactly the nodes that read it run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    name: String,
    path: PathBuf,
    digest: Digest,
}

impl File {
    /// Notes the present state of the file at `path`, called `name` in messages.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be found or is no regular file: a pipe could be waited for without end.
    pub fn open(name: &str, path: &Path) -> Result<File> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let path = path.canonicalize().map_err(failed)?;
        let about = fs::metadata(&path).map_err(failed)?;
        if !about.is_file() {
            return Err(failed(std::io::Error::other("is no regular file")));
        }
        let hasher = Hasher::new("file").bytes(path.as_os_str().as_encoded_bytes());
        let hasher = stamp_file(hasher, &about);
        // A file that was replaced at once, within the clock's grain, is another one all the same.
        #[cfg(unix)]
        let hasher = hasher.number(std::os::unix::fs::MetadataExt::ino(&about));
        let digest = hasher.finish();
        Ok(File(Arc::new(Inner { name: name.to_owned(), path, digest })))
    }

    /// The same file as it is on disk now.
    ///
    /// # Errors
    /// As [`File::open`]: it may have gone.
    pub fn reopen(&self) -> Result<File> {
        File::open(&self.0.name, &self.0.path)
    }

    /// The name that the user wrote.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Path, size and time of change, as one digest.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }
}

/// What the names of files mean.
///
/// A graph is data from somewhere, so what it may read is decided by its host: nothing (the default), or the files
/// of one folder. Whoever runs the graph may name any file, as the value of an input.
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
    /// Names lead into `folder`, and nowhere else: neither by `..`, nor by an absolute path, nor by a link.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Files {
        let folder: PathBuf = folder.into();
        // What lies in the current folder has the empty path for a parent.
        Files(Rule::In(if folder.as_os_str().is_empty() { ".".into() } else { folder }))
    }

    /// Names are paths, as whoever runs the graph may write them.
    pub fn any() -> Files {
        Files(Rule::Any)
    }

    /// Finds a file by name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the name is not allowed or leads nowhere, with what to do; [`Error::File`].
    pub fn open(&self, name: &str) -> Result<File> {
        let refused =
            |hint: &str| Error::NotFound { what: "file", name: name.to_owned(), hint: format!("; {hint}") };
        let folder = match &self.0 {
            Rule::None => {
                return Err(refused("this host lets graphs name no files: wire an input of the type `file`"));
            }
            Rule::Any if Path::new(name).exists() => return File::open(name, Path::new(name)),
            Rule::Any => return Err(refused("there is none at this path")),
            Rule::In(folder) => folder,
        };
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.is_empty() || !Path::new(name).components().all(inside) {
            return Err(refused(
                "a graph names files in its own folder, without `..`: wire an input of the type `file` for others",
            ));
        }
        let path = folder.join(name);
        let (Ok(root), Ok(found)) = (folder.canonicalize(), path.canonicalize()) else {
            return Err(refused(&format!("the graph's folder {} has none", folder.display())));
        };
        if !found.starts_with(&root) {
            return Err(refused("it is a link that leads out of the graph's folder"));
        }
        File::open(name, &path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_another_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "one").unwrap();
        let first = File::open("a.txt", &path).unwrap();
        assert_eq!(first.digest(), first.reopen().unwrap().digest());
        fs::write(&path, "three").unwrap();
        assert_ne!(first.digest(), first.reopen().unwrap().digest());
        fs::remove_file(&path).unwrap();
        assert!(matches!(first.reopen(), Err(Error::File { .. })));
    }

    #[test]
    fn a_graph_s_names_stay_in_its_folder() {
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
        assert!(files.open("b.png").unwrap_err().to_string().contains("has none"));
        assert!(Files::any().open(absolute.to_str().unwrap()).is_ok());
        assert!(files.open(".").unwrap_err().to_string().contains("no regular file"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path().join("secret"), inner.join("b.png")).unwrap();
            assert!(files.open("b.png").unwrap_err().to_string().contains("leads out"));
        }
    }
}
