//! Models on disk, and where their names lead.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use std::{fmt, io};

use crate::{Digest, Error, File, Files, Hasher, Result};

/// A model file or folder as it was on disk when it was opened: the value of a `model` port.
///
/// Its digest covers path, size and time of change, not the content: weights are gigabytes. A replaced
/// file therefore counts as another model, and exactly the nodes that used it run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    name: String,
    path: PathBuf,
    digest: Digest,
}

impl Model {
    /// Notes the present state of the model at `path`, called `name` in messages.
    ///
    /// An ONNX file's external data (`NAME.onnx.data` beside `NAME.onnx`) counts as part of it, and a
    /// folder's files, at any depth, as part of the folder.
    ///
    /// # Errors
    /// [`Error::Model`] when the file cannot be found or read.
    pub fn open(name: &str, path: &Path) -> Result<Model> {
        let failed = |source: io::Error| Error::Model { path: path.to_owned(), source: source.into() };
        // The canonical path: one file has one digest, however it was written in the graph.
        Model::at(name, path.canonicalize().map_err(failed)?)
    }

    /// That of a canonical path.
    fn at(name: &str, path: PathBuf) -> Result<Model> {
        let hasher = Hasher::new("model").bytes(path.as_os_str().as_encoded_bytes());
        match stamp(hasher, &path).and_then(|hasher| stamp_data(hasher, &path)) {
            Ok(hasher) => Ok(Model(Arc::new(Inner { name: name.to_owned(), path, digest: hasher.finish() }))),
            Err(source) => Err(Error::Model { path, source: source.into() }),
        }
    }

    /// The same model as it is on disk now.
    ///
    /// # Errors
    /// As [`Model::open`]: the file may have gone.
    pub fn reopen(&self) -> Result<Model> {
        Model::at(&self.0.name, self.0.path.clone())
    }

    /// The name that the user wrote.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The absolute path of the file or folder.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Path, size and time of change, as one digest.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }
}

fn stamp(hasher: Hasher, path: &Path) -> io::Result<Hasher> {
    let about = fs::metadata(path)?;
    if !about.is_dir() {
        return Ok(stamp_file(hasher, &about));
    }
    let mut entries = fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    entries.iter().try_fold(hasher, |hasher, entry| {
        let name = entry.file_name().unwrap_or_default();
        stamp(hasher.bytes(name.as_encoded_bytes()), entry)
    })
}

fn stamp_data(hasher: Hasher, path: &Path) -> io::Result<Hasher> {
    let mut data = path.as_os_str().to_owned();
    data.push(".data");
    match fs::metadata(data) {
        Ok(about) => Ok(stamp_file(hasher, &about)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(hasher),
        Err(e) => Err(e),
    }
}

pub(crate) fn stamp_file(hasher: Hasher, about: &Metadata) -> Hasher {
    // A file system without times, or a time before 1970, leaves path and size to tell files apart.
    let changed = about.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    hasher.number(about.len()).number(changed.as_secs()).number(u64::from(changed.subsec_nanos()))
}

/// Turns the names of models, and of files, into what is on disk.
///
/// What a model's name means is the host's business (a models folder, a list of folders); the default takes it
/// as a path, and lets graphs name no files.
#[derive(Clone)]
pub struct Models {
    resolve: Arc<Resolve>,
    files: Files,
}

type Resolve = dyn Fn(&str) -> Result<PathBuf, String> + Send + Sync;

impl Models {
    /// Looks names up with `resolve`, which gives a path, or a sentence that says where it looked.
    pub fn new(resolve: impl Fn(&str) -> Result<PathBuf, String> + Send + Sync + 'static) -> Models {
        Models { resolve: Arc::new(resolve), files: Files::default() }
    }

    /// Looks names of models up with `resolve` instead.
    #[must_use]
    pub fn found_by(
        self,
        resolve: impl Fn(&str) -> Result<PathBuf, String> + Send + Sync + 'static,
    ) -> Models {
        Models { resolve: Arc::new(resolve), ..self }
    }

    /// Says what the names of files mean that a graph has of its own.
    #[must_use]
    pub fn with_files(self, files: Files) -> Models {
        Models { files, ..self }
    }

    /// The same for names that do not come from the graph but from whoever runs it: any file will do.
    #[must_use]
    pub fn by_host(&self) -> Models {
        self.clone().with_files(Files::any())
    }

    /// Where the name of a model leads.
    ///
    /// # Errors
    /// A sentence that says where it was looked for.
    pub fn find(&self, name: &str) -> Result<PathBuf, String> {
        (self.resolve)(name)
    }

    /// Finds a file by name.
    ///
    /// # Errors
    /// As [`Files::open`].
    pub fn file(&self, name: &str) -> Result<File> {
        self.files.open(name)
    }

    /// Finds a model by name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the name leads nowhere, [`Error::Model`] when it cannot be read.
    pub fn open(&self, name: &str) -> Result<Model> {
        let path = self.find(name).map_err(|why| Error::NotFound {
            what: "model",
            name: name.to_owned(),
            hint: if why.is_empty() { why } else { format!(": {why}") },
        })?;
        Model::open(name, &path)
    }
}

impl Default for Models {
    fn default() -> Models {
        Models::new(|name| Ok(PathBuf::from(name)))
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Models")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_or_changed_external_data_is_another_model() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prior.onnx");
        fs::write(&path, "one").unwrap();
        let first = Model::open("prior", &path).unwrap();
        assert_eq!(first.digest(), first.reopen().unwrap().digest());
        fs::write(folder.path().join("prior.onnx.data"), "weights").unwrap();
        let second = first.reopen().unwrap();
        assert_ne!(first.digest(), second.digest());
        fs::write(&path, "three").unwrap();
        assert_ne!(second.digest(), second.reopen().unwrap().digest());
    }

    #[test]
    fn a_folder_counts_with_its_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("vocab.json"), "{}").unwrap();
        let first = Model::open("tokenizer", folder.path()).unwrap();
        fs::write(folder.path().join("merges.txt"), "").unwrap();
        assert_ne!(first.digest(), first.reopen().unwrap().digest());
    }

    #[test]
    fn a_missing_model_is_named() {
        let models = Models::new(|_| Err("looked in models/".into()));
        assert_eq!(models.open("prior").unwrap_err().to_string(), "no model `prior`: looked in models/");
        let error = Models::default().open("/nowhere/x.onnx").unwrap_err().to_string();
        assert!(error.contains("/nowhere/x.onnx"), "{error}");
    }
}
