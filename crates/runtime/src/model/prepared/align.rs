//! Aligns the packed weights of a model that ONNX Runtime has written.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use wuerst_core::regular::{self, Links};
use wuerst_model::onnx;

use super::entry::{MODEL, WEIGHTS};

/// Rewrites the model in an unfinished folder, and its data, if packed weights are at places that kernels cannot read.
///
/// # Errors
/// Errors of the file system.
pub(super) fn data(folder: &Path) -> io::Result<()> {
    let [model, data] = [MODEL, WEIGHTS].map(|name| folder.join(name));
    let mut bytes = vec![];
    regular::open(&model, Links::Refused)?.read_to_end(&mut bytes)?;
    let Some((aligned, moves)) = onnx::aligned(&bytes) else { return Ok(()) };
    let mut file = regular::open_with(&data, Links::Refused, OpenOptions::new().read(true).write(true))?;
    // Bytes only move towards the end, so the last ones move first.
    for one in moves.iter().rev() {
        let mut bytes = vec![];
        file.seek(SeekFrom::Start(one.from))?;
        (&file).take(one.length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != one.length {
            return Err(io::Error::other("the data file of an optimised model ends too early"));
        }
        file.seek(SeekFrom::Start(one.to))?;
        file.write_all(&bytes)?;
    }
    file.sync_all()?;
    fs::write(&model, aligned)
}
