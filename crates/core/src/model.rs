//! Models on disk, and the resolution of their names.

use std::path::{self, Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{fmt, io};

use crate::content::{self, Stamp, Trouble};
use crate::external::names_in;
use crate::regular::{self, Links};
use crate::{
    Assets, Bytes, CancellationToken, Content, Digest, Error, File, Files, Hasher, Result, external,
};

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
    source: Source,
    digest: OnceLock<Digest>,
}

/// Source of a model.
#[derive(Debug, PartialEq)]
enum Source {
    Disk(Stamp),
    /// Bytes of the host.
    Memory(ModelMemory),
    /// No model: the places that were searched.
    Missing(String),
}

/// A model that a host keeps in memory, with its external data.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelMemory {
    /// The model's file.
    pub bytes: Bytes,
    /// External data by the names that the model holds, in their order.
    pub data: Vec<(String, Bytes)>,
    /// Other files in memory, such as the tokenizer.
    beside: Beside,
}

/// Files in memory next to a model. All are equal: a model's identity is its own content.
#[derive(Clone, Debug)]
struct Beside(Assets);

impl PartialEq for Beside {
    fn eq(&self, _: &Beside) -> bool {
        true
    }
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
        Ok(Model::of(name, path, Source::Disk(stamp)))
    }

    fn of(name: &str, path: PathBuf, source: Source) -> Model {
        Model(Arc::new(Inner { name: name.to_owned(), path, source, digest: OnceLock::new() }))
    }

    /// The model in memory whose file is called `file` there; `name` is what messages call it.
    ///
    /// # Errors
    /// [`Error::Model`] if it cannot be read, or if its external data is not in memory too.
    fn in_memory(name: &str, file: &str, assets: &Assets) -> Result<Model> {
        let failed = |source: io::Error| Error::Model { path: file.into(), source: source.into() };
        let read = |name: &str| {
            let none = || {
                io::Error::other(format!("its data file `{name}` is not in memory: add it next to the model"))
            };
            assets.get(name).ok_or_else(none)?.bytes()
        };
        let bytes = read(file).map_err(failed)?;
        let mut data = Vec::new();
        for location in names_in(&bytes).map_err(failed)? {
            let place = Path::new(file).with_file_name(&location);
            data.push((location, read(&place.to_string_lossy()).map_err(failed)?));
        }
        let memory = ModelMemory { bytes, data, beside: Beside(assets.clone()) };
        Ok(Model::of(name, file.into(), Source::Memory(memory)))
    }

    /// The content, if the host keeps it in memory.
    pub fn memory(&self) -> Option<&ModelMemory> {
        match &self.0.source {
            Source::Memory(memory) => Some(memory),
            Source::Disk(_) | Source::Missing(_) => None,
        }
    }

    /// A file next to a model in memory, such as its tokenizer; `None` for a model on disk.
    pub fn beside(&self, name: &str) -> Option<Result<File>> {
        let place = self.path().with_file_name(name);
        let missing = || Error::File { path: place.clone(), source: io::ErrorKind::NotFound.into() };
        self.memory()
            .map(|memory| memory.beside.0.file(&place.to_string_lossy()).unwrap_or_else(|| Err(missing())))
    }

    /// Opens the model's own file for reading.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn content(&self) -> io::Result<Content> {
        match self.memory() {
            Some(memory) => Ok(memory.bytes.clone().into()),
            None => regular::open(self.path(), Links::Followed).map(Content::File),
        }
    }

    /// A placeholder for a missing model; `why` names the places that were searched. Only its name can be read.
    fn missing(name: &str, why: String) -> Model {
        Model::of(name, PathBuf::new(), Source::Missing(why))
    }

    /// The error of a missing model; `None` for a model that exists. See [`Models::allowing_missing`].
    pub fn why_missing(&self) -> Option<Error> {
        match &self.0.source {
            Source::Missing(why) => Some(not_found(&self.0.name, why)),
            Source::Disk(_) | Source::Memory(_) => None,
        }
    }

    /// Opens the model again in its present state on disk.
    ///
    /// # Errors
    /// As [`Model::open`], for example if the file was removed; [`Error::NotFound`] for a missing model.
    pub fn reopen(&self) -> Result<Model> {
        match self.why_missing() {
            Some(error) => Err(error),
            None if self.memory().is_some() => Ok(self.clone()),
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
        if let Some(memory) = self.memory() {
            let mut hasher = Hasher::new("model").digest(memory.bytes.digest(cancel)?);
            for (_, data) in &memory.data {
                hasher = hasher.digest(data.digest(cancel)?);
            }
            return Ok(*self.0.digest.get_or_init(|| hasher.finish()));
        }
        let read = |path: &Path, stamp: Option<Stamp>| {
            content::digest(path, stamp, cancel).map_err(|trouble| self.failed(trouble))
        };
        let stamp = self.stamp();
        let mut hasher = Hasher::new("model").digest(read(self.path(), stamp)?);
        for (data, stamp) in self.stamped_data(stamp)? {
            hasher = hasher.digest(read(&data, Some(stamp))?);
        }
        Ok(*self.0.digest.get_or_init(|| hasher.finish()))
    }

    /// Paths of the model's external data files, each checked to exist; none for a model in memory.
    ///
    /// # Errors
    /// [`Error::Model`] if one is missing, not a regular file, or outside of the model's folder.
    pub fn data(&self) -> Result<Vec<PathBuf>> {
        if self.memory().is_some() {
            return Ok(Vec::new());
        }
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

    /// Stamp of the file when the model was opened.
    fn stamp(&self) -> Option<Stamp> {
        match &self.0.source {
            Source::Disk(stamp) => Some(*stamp),
            Source::Memory(_) | Source::Missing(_) => None,
        }
    }

    /// Whether the file is unchanged since the model was opened.
    pub fn is_unchanged(&self) -> bool {
        match &self.0.source {
            Source::Disk(then) => Stamp::at(self.path()).is_ok_and(|stamp| stamp == *then),
            Source::Memory(_) => true,
            Source::Missing(_) => false,
        }
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

    /// The absolute path of the file; the name of a model in memory; empty for a model that is missing.
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
        let own = || match &self.0.source {
            Source::Disk(stamp) => stamp.settled().then(|| stamp.digest()),
            Source::Memory(_) => Some(self.digest()),
            Source::Missing(_) => None,
        };
        self.0.digest.get().copied().or_else(own)
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
    assets: Assets,
    allow_missing: bool,
}

type Resolve = dyn Fn(&str) -> Result<PathBuf, String> + Send + Sync;

impl Models {
    /// Looks names up with `resolve`, which returns a path, or a sentence that tells where it looked.
    pub fn new(resolve: impl Fn(&str) -> Result<PathBuf, String> + Send + Sync + 'static) -> Models {
        let (files, assets) = Default::default();
        Models { resolve: Arc::new(resolve), host: None, files, assets, allow_missing: false }
    }

    /// Looks names of models and files up in memory first.
    #[must_use]
    pub fn with_assets(self, assets: Assets) -> Models {
        Models { assets, ..self }
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
        let (host, assets) = (self.host.clone(), self.assets.clone());
        Models { resolve, host, files: Files::any(), assets, allow_missing: self.allow_missing }
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
        self.assets.file(name).unwrap_or_else(|| self.files.open(name))
    }

    /// Finds a model by name.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such model, [`Error::Model`] if it cannot be read.
    pub fn open(&self, name: &str) -> Result<Model> {
        if let Some(file) = self.assets.model(name) {
            return Model::in_memory(name, &file, &self.assets);
        }
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
mod tests;
