//! A disk cache of models as ONNX Runtime optimised and packed them for this processor. They load faster, and sessions
//! and processes share their memory-mapped weights.
//!
//! Each has a folder named by a digest of everything that it depends on. The folder is written under another name and
//! then renamed, so that readers never see half of it, even if several processes write the same one. A lost entry only
//! costs time.

mod align;
mod entry;
mod mapped;
mod maps;

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use wuerst_core::regular::Links;
use wuerst_core::{CacheFolder, CancellationToken, Digest, Hasher};

use crate::library::Runtime;
use entry::{Entry, MODEL, WEIGHTS};
pub(crate) use mapped::Mapped;
pub(crate) use maps::Unmade;

/// The folder's own name within the cache folder.
const NAME: &str = "wuerst-models";
/// Unfinished folders older than this were left by a process that has ended.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The cache entry of one prepared model, which may not exist yet.
#[derive(Clone)]
pub(crate) struct Prepared {
    place: CacheFolder,
    key: Digest,
    budget: u64,
}

/// Result of a lookup.
pub(crate) enum Found {
    /// The model's file, and the weights to be mapped.
    Model(PathBuf, Option<Mapped>),
    /// The model exceeds the budget.
    TooLarge,
    Nothing,
}

/// An entry being written; removed when dropped before it is finished.
pub(crate) struct Unfinished {
    path: PathBuf,
    placed: bool,
}

impl Prepared {
    /// Cache entry for a model of `bytes` in a cache folder whose models stay within `budget` bytes; `None` if it would
    /// take over half the budget, or if the processor is unknown.
    pub(crate) fn new(
        cache: &Path,
        budget: u64,
        runtime: &Runtime,
        model: Digest,
        bytes: u64,
    ) -> Option<Prepared> {
        // Packed weights are stored next to the original ones. The real size counts once the entry is written.
        if bytes.saturating_mul(2) > budget {
            return None;
        }
        let library = fs::metadata(runtime.path()).ok()?;
        let hasher = Hasher::new("prepared model").digest(model).bytes(runtime.version().as_bytes());
        let hasher = hasher.bytes(format!("{} {:?}", library.len(), library.modified().ok()).as_bytes());
        let hasher = hasher.bytes(processor()?.as_bytes());
        Some(Prepared { place: CacheFolder::new(cache, NAME), key: hasher.finish(), budget })
    }

    /// The entry of a part of the model.
    pub(crate) fn part(&self, name: &str) -> Prepared {
        let key = Hasher::new("part of a model").digest(self.key).bytes(name.as_bytes()).finish();
        Prepared { place: self.place.clone(), key, budget: self.budget }
    }

    fn path(&self) -> PathBuf {
        self.place.path().join(self.key.to_string())
    }

    /// Finds the model if it is stored and intact. Removes a damaged entry.
    ///
    /// # Errors
    /// The folder may not be used, or its place is taken by something that is not ours.
    pub(crate) fn find(&self) -> io::Result<Found> {
        if !self.place.is_there()? {
            return Ok(Found::Nothing);
        }
        let Some(entry) = Entry::at(&self.path())? else { return Ok(Found::Nothing) };
        if entry.too_large().is_some_and(|bytes| bytes > self.budget) {
            entry.touch();
            return Ok(Found::TooLarge);
        }
        // Opened before reading, so that a change in between is detected.
        let mapped = Mapped::open(&entry.path().join(WEIGHTS), Links::Refused);
        match (mapped, entry::content(entry.path(), self.key)) {
            (Ok(mapped), Ok((content, _))) if content.to_string() == entry.seal => {
                entry.touch();
                Ok(Found::Model(entry.path().join(MODEL), mapped))
            }
            _ => {
                entry.remove(&self.place, &self.key.to_string())?;
                Ok(Found::Nothing)
            }
        }
    }

