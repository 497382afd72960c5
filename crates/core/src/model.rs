//! Models on disk, and the resolution of their names.

use std::path::{self, Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fmt, io};

use crate::content::{self, Stamp, Trouble};
use crate::{CancellationToken, Digest, Error, File, Files, Hasher, Result, external};

/// A model file: the value of a `model` port.
///
/// Identified by the content of the file and its external data, so the same on every machine, and different when a byte
/// changes. The files are read once, when the digest is first needed; see [`Model::identify`].
#[derive(Clone, Debug, PartialEq)]
pub struct Model(Arc<Inner>);

#[derive(Debug, PartialEq)]
struct Inner {
    name: String,
    path: PathBuf,
    /// Stamp of the file, or the places that were searched for a missing model.
    found: Result<Stamp, String>,
    digest: OnceLock<Digest>,
}

impl Model {
    /// The model at `path`, called `name` in messages. Checks the file without reading it.
    ///
    /// # Errors
    /// [`Error::Model`] if it is missing or not a regular file: reading a pipe could block for ever.
    pub fn open(name: &str, path: &Path) -> Result<Model> {
        let failed = |source: io::Error| Error::Model { path: path.to_owned(), source: source.into() };
        let stamp = Stamp::at(path).map_err(failed)?;
        // Links are kept: external data lies next to the link.
        let path = path::absolute(path).map_err(failed)?;
        Ok(Model(Arc::new(Inner { name: name.to_owned(), path, found: Ok(stamp), digest: OnceLock::new() })))
    }

    /// A placeholder for a missing model; `why` names the places that were searched. Only its name can be read.
    fn missing(name: &str, why: String) -> Model {
        let (path, digest) = (PathBuf::new(), OnceLock::new());
        Model(Arc::new(Inner { name: name.to_owned(), path, found: Err(why), digest }))
    }

    /// The error of a missing model; `None` for a model that exists. See [`Models::allowing_missing`].
    pub fn why_missing(&self) -> Option<Error> {
        self.0.found.as_ref().err().map(|why| not_found(&self.0.name, why))
    }

    /// Opens the model again in its present state on disk.
    ///
    /// # Errors
    /// As [`Model::open`], for example if the file was removed; [`Error::NotFound`] for a missing model.
    pub fn reopen(&self) -> Result<Model> {
        match self.why_missing() {
            Some(error) => Err(error),
            None => Model::open(&self.0.name, &self.0.path),
        }
    }

    /// Reads the files for the digest, unless the process remembers it. Gigabytes take seconds.
    ///
    /// # Errors
    /// [`Error::Model`] if a file is missing or cannot be read, [`Error::Cancelled`].
    pub fn identify(&self, cancel: &CancellationToken) -> Result<Digest> {
        if let Some(digest) = self.0.digest.get() {
            return Ok(*digest);
        }
        if let Some(error) = self.why_missing() {
            return Err(error);
        }
        let read = |path: &Path, stamp: Option<Stamp>| {
            content::digest(path, stamp, cancel).map_err(|trouble| self.failed(trouble))
        };
        let stamp = self.0.found.as_ref().ok().copied();
        let mut hasher = Hasher::new("model").digest(read(self.path(), stamp)?);
        for (data, stamp) in self.stamped_data(stamp)? {
            hasher = hasher.digest(read(&data, Some(stamp))?);
        }
        Ok(*self.0.digest.get_or_init(|| hasher.finish()))
    }

    /// Paths of the model's external data files, each checked to exist.
    ///
    /// # Errors
    /// [`Error::Model`] if one is missing, not a regular file, or outside of the model's folder.
    pub fn data(&self) -> Result<Vec<PathBuf>> {
        Ok(self.stamped_data(None)?.into_iter().map(|(path, _)| path).collect())
    }

    /// The external data files with their stamps; `stamp` is that of the model's own file, if it is known.
    fn stamped_data(&self, stamp: Option<Stamp>) -> Result<Vec<(PathBuf, Stamp)>> {
        let data = external::data(self.path(), stamp).map_err(|e| self.failed(e.into()))?;
        let stamped = |path: PathBuf| match Stamp::at(&path) {
            Ok(stamp) => Ok((path, stamp)),
            Err(e) => {
                let name = path.file_name().unwrap_or_default().display();
                let message =
                    format!("its external data `{name}` cannot be read: {e}; put it next to the model");
                Err(Error::Model { path: self.path().to_owned(), source: message.into() })
            }
        };
        data.into_iter().map(stamped).collect()
    }

