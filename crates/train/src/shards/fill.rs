//! Computes the missing files of a folder of shards.

use super::{ROWS, Table, chunks};
use crate::{prepare, remove};
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tch::Tensor;

/// Name of the lock file, which is locked while a folder is filled.
const LOCK: &str = "lock";
const ROWS_OF: &str = "rows-";

/// Computes the rows with these indices, i64 `[k]`: by name, each `[k, …]`.
pub type Content<'a> = dyn FnMut(&Tensor) -> Result<Vec<(&'static str, Tensor)>> + 'a;

/// Computes the files of a folder that do not exist yet, for `len` rows; `what` names them in the progress.
///
/// A file gets its name when it is complete, so a stopped run loses at most the work for one file.
///
/// # Errors
/// As `content`, and files that cannot be written.
pub fn fill(folder: &Path, len: usize, what: &str, content: &mut Content<'_>) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let _turn = turn(folder)?;
    let progress = prepare::bar(len, what)?;
    for at in 0..len.div_ceil(ROWS) {
        let path = file(folder, at);
        let rows = at * ROWS..len.min((at + 1) * ROWS);
        if path.exists() {
            progress.inc(rows.len() as u64);
            continue;
        }
        let mut parts: Vec<(&str, Vec<Tensor>)> = vec![];
        for which in chunks(rows) {
            for (name, rows) in content(&which)? {
                match parts.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, all)) => all.push(rows),
                    None => parts.push((name, vec![rows])),
                }
            }
            progress.inc(which.size()[0] as u64);
        }
        write(&path, &parts)?;
        prepare::tell(&progress);
    }
    progress.finish();
    Ok(())
}

fn write(path: &Path, parts: &[(&str, Vec<Tensor>)]) -> Result<()> {
    let whole: Vec<(&str, Tensor)> =
        parts.iter().map(|(name, all)| (*name, Tensor::cat(all, 0).contiguous())).collect();
    let unfinished = path.with_extension("unfinished");
    let written = Tensor::write_safetensors(&whole, &unfinished)
        .map_err(anyhow::Error::from)
        .and_then(|()| Ok(fs::rename(&unfinished, path)?));
    if written.is_err() {
        // The disk may be full of it.
        let _ = fs::remove_file(&unfinished);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// A network's result for each of a corpus's `len` rows, by [`fill`] in a folder named after `name` and `key`; removes
/// folders with this name and another key.
///
/// # Errors
/// As [`fill`] and [`Table::open`].
pub fn made(
    folder: &Path,
    (name, key): (&'static str, &str),
    len: i64,
    make: &mut dyn FnMut(&Tensor) -> Result<Tensor>,
) -> Result<Table> {
    let own = format!("{name}-{}", &key[..16]);
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let key = path.file_name().and_then(|n| n.to_str()?.strip_prefix(name)?.strip_prefix('-'));
        let ours = key.is_some_and(|key| key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if ours && !path.ends_with(&own) {
            let is_ours = |name: &str| name == LOCK || name.starts_with(ROWS_OF);
            remove::own_files(&path, is_ours).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    let folder = folder.join(own);
    fill(&folder, len as usize, name, &mut |which| Ok(vec![(name, make(which)?)]))?;
    Table::open(&folder, name, len as usize)
}

/// Whether a folder has all its files.
pub fn complete(folder: &Path, len: usize) -> bool {
    (0..len.div_ceil(ROWS)).all(|at| file(folder, at).exists())
}

/// Waits while another process fills the folder: two stages may be trained at once.
fn turn(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let lock = || -> std::io::Result<File> {
        let file = File::create(&path)?;
        file.lock()?;
        Ok(file)
    };
    lock().with_context(|| format!("cannot lock {}", path.display()))
}

/// File number `at` of a folder.
pub fn file(folder: &Path, at: usize) -> PathBuf {
    folder.join(format!("{ROWS_OF}{at:05}.safetensors"))
}
