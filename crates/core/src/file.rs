//! Files that nodes read, and the resolution of file names in graphs.

use std::io;
use std::path::{self, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::content::{self, Stamp, Trouble};
use crate::regular::{self, Links};
use crate::{Bytes, CancellationToken, Content, DType, Digest, Error, Hasher, Result, Tensor, stays_inside};

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
    source: Source,
    digest: OnceLock<Digest>,
}

/// Source of a file's content.
#[derive(Debug, PartialEq)]
enum Source {
    Disk(Stamp),
    Memory(Bytes),
    /// A picture that a host passes in place of a file.
    Picture(Tensor),
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
        Ok(File::of(name, path, Source::Disk(stamp)))
    }

    fn of(name: &str, path: PathBuf, source: Source) -> File {
        File(Arc::new(Inner { name: name.to_owned(), path, source, digest: OnceLock::new() }))
    }

    /// A file whose content is in memory, called `name` in messages.
    pub fn in_memory(name: &str, bytes: Bytes) -> File {
        File::of(name, name.into(), Source::Memory(bytes))
    }

    /// A picture in place of a picture file: bytes or floats from 0 to 1 as `[h,w,3]`, or as `[h,w]` for grey. `None` for
    /// other tensors.
    pub fn of_picture(picture: &Tensor) -> Option<File> {
        const NAME: &str = "the picture in memory";
        let colours = matches!(picture.shape(), [_, _, 3] | [_, _]) && picture.dtype() != DType::I64;
        colours.then(|| File::of(NAME, NAME.into(), Source::Picture(picture.clone())))
    }

    /// The picture, if the host passed one in place of a file.
    pub fn picture(&self) -> Option<&Tensor> {
        match &self.0.source {
            Source::Picture(picture) => Some(picture),
            Source::Disk(_) | Source::Memory(_) => None,
        }
    }

    /// Opens the file again in its present state on disk.
    ///
    /// # Errors
    /// As [`File::open`], for example if the file was removed.
    pub fn reopen(&self) -> Result<File> {
        match &self.0.source {
            Source::Disk(_) => File::open(&self.0.name, &self.0.path),
            Source::Memory(_) | Source::Picture(_) => Ok(self.clone()),
        }
    }

    /// Reads the file for its digest, unless the process remembers it.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, [`Error::Cancelled`].
    pub fn identify(&self, cancel: &CancellationToken) -> Result<Digest> {
        if let Some(digest) = self.0.digest.get() {
            return Ok(*digest);
        }
        let own = match &self.0.source {
            Source::Disk(stamp) => content::digest(self.path(), Some(*stamp), cancel),
            Source::Memory(bytes) => Ok(bytes.digest(cancel)?),
            Source::Picture(picture) => Ok(Hasher::new("picture").digest(picture.digest()).finish()),
        };
        match own {
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
    pub fn content(&self) -> Result<Content> {
        let stamp = match &self.0.source {
            Source::Disk(stamp) => stamp,
            Source::Memory(bytes) => return Ok(bytes.clone().into()),
            Source::Picture(_) => {
                return Err(self.failed(io::Error::other("is no file: name one for this input")));
            }
        };
        let file = regular::open(self.path(), Links::Followed).map_err(|e| self.failed(e))?;
        if Stamp::of(&file).map_err(|e| self.failed(e))? != *stamp {
            return Err(self.failed(io::Error::other("changed in the meantime: run the graph again")));
        }
        Ok(Content::File(file))
    }

    /// A key for results that follow from the content, found without reading the file. `None` while a change might not show.
    pub fn key(&self) -> Option<Digest> {
        let own = || match &self.0.source {
            Source::Disk(stamp) => stamp.settled().then(|| stamp.digest()),
            Source::Memory(_) | Source::Picture(_) => Some(self.digest()),
        };
        self.0.digest.get().copied().or_else(own)
    }

    /// The size in bytes when it was opened.
    pub fn size(&self) -> u64 {
        match &self.0.source {
            Source::Disk(stamp) => stamp.size(),
            Source::Memory(bytes) => bytes.len() as u64,
            // As bytes, as it is used.
            Source::Picture(picture) => picture.len() as u64,
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::File { path: self.0.path.clone(), source }
    }

    /// The name as the user wrote it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The absolute path; the name of a file in memory.
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
    use std::fs;
    use std::io::Read;

    use super::*;

    #[test]
    fn memory_stands_for_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "one").unwrap();
        let (disk, memory) = (File::open("a", &path).unwrap(), File::in_memory("a", Bytes::new(*b"one")));
        assert_eq!((disk.digest(), disk.size()), (memory.digest(), memory.size()));
        let mut text = String::new();
        memory.reopen().unwrap().content().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one");
        assert_ne!(memory.digest(), File::in_memory("a", Bytes::new(*b"two")).digest());
        assert!(memory.picture().is_none());
    }

    #[test]
    fn pictures_stand_for_files() {
        let picture = |shape: &[usize], fill: f32| {
            let count = shape.iter().product();
            File::of_picture(&Tensor::from_vec(shape, vec![fill; count]).unwrap())
        };
        let [dark, bright] = [0., 1.].map(|fill| picture(&[2, 3, 3], fill).unwrap());
        assert_ne!(dark.digest(), bright.digest());
        assert_eq!(dark.digest(), dark.reopen().unwrap().digest());
        assert_eq!(dark.picture().unwrap().shape(), [2, 3, 3]);
        assert!(dark.content().unwrap_err().to_string().contains("name one"));
        assert!(
            picture(&[2, 3], 0.).is_some()
                && picture(&[2, 3, 4], 0.).is_none()
                && picture(&[3], 0.).is_none()
        );
    }

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