    /// Whether the file is unchanged since the model was opened.
    pub fn is_unchanged(&self) -> bool {
        Stamp::at(self.path()).is_ok_and(|stamp| self.0.found.as_ref() == Ok(&stamp))
    }

    fn failed(&self, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Cancelled => Error::Cancelled,
            Trouble::Io(e) => Error::Model { path: self.path().to_owned(), source: e.into() },
        }
    }

    /// The name as the user wrote it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The absolute path of the file; empty for a model that is missing.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The digest of the content. Reads the files like [`Model::identify`], but returns no error: unreadable files get a
    /// unique digest.
    pub fn digest(&self) -> Digest {
        self.identify(&CancellationToken::new()).unwrap_or_else(|_| content::unknown())
    }

    /// A key for results that follow from the model's own file, found without reading it. `None` while a change might not
    /// show.
    pub fn key(&self) -> Option<Digest> {
        let stamp = || self.0.found.as_ref().ok().filter(|stamp| stamp.settled()).map(Stamp::digest);
        self.0.digest.get().copied().or_else(stamp)
    }
}

/// Resolves names of models and files to paths.
///
/// The host decides where names lead (a models folder, a list of folders). By default a model's name is a path, and
/// graphs may name no files.
#[derive(Clone)]
pub struct Models {
    resolve: Arc<Resolve>,
    /// Resolver for names given by the caller of a graph; `None` uses the same one as for the graph.
    host: Option<Arc<Resolve>>,
    files: Files,
    allow_missing: bool,
}

type Resolve = dyn Fn(&str) -> Result<PathBuf, String> + Send + Sync;

impl Models {
    /// Looks names up with `resolve`, which returns a path, or a sentence that tells where it looked.
    pub fn new(resolve: impl Fn(&str) -> Result<PathBuf, String> + Send + Sync + 'static) -> Models {
        Models { resolve: Arc::new(resolve), host: None, files: Files::default(), allow_missing: false }
    }

    /// Looks up names given by the caller of the graph, not by the graph itself, with `resolve`.
    #[must_use]
    pub fn for_host(
        self,
        resolve: impl Fn(&str) -> Result<PathBuf, String> + Send + Sync + 'static,
    ) -> Models {
        Models { host: Some(Arc::new(resolve)), ..self }
    }

    /// Looks names of models up with `resolve` instead.
    #[must_use]
    pub fn found_by(
        self,
        resolve: impl Fn(&str) -> Result<PathBuf, String> + Send + Sync + 'static,
    ) -> Models {
        Models { resolve: Arc::new(resolve), ..self }
    }

    /// Returns a placeholder for the name of a missing model, so that a graph can be shown before its models are
    /// installed. Reading the placeholder fails with [`Error::NotFound`].
    #[must_use]
    pub fn allowing_missing(self) -> Models {
        Models { allow_missing: true, ..self }
    }

    /// Sets the policy for file names that stand in a graph.
    #[must_use]
    pub fn with_files(self, files: Files) -> Models {
        Models { files, ..self }
    }

    /// The resolver for names given by the caller of a graph, which may be any file.
    #[must_use]
    pub fn by_host(&self) -> Models {
        let resolve = Arc::clone(self.host.as_ref().unwrap_or(&self.resolve));
        Models { resolve, host: self.host.clone(), files: Files::any(), allow_missing: self.allow_missing }
    }

    /// Path of the model with this name.
    ///
    /// # Errors
    /// A sentence that tells where it was looked for.
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
    /// [`Error::NotFound`] if there is no such model, [`Error::Model`] if it cannot be read.
    pub fn open(&self, name: &str) -> Result<Model> {
        match self.find(name) {
            Ok(path) => Model::open(name, &path),
            Err(why) if self.allow_missing => Ok(Model::missing(name, why)),
            Err(why) => Err(not_found(name, &why)),
        }
    }
}

