//! The checkpoints in a stage's folder.
//!
//! A generation is a folder `step-N` of weights, their average, the optimiser's moments, and the training statistics.
//! `spent.json` in the stage's folder points to the newest one, and is replaced last: if a process is killed, or the disk
//! is full, the previous generation stays valid.

use crate::remove;
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tch::Tensor;
use wuerst_read::regular::{self, Links};

/// Work of a stage so far, stored in the checkpoint.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TrainingStats {
    /// Steps done.
    pub step: u64,
    /// Pictures seen.
    pub samples: u64,
    /// Floating-point operations, counting a MAC as two and the backward pass as two forward passes.
    pub flops: f64,
    /// Wall-clock hours.
    pub hours: f64,
}

/// Points to the newest generation.
const NEWEST: &str = "spent.json";

/// The tensors of a generation.
const PARTS: [&str; 3] = ["weights", "average", "moments"];

/// Whether a file of a generation was written by this module, completely or not.
fn is_ours(name: &str) -> bool {
    name.starts_with(NEWEST)
        || PARTS.iter().any(|part| name.strip_prefix(part).is_some_and(|end| end.starts_with('.')))
}

/// Name of the file that identifies the training data of a stage.
const DATA: &str = "learned-from";

/// Statistics of a stage up to the folder's newest generation; `None` if there is none.
///
/// # Errors
/// A damaged `spent.json`.
pub fn newest(folder: &Path) -> Result<Option<TrainingStats>> {
    let path = folder.join(NEWEST);
    if !path.exists() {
        return Ok(None);
    }
    read_spent(&path).map(Some)
}

/// Reads a `spent.json`.
///
/// # Errors
/// A file that is missing or damaged.
pub fn read_spent(path: &Path) -> Result<TrainingStats> {
    let bytes = regular::read(path, LONGEST).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| {
        format!("{} is damaged: write \"step\" as in the name of a folder step-N next to it", path.display())
    })
}

/// Maximum length of small files of a run, in bytes.
const LONGEST: u64 = 1 << 20;

/// The folder of the generation after `step` steps.
pub fn generation(folder: &Path, step: u64) -> PathBuf {
    folder.join(format!("step-{step}"))
}

/// The steps whose generations a folder contains, in order.
///
/// # Errors
/// A folder that cannot be read.
pub fn generations(folder: &Path) -> Result<Vec<u64>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut steps = vec![];
    for entry in entries {
        let name = entry?.file_name();
        steps.extend(name.to_str().and_then(|n| n.strip_prefix("step-")?.parse::<u64>().ok()));
    }
    steps.sort_unstable();
    Ok(steps)
}

/// Writes weights, their average and the moments, and then points to them.
///
/// # Errors
/// Files that cannot be written; the previous generation stays the newest.
pub fn write(folder: &Path, spent: &TrainingStats, parts: [&[(String, Tensor)]; 3]) -> Result<()> {
    let generation = generation(folder, spent.step);
    let known = newest(folder)?.is_some_and(|newest| newest.step == spent.step);
    let written = write_files(&generation, spent, parts).and_then(|()| replace(&folder.join(NEWEST), spent));
    if written.is_err() && !known {
        // An incomplete generation is not referenced, and the disk may be full of it.
        let _ = remove::own_files(&generation, is_ours);
    }
    written.with_context(|| {
        format!("the checkpoint of step {} is not written, the one before is kept", spent.step)
    })
}

fn write_files(generation: &Path, spent: &TrainingStats, parts: [&[(String, Tensor)]; 3]) -> Result<()> {
    fs::create_dir_all(generation).with_context(|| format!("cannot create {}", generation.display()))?;
    for (name, tensors) in PARTS.into_iter().zip(parts) {
        let path = generation.join(format!("{name}.safetensors"));
        let next = path.with_extension("new");
        Tensor::write_safetensors(tensors, &next)
            .with_context(|| format!("cannot write {}", next.display()))?;
        regular::open(&next, Links::Refused)?
            .sync_all()
            .with_context(|| format!("cannot write {}", next.display()))?;
        fs::rename(&next, &path)?;
    }
    replace(&generation.join(NEWEST), spent)
}

fn replace(path: &Path, spent: &TrainingStats) -> Result<()> {
    let next = path.with_extension("json.new");
    let written = || -> std::io::Result<()> {
        let mut file = File::create(&next)?;
        file.write_all(&serde_json::to_vec_pretty(spent)?)?;
        file.sync_all()?;
        fs::rename(&next, path)
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}

/// Removes the generations except the newest and those in `keep`.
///
/// # Errors
/// A folder that cannot be read or removed.
pub fn prune(folder: &Path, newest: u64, keep: &[u64]) -> Result<()> {
    for step in generations(folder)?.into_iter().filter(|step| *step != newest && !keep.contains(step)) {
        let old = generation(folder, step);
        remove::own_files(&old, is_ours).with_context(|| format!("cannot remove {}", old.display()))?;
    }
    Ok(())
}

/// Locks the folder against training by other processes, while the file is held.
///
/// # Errors
/// Another process that trains there, or a folder that cannot be written.
pub fn alone(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another process trains {}: wait for its end, or stop it", folder.display())
        }
        Err(TryLockError::Error(e)) => Err(e).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Records the training data of a stage, or compares it with the recorded data.
///
/// # Errors
/// Data that has changed.
pub fn same_data(folder: &Path, key: &str) -> Result<()> {
    let path = folder.join(DATA);
    match regular::read_text(&path, LONGEST) {
        Ok(known) => ensure!(
            known.trim() == key,
            "{} was trained on other data than the run gives now (its `data` or an earlier stage has changed): take the change \
             back, or remove {} to go on with the new data",
            folder.display(),
            path.display()
        ),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            fs::write(&path, format!("{key}\n"))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    }
    Ok(())
}

/// Copies the generation of `step` from one stage's folder to another, which has none, as the newest.
///
/// # Errors
/// A generation that was not kept, a folder that has checkpoints already, files that cannot be copied.
pub fn branch(from: &Path, step: u64, to: &Path) -> Result<()> {
    let old = generation(from, step);
    if !old.is_dir() {
        let kept: Vec<String> = generations(from)?.iter().map(u64::to_string).collect();
        bail!(
            "{} has no checkpoint of step {step}, only of {}: name steps to keep as `keep: [{step}]` before they are reached",
            from.display(),
            if kept.is_empty() { "none".into() } else { kept.join(", ") }
        );
    }
    ensure!(
        newest(to)?.is_none(),
        "{} has a checkpoint already: give the branch another folder",
        to.display()
    );
    let new = generation(to, step);
    fs::create_dir_all(&new).with_context(|| format!("cannot create {}", new.display()))?;
    for entry in fs::read_dir(&old)? {
        let path = entry?.path();
        copy(&path, &new.join(path.file_name().unwrap_or_default()))?;
    }
    if from.join(DATA).exists() {
        copy(&from.join(DATA), &to.join(DATA))?;
    }
    let log = regular::read_text(&from.join("log.csv"), super::log::LONGEST).unwrap_or_default();
    let log = super::log::until(&log, step);
    fs::write(to.join("log.csv"), log).with_context(|| format!("cannot write into {}", to.display()))?;
    replace(&to.join(NEWEST), &read_spent(&old.join(NEWEST))?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    regular::copy(from, to, Links::Followed)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}
