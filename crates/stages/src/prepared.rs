//! Models as ONNX Runtime has optimised and packed them for this processor, kept on disk: loading them is quicker, and
//! sessions and processes share their weights, which are mapped and not copied.
//!
//! A folder for each, called by a digest of everything that it depends on. It is written under another name and moved
//! into place, so that a reader sees all of it or nothing, whoever else writes the same. Losing one only costs time.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use tempfile::TempDir;
use wuerst_core::{Digest, Hasher};

use crate::runtime::Runtime;

const MODEL: &str = "model.onnx";
const WEIGHTS: &str = "model.onnx.data";
/// Says what the other two files were when they were finished; its time of change is when it was used last.
const SEAL: &str = "seal";
/// How folders begin that are being written.
const UNFINISHED: &str = "unfinished-";
/// An unfinished folder that is older was left by a process that is no more.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Where one prepared model is, or will be.
#[derive(Clone)]
pub(crate) struct Prepared {
    folder: PathBuf,
    key: Digest,
    budget: u64,
}

/// One that is being written; what is left unfinished is removed.
pub(crate) struct Unfinished(TempDir);

impl Prepared {
    /// That of a model of so many bytes in a folder whose entries are kept within `budget` bytes. None where it would
    /// take too much of that, and where the processor is not known.
    pub(crate) fn new(
        folder: &Path,
        budget: u64,
        runtime: &Runtime,
        model: Digest,
        bytes: u64,
    ) -> Option<Prepared> {
        // What is packed is kept beside what it was packed from.
        if bytes.saturating_mul(2) > budget {
            return None;
        }
        let library = fs::metadata(runtime.path()).ok()?;
        let hasher = Hasher::new("prepared model").digest(model).bytes(runtime.version().as_bytes());
        let hasher = hasher.bytes(format!("{} {:?}", library.len(), library.modified().ok()).as_bytes());
        let hasher = hasher.bytes(processor()?.as_bytes());
        Some(Prepared { folder: folder.to_owned(), key: hasher.finish(), budget })
    }

    /// That of a part of the model.
    pub(crate) fn part(&self, name: &str) -> Prepared {
        let key = Hasher::new("part of a model").digest(self.key).bytes(name.as_bytes()).finish();
        Prepared { folder: self.folder.clone(), key, budget: self.budget }
    }

    fn entry(&self) -> PathBuf {
        self.folder.join(self.key.to_string())
    }

    /// The model's file, if it is there and is what was written. What is damaged is removed.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        let entry = self.entry();
        let said = fs::read_to_string(entry.join(SEAL)).ok();
        let good = said.is_some_and(|said| seal(&entry).is_ok_and(|seal| seal == said));
        if !good {
            self.remove();
            return None;
        }
        if let Ok(file) = File::options().append(true).open(entry.join(SEAL)) {
            // Where the time cannot be set, entries go in the order in which they were made.
            let _ = file.set_modified(SystemTime::now());
        }
        Some(entry.join(MODEL))
    }

    /// Removes it, so that it is made again. Whoever has mapped its weights keeps them.
    pub(crate) fn remove(&self) {
        // Moved first, so that nobody finds a part of it.
        let Ok(unfinished) = unfinished(&self.folder) else { return };
        let _ = fs::rename(self.entry(), unfinished.path().join("old"));
    }

    /// Begins to write it.
    pub(crate) fn begin(&self) -> io::Result<Unfinished> {
        let mut maker = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker.recursive(true).create(&self.folder)?;
        unfinished(&self.folder).map(Unfinished)
    }

    /// Moves it into place, unless another process was quicker, and removes what was unused for longest when there is
    /// too much.
    pub(crate) fn finish(&self, unfinished: Unfinished) -> io::Result<()> {
        let folder = unfinished.0.path();
        let mut file = File::create(folder.join(SEAL))?;
        file.write_all(seal(folder)?.as_bytes())?;
        drop(file);
        if fs::rename(folder, self.entry()).is_ok() {
            // It is no temporary folder any more.
            let _ = unfinished.0.keep();
        }
        self.evict()
    }

    fn evict(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let path = entry.path();
            let Ok(about) = fs::metadata(path.join(SEAL)).or_else(|_| entry.metadata()) else { continue };
            let used = about.modified().unwrap_or(UNIX_EPOCH);
            let size = |name| fs::metadata(path.join(name)).map_or(0, |about| about.len());
            let bytes = size(MODEL) + size(WEIGHTS);
            if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                entries.push((used, bytes, path));
            } else if used.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = fs::remove_dir_all(path);
            }
        }
        let mut sum: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        entries.sort();
        // But for the newest.
        entries.pop();
        for (_, bytes, path) in entries {
            if sum <= self.budget {
                break;
            }
            let _ = fs::remove_dir_all(path);
            sum -= bytes;
        }
        Ok(())
    }
}

