//! Tensors of many rows in files, from which a training step reads only the needed rows.
//!
//! A folder holds safetensors files of [`ROWS`] rows each. Rows are read from their place in the file: the system caches
//! frequent ones, the process's own memory stays small, and a truncated file is an error, while a memory-mapped one would
//! end the process.

mod fill;
mod header;

pub use fill::{Content, complete, fill, made};

use anyhow::{Context, Result, ensure};
use header::Place;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};
use wuerst_read::regular::{self, Links};

/// Number of rows of a file; the last one of a folder may have fewer.
pub const ROWS: usize = 4096;

/// One tensor `[n, …]`, in memory or in the files of a folder.
pub struct Table {
    kind: Kind,
    row: Vec<i64>,
    len: i64,
    rows: Rows,
}

enum Rows {
    Memory(Tensor),
    Files(Vec<Part>),
}

/// Rows in one file.
struct Part {
    path: PathBuf,
    file: File,
    place: Place,
}

impl Table {
    /// A table in memory.
    pub fn of(tensor: Tensor) -> Table {
        let size = tensor.size();
        Table { kind: tensor.kind(), row: size[1..].to_vec(), len: size[0], rows: Rows::Memory(tensor) }
    }

    /// The tensor with this name in a complete folder.
    ///
    /// # Errors
    /// Files that are missing, too short, or inconsistent.
    pub fn open(folder: &Path, name: &str, len: usize) -> Result<Table> {
        let count = len.div_ceil(ROWS);
        let anew = || format!("remove {} to have it computed anew", folder.display());
        let open = |at| Part::open(&fill::file(folder, at), name).with_context(anew);
        let parts: Vec<Part> = (0..count).map(open).collect::<Result<_>>()?;
        let first = &parts.first().with_context(|| format!("{} holds no rows", folder.display()))?.place;
        let (kind, row) = (first.kind, first.size[1..].to_vec());
        for (at, part) in parts.iter().enumerate() {
            let rows = ROWS.min(len - at * ROWS) as i64;
            let alike =
                part.place.kind == kind && part.place.size[1..] == row[..] && part.place.size[0] == rows;
            ensure!(
                alike,
                "{} has `{name}` of {:?} {:?}, not of {rows} rows of {kind:?} {row:?}: {}",
                part.path.display(),
                part.place.kind,
                part.place.size,
                anew()
            );
        }
        Ok(Table { kind, row, len: len as i64, rows: Rows::Files(parts) })
    }

    /// Number of rows.
    pub fn len(&self) -> i64 {
        self.len
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Extents of a row.
    pub fn row(&self) -> &[i64] {
        &self.row
    }

    /// The rows with these indices, i64 `[k]`, on the CPU in the table's own type.
    ///
    /// # Errors
    /// A file that cannot be read, or an index out of range.
    pub fn rows(&self, which: &Tensor) -> Result<Tensor> {
        let parts = match &self.rows {
            Rows::Memory(tensor) => return Ok(tensor.f_index_select(0, which)?),
            Rows::Files(parts) => parts,
        };
        let which = Vec::<i64>::try_from(which)?;
        let bytes = self.row.iter().product::<i64>() as usize * self.kind.elt_size_in_bytes();
        let mut all = vec![0u8; which.len() * bytes];
        for (number, row) in which.iter().zip(all.chunks_exact_mut(bytes.max(1))) {
            ensure!((0..self.len).contains(number), "row {number} of {} was asked for", self.len);
            let number = *number as usize;
            let Part { path, file, place } = &parts[number / ROWS];
            let at = place.start + (number % ROWS * bytes) as u64;
            file.read_exact_at(row, at)
                .with_context(|| format!("{} changed or cannot be read while it is used", path.display()))?;
        }
        let size: Vec<i64> = std::iter::once(which.len() as i64).chain(self.row.iter().copied()).collect();
        Ok(Tensor::from_data_size(&all, &size, self.kind))
    }

    /// The rows with these indices as f32 on a device.
    ///
    /// # Errors
    /// As [`rows`](Table::rows).
    pub fn floats(&self, which: &Tensor, device: Device) -> Result<Tensor> {
        Ok(self.rows(which)?.to_device(device).to_kind(Kind::Float))
    }
}

impl Part {
    fn open(path: &Path, name: &str) -> Result<Part> {
        let file = regular::open(path, Links::Followed)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let place = header::find(&file, name).with_context(|| path.display().to_string())?;
        Ok(Part { path: path.to_owned(), file, place })
    }
}

/// The indices of all rows in chunks, for networks that run over a whole corpus.
pub fn chunks(rows: std::ops::Range<usize>) -> impl Iterator<Item = Tensor> {
    const TOGETHER: usize = 64;
    let end = rows.end;
    rows.step_by(TOGETHER).map(move |first| {
        let last = end.min(first + TOGETHER);
        Tensor::arange_start(first as i64, last as i64, (Kind::Int64, Device::Cpu))
    })
}