fn not_found(name: &str, why: &str) -> Error {
    let hint = if why.is_empty() { String::new() } else { format!(": {why}") };
    Error::NotFound { what: "model", name: name.to_owned(), hint }
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
    use std::fs;

    use super::*;

    fn identity(model: &Model) -> Digest {
        model.reopen().and_then(|model| model.identify(&CancellationToken::new())).unwrap()
    }

    /// Sets a file's time of change to that of an archive.
    fn at_time_zero(path: &Path) {
        fs::File::options().append(true).open(path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn content_makes_identity() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = here.path().join("prior.onnx");
        let mut seen = Vec::new();
        for content in ["one", "two", "three"] {
            fs::write(&path, content).unwrap();
            at_time_zero(&path);
            let model = Model::open("prior", &path).unwrap();
            let copy = there.path().join(content);
            fs::write(&copy, content).unwrap();
            assert_eq!(identity(&model), identity(&Model::open("x", &copy).unwrap()));
            seen.push(identity(&model));
        }
        assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
    }

    /// A model that names external data: a graph, in it a tensor, in that an entry.
    fn names(data: &str) -> Vec<u8> {
        let field = |number: u8, payload: &[u8]| [&[number << 3 | 2, payload.len() as u8], payload].concat();
        let entry = [field(1, b"location"), field(2, data.as_bytes())].concat();
        field(7, &field(5, &field(13, &entry)))
    }

    #[test]
    fn external_data_counts_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prior.onnx");
        fs::write(&path, names("5f2a.bin")).unwrap();
        let model = Model::open("prior", &path).unwrap();
        let said = model.identify(&CancellationToken::new()).unwrap_err().to_string();
        assert!(said.contains("prior.onnx") && said.contains("`5f2a.bin`"), "{said}");
        let data = folder.path().join("5f2a.bin");
        let [first, second] = ["old", "new"].map(|content| {
            fs::write(&data, content).unwrap();
            at_time_zero(&data);
            identity(&model)
        });
        assert_ne!(first, second);
        fs::write(folder.path().join("prior.onnx.data"), "of another model").unwrap();
        assert_eq!(identity(&model), second, "a file that the model does not name");
    }

    #[test]
    #[cfg(unix)]
    fn links_lead_to_external_data() {
        let cache = tempfile::tempdir().unwrap();
        let (blobs, snapshot) = (cache.path().join("blobs"), cache.path().join("snapshot"));
        fs::create_dir(&blobs).unwrap();
        fs::create_dir(&snapshot).unwrap();
        fs::write(blobs.join("1"), names("m.onnx_data")).unwrap();
        fs::write(blobs.join("2"), "weights").unwrap();
        std::os::unix::fs::symlink("../blobs/1", snapshot.join("m.onnx")).unwrap();
        std::os::unix::fs::symlink("../blobs/2", snapshot.join("m.onnx_data")).unwrap();
        let model = Model::open("m", &snapshot.join("m.onnx")).unwrap();
        assert_eq!(model.data().unwrap(), [snapshot.join("m.onnx_data")]);
        let linked = identity(&model);
        fs::write(blobs.join("2"), "weighed").unwrap();
        assert_ne!(identity(&model), linked);
    }

    #[test]
    fn unreadable_models_equal_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prior.onnx");
        fs::write(&path, "one").unwrap();
        let model = Model::open("prior", &path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(model.identify(&CancellationToken::new()).is_err() && model.reopen().is_err());
        assert_ne!(model.digest(), model.digest());
    }

    #[test]
    fn folders_are_no_models() {
        let folder = tempfile::tempdir().unwrap();
        let said = Model::open("tokenizer", folder.path()).unwrap_err().to_string();
        assert!(said.ends_with("is a folder, not a regular file"), "{said}");
    }

    #[test]
    fn missing_model_is_named() {
        let models = Models::new(|_| Err("looked in models/".into()));
        assert_eq!(models.open("prior").unwrap_err().to_string(), "no model `prior`: looked in models/");
        let missing = models.allowing_missing().open("prior").unwrap();
        let said = missing.identify(&CancellationToken::new()).unwrap_err().to_string();
        assert_eq!((missing.name(), said.as_str()), ("prior", "no model `prior`: looked in models/"));
        assert!(missing.reopen().is_err() && !missing.is_unchanged() && missing.key().is_none());
        let error = Models::default().open("/nowhere/x.onnx").unwrap_err().to_string();
        assert!(error.contains("/nowhere/x.onnx"), "{error}");
    }
}
