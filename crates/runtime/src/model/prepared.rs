//! Models as ONNX Runtime has optimised and packed them for this processor, kept on disk: loading them is quicker, and
//! sessions and processes share their weights, which are mapped and not copied.
//!
//! A folder for each, called by a digest of everything that it depends on. It is written under another name and moved
//! into place, so that a reader sees all of it or nothing, whoever else writes the same. Losing one only costs time.

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
/// An unfinished folder that is older was left by a process that is no more.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Where one prepared model is, or will be.
#[derive(Clone)]
pub(crate) struct Prepared {
    place: CacheFolder,
    key: Digest,
    budget: u64,
}

/// What there is of it.
pub(crate) enum Found {
    /// The model's file, and the weights that will be mapped.
    Model(PathBuf, Option<Mapped>),
    /// It was larger than all that may be kept.
    TooLarge,
    Nothing,
}

/// One that is being written; what is left unfinished is removed.
pub(crate) struct Unfinished {
    path: PathBuf,
    placed: bool,
}

impl Prepared {
    /// That of a model of so many bytes in a cache folder whose models are kept within `budget` bytes. None where it would
    /// take too much of that, and where the processor is not known.
    pub(crate) fn new(
        cache: &Path,
        budget: u64,
        runtime: &Runtime,
        model: Digest,
        bytes: u64,
    ) -> Option<Prepared> {
        // What is packed is kept with what it was packed from. What a model turns out to be counts once it is written.
        if bytes.saturating_mul(2) > budget {
            return None;
        }
        let library = fs::metadata(runtime.path()).ok()?;
        let hasher = Hasher::new("prepared model").digest(model).bytes(runtime.version().as_bytes());
        let hasher = hasher.bytes(format!("{} {:?}", library.len(), library.modified().ok()).as_bytes());
        let hasher = hasher.bytes(processor()?.as_bytes());
        Some(Prepared { place: CacheFolder::new(cache, NAME), key: hasher.finish(), budget })
    }

    /// That of a part of the model.
    pub(crate) fn part(&self, name: &str) -> Prepared {
        let key = Hasher::new("part of a model").digest(self.key).bytes(name.as_bytes()).finish();
        Prepared { place: self.place.clone(), key, budget: self.budget }
    }

    fn path(&self) -> PathBuf {
        self.place.path().join(self.key.to_string())
    }

    /// The model, if it is there and is what was written. What is damaged is removed.
    ///
    /// # Errors
    /// The folder may not be used, or something in its place is not ours.
    pub(crate) fn find(&self) -> io::Result<Found> {
        if !self.place.is_there()? {
            return Ok(Found::Nothing);
        }
        let Some(entry) = Entry::at(&self.path())? else { return Ok(Found::Nothing) };
        if entry.too_large().is_some_and(|bytes| bytes > self.budget) {
            entry.touch();
            return Ok(Found::TooLarge);
        }
        // Opened before it is read, so that a change in between is noticed.
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

    /// A session that `make` makes of what was found.
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

    /// Removes it, so that it is made again.
    ///
    /// # Errors
    /// It is not ours, or what the file system says.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match Entry::at(&self.path())? {
            Some(entry) => entry.remove(&self.place, &self.key.to_string()),
            None => Ok(()),
        }
    }

    /// Begins to write it.
    ///
    /// # Errors
    /// The folder may not be used, or what the file system says.
    pub(crate) fn begin(&self) -> io::Result<Unfinished> {
        self.place.make()?;
        let mut maker = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        let path = self.place.unfinished_folder(&self.key.to_string(), |path| maker.create(path))?;
        // Held before the seal is written, so that it is removed when that fails.
        let unfinished = Unfinished { path, placed: false };
        entry::seal(&unfinished.path, entry::UNFINISHED)?;
        Ok(unfinished)
    }

    /// Moves it into place, unless another process was quicker, and removes what was unused for longest when there is
    /// too much. One that is larger than the budget leaves but a note that it is.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn finish(&self, mut unfinished: Unfinished) -> io::Result<()> {
        let (content, bytes) = entry::content(&unfinished.path, self.key)?;
        if bytes > self.budget {
            entry::seal_too_large(&unfinished.path, bytes)?;
        } else {
            entry::seal(&unfinished.path, &content.to_string())?;
        }
        // One that is in place already stays.
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
            // What is not ours neither counts nor goes.
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
        // But for the newest, which is within the budget by itself.
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
    /// Makes the session that is built write itself here.
    pub(crate) fn write(&self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        let builder = builder
            .with_optimized_model_path(self.path.join(MODEL))?
            .with_config_entry("session.optimized_model_external_initializers_file_name", WEIGHTS)?
            .with_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")?
            .with_config_entry("session.save_external_prepacked_constant_initializers", "1")?
            // ONNX Runtime warns that the file is for this processor only.
            .with_log_level(ort::logging::LogLevel::Error)?;
        Ok(builder)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be removed now goes when the folder is listed after an hour.
            let _ = entry::delete(&self.path);
        }
    }
}

/// Loads what was written by [`Unfinished::write`] as it is.
pub(crate) fn as_it_is(builder: SessionBuilder) -> ort::Result<SessionBuilder> {
    Ok(builder.with_optimization_level(GraphOptimizationLevel::Disable)?)
}

/// The processor's name and abilities, which decide how weights are packed.
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