    /// Calls `make` to create a session from the stored model.
    ///
    /// # Errors
    /// [`Unmade`].
    pub(crate) fn session<T>(
        &self,
        found: Option<&Mapped>,
        cancel: &CancellationToken,
        make: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, Unmade> {
        match found {
            Some(_) => maps::mapped_by(&self.path(), cancel, make),
            // A model of small tensors alone.
            None => make().map_err(|_| Unmade::Refused),
        }
    }

    /// Removes the entry, so that it is made again.
    ///
    /// # Errors
    /// It is not ours, or the file system fails.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match Entry::at(&self.path())? {
            Some(entry) => entry.remove(&self.place, &self.key.to_string()),
            None => Ok(()),
        }
    }

    /// Begins to write the entry.
    ///
    /// # Errors
    /// The folder may not be used, or the file system fails.
    pub(crate) fn begin(&self) -> io::Result<Unfinished> {
        self.place.make()?;
        let mut maker = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        let path = self.place.unfinished_folder(&self.key.to_string(), |path| maker.create(path))?;
        // Created before the seal is written, so that a failure removes the folder.
        let unfinished = Unfinished { path, placed: false };
        entry::seal(&unfinished.path, entry::UNFINISHED)?;
        Ok(unfinished)
    }

    /// Renames the entry to its final name, unless another process was faster. If the budget is exceeded, removes the
    /// entries unused for longest; an entry larger than the whole budget is replaced by a note of its size.
    ///
    /// # Errors
    /// Errors of the file system.
    pub(crate) fn finish(&self, mut unfinished: Unfinished) -> io::Result<()> {
        align::data(&unfinished.path)?;
        let (content, bytes) = entry::content(&unfinished.path, self.key)?;
        if bytes > self.budget {
            entry::seal_too_large(&unfinished.path, bytes)?;
        } else {
            entry::seal(&unfinished.path, &content.to_string())?;
        }
        // An existing entry stays.
        unfinished.placed =
            Entry::at(&self.path())?.is_none() && fs::rename(&unfinished.path, self.path()).is_ok();
        drop(unfinished);
        self.evict()
    }

    fn evict(&self) -> io::Result<()> {
        let (mut entries, mut sum) = (Vec::new(), 0);
        for found in fs::read_dir(self.place.path())?.flatten() {
            let name = found.file_name();
            let unfinished = match CacheFolder::entry(&name) {
                Some(wuerst_core::Entry::Finished("")) => false,
                Some(wuerst_core::Entry::Unfinished) => true,
                _ => continue,
            };
            // Foreign files are neither counted nor removed.
            let Ok(Some(entry)) = Entry::at(&found.path()) else { continue };
            sum += entry.bytes;
            let abandoned = entry.used.elapsed().is_ok_and(|age| age > ABANDONED);
            if unfinished && abandoned {
                sum -= entry::delete(entry.path()).map_or(0, |()| entry.bytes);
            } else if !unfinished {
                entries.push(entry);
            }
        }
        entries.sort_by_key(|entry| entry.used);
        // Keeps the newest entry, which fits the budget alone.
        entries.pop();
        for entry in entries {
            if sum <= self.budget {
                break;
            }
            let name = entry.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
            sum -= entry.remove(&self.place, &name).map_or(0, |()| entry.bytes);
        }
        Ok(())
    }
}

impl Unfinished {
    /// Makes the session write its optimised form here.
    pub(crate) fn write(&self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        let builder = builder
            .with_optimized_model_path(self.path.join(MODEL))?
            .with_config_entry("session.optimized_model_external_initializers_file_name", WEIGHTS)?
            .with_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")?
            .with_config_entry("session.save_external_prepacked_constant_initializers", "1")?
            // ONNX Runtime warns that the file is only for this processor.
            .with_log_level(ort::logging::LogLevel::Error)?;
        Ok(builder)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.placed {
            // If removing fails now, a listing after an hour removes it.
            let _ = entry::delete(&self.path);
        }
    }
}

/// Loads a form written by [`Unfinished::write`], without further optimisation.
pub(crate) fn as_it_is(builder: SessionBuilder) -> ort::Result<SessionBuilder> {
    Ok(builder.with_optimization_level(GraphOptimizationLevel::Disable)?)
}

/// Name and features of the processor, which decide the packing of weights.
#[expect(clippy::disallowed_methods, reason = "the system's own file")]
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let first = text.split("\n\n").next()?;
    let counts = ["vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU "];
    let lines: Vec<&str> =
        first.lines().filter(|line| counts.iter().any(|name| line.starts_with(name))).collect();
    if lines.is_empty() { None } else { Some(lines.join("\n")) }
}

#[cfg(test)]
mod tests;