impl Unfinished {
    /// Makes the session that is built write itself here.
    pub(crate) fn write(&self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        let builder = builder
            .with_optimized_model_path(self.0.path().join(MODEL))?
            .with_config_entry("session.optimized_model_external_initializers_file_name", WEIGHTS)?
            .with_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")?
            .with_config_entry("session.save_external_prepacked_constant_initializers", "1")?
            // ONNX Runtime warns that the file is for this processor only.
            .with_log_level(ort::logging::LogLevel::Error)?;
        Ok(builder)
    }
}

/// Loads what was written by [`Unfinished::write`] as it is.
pub(crate) fn as_it_is(builder: SessionBuilder) -> ort::Result<SessionBuilder> {
    Ok(builder.with_optimization_level(GraphOptimizationLevel::Disable)?)
}

fn unfinished(folder: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(folder)
}

/// The graph's digest, and the length and time of change of the weights: reading those would take as long as it
/// saves.
fn seal(folder: &Path) -> io::Result<String> {
    let graph = Hasher::new("graph").bytes(&fs::read(folder.join(MODEL))?).finish();
    let weights = match fs::metadata(folder.join(WEIGHTS)) {
        Ok(about) => format!("{} {:?}", about.len(), about.modified()?),
        // A model of small tensors alone has no such file.
        Err(e) if e.kind() == io::ErrorKind::NotFound => "none".to_owned(),
        Err(e) => return Err(e),
    };
    Ok(format!("{graph} {weights}\n"))
}

/// The processor's name and abilities, which decide how weights are packed.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let first = text.split("\n\n").next()?;
    let counts = ["vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU "];
    let lines: Vec<&str> =
        first.lines().filter(|line| counts.iter().any(|name| line.starts_with(name))).collect();
    if lines.is_empty() { None } else { Some(lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(folder: &Path, name: u64, budget: u64) -> Prepared {
        let key = Hasher::new("test").number(name).finish();
        Prepared { folder: folder.to_owned(), key, budget }
    }

    /// Writes weights of so many bytes.
    fn write(prepared: &Prepared, bytes: usize) {
        let unfinished = prepared.begin().unwrap();
        fs::write(unfinished.0.path().join(MODEL), "graph").unwrap();
        fs::write(unfinished.0.path().join(WEIGHTS), vec![7; bytes]).unwrap();
        prepared.finish(unfinished).unwrap();
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_was_changed_is_made_again() {
        let tree = tempfile::tempdir().unwrap();
        let folder = tree.path().join("new");
        let one = prepared(&folder, 1, 1000);
        assert_eq!(one.find(), None);
        for damage in [
            |entry: &Path| fs::write(entry.join(MODEL), "grapf").unwrap(),
            |entry: &Path| File::options().write(true).open(entry.join(WEIGHTS)).unwrap().set_len(9).unwrap(),
            |entry: &Path| fs::remove_file(entry.join(WEIGHTS)).unwrap(),
            |entry: &Path| fs::remove_file(entry.join(SEAL)).unwrap(),
            |entry: &Path| fs::write(entry.join(SEAL), "").unwrap(),
        ] {
            write(&one, 10);
            assert_eq!(one.find(), Some(one.entry().join(MODEL)));
            damage(&one.entry());
            assert_eq!(one.find(), None);
            assert_eq!(names(&folder), 0, "nothing is left of it");
        }
    }

    #[test]
    fn of_two_writers_the_first_counts() {
        let folder = tempfile::tempdir().unwrap();
        let one = prepared(folder.path(), 1, 1000);
        let late = one.begin().unwrap();
        for name in [MODEL, WEIGHTS] {
            fs::write(late.0.path().join(name), "late").unwrap();
        }
        write(&one, 10);
        one.finish(late).unwrap();
        assert_eq!(fs::read(one.find().unwrap()).unwrap(), b"graph");
        assert_eq!(names(folder.path()), 1);
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let all: Vec<Prepared> = (0..3).map(|name| prepared(folder.path(), name, 250)).collect();
        for (age, one) in [(9, &all[0]), (5, &all[1])] {
            write(one, 100);
            let seal = File::options().append(true).open(one.entry().join(SEAL)).unwrap();
            seal.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        assert!(all[0].find().is_some(), "and is used now");
        write(&all[2], 100);
        assert_eq!([0, 1, 2].map(|i| all[i].find().is_some()), [true, false, true]);
    }
}
