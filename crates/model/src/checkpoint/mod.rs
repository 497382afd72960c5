//! Reads published weights: safetensors, whole or in shards, and PyTorch's old pickle files.
//!
//! Files are memory-mapped and tensors are widened to f32 one at a time, so a checkpoint may be larger than memory.

mod fit;
mod folder;
mod legacy;
mod mapping;
mod pickle;
mod shards;

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};

pub use fit::Misfit;
use mapping::Mapping;

use crate::onnx::{BoxError, Weight, Weights};
use crate::stand_in;

/// Named tensors in one or more files.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    path: PathBuf,
    files: Vec<Arc<Mapping>>,
    tensors: BTreeMap<String, Entry>,
}

/// Location of a tensor.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    /// Number of the file.
    file: usize,
    /// First byte in the file.
    start: usize,
    element: Element,
    shape: Vec<usize>,
    /// Distances between elements along each axis, if they are not in row-major order.
    strides: Option<Vec<usize>>,
}

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    F64,
    F32,
    F16,
    BF16,
    /// Integers, which networks use only as counters and positions; their size in bytes.
    Whole(usize),
}

impl Element {
    fn bytes(self) -> usize {
        match self {
            Element::F64 => 8,
            Element::F32 => 4,
            Element::F16 | Element::BF16 => 2,
            Element::Whole(bytes) => bytes,
        }
    }
}

/// Reason why weights cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The file is damaged or is not a checkpoint.
    #[error("{}: {message}", path.display())]
    Format {
        /// Path of the file.
        path: PathBuf,
        /// The problem, with its solution if known.
        message: String,
    },
    /// The file does not contain the weights of this network.
    #[error("{} does not fit the network: {misfit}", path.display())]
    Misfit {
        /// Path of the file.
        path: PathBuf,
        /// All tensors that do not fit.
        misfit: Misfit,
    },
}

impl Checkpoint {
    /// Opens a `.safetensors` file, the `.index.json` of a sharded one, a `.pth` file in PyTorch's old format, or a model
    /// folder with one of the names that diffusers and transformers use. If there are several variants, full precision is
    /// preferred, then `fp16`, then `bf16`.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or is in another format, such as PyTorch's newer zip files.
    pub fn open(path: impl AsRef<Path>) -> Result<Checkpoint, CheckpointError> {
        let path = path.as_ref();
        if path.is_dir() {
            return Checkpoint::open(folder::weights(path)?);
        }
        let mut all = Checkpoint { path: path.into(), files: vec![], tensors: BTreeMap::new() };
        if path.extension().is_some_and(|extension| extension == "json") {
            for file in shards::files(path)? {
                all.add(Mapping::open(&file)?)?;
            }
        } else {
            all.add(Mapping::open(path)?)?;
        }
        Ok(all)
    }

    /// Reads a file of at most `most` bytes into memory.
    ///
    /// # Errors
    /// As [`Checkpoint::open`], and if the file is larger.
    pub fn read(path: &Path, most: u64) -> Result<Checkpoint, CheckpointError> {
        let mut all = Checkpoint { path: path.into(), files: vec![], tensors: BTreeMap::new() };
        all.add(Mapping::read(path, most)?)?;
        Ok(all)
    }

    fn add(&mut self, file: Mapping) -> Result<(), CheckpointError> {
        let path = file.path();
        let bytes = file.bytes();
        let entries = || match bytes {
            [b'P', b'K', 3, 4, ..] => Err("is in PyTorch's zip format; save it as safetensors".into()),
            // The length of a safetensors header, before its `{`, may begin with any byte.
            [0x80, rest @ ..] if rest.get(7) != Some(&b'{') => legacy::entries(bytes),
            _ => shards::entries(bytes),
        };
        // A panic of a reader is the file's error.
        let entries = catch_unwind(entries).unwrap_or_else(|_| Err("is damaged".to_owned()));
        let entries = entries.map_err(|message: String| {
            let message =
                stand_in::of_bytes(bytes).map_or(message, |what| format!("is not a checkpoint but {what}"));
            CheckpointError::Format { path: path.into(), message }
        })?;
        for (name, mut entry) in entries {
            entry.file = self.files.len();
            self.tensors.insert(name, entry);
        }
        self.files.push(Arc::new(file));
        Ok(())
    }

    /// Replaces the prefix `from` of names by `to`, for example for encoders stored under `text_model.`.
    pub fn renamed(mut self, from: &str, to: &str) -> Checkpoint {
        let renamed = |name: String| match name.strip_prefix(from) {
            Some(rest) => format!("{to}{rest}"),
            None => name,
        };
        self.tensors = self.tensors.into_iter().map(|(name, entry)| (renamed(name), entry)).collect();
        self
    }

    /// Renames tensors, and drops those without a new name.
    #[must_use]
    pub fn named(mut self, rename: impl Fn(&str) -> Option<String>) -> Checkpoint {
        let tensors = std::mem::take(&mut self.tensors).into_iter();
        self.tensors = tensors.filter_map(|(name, entry)| Some((rename(&name)?, entry))).collect();
        self
    }

    /// Only the tensors whose names begin with `prefix`, which is removed.
    #[must_use]
    pub fn below(self, prefix: &str) -> Checkpoint {
        self.named(|name| name.strip_prefix(prefix).map(str::to_owned))
    }

    /// Splits each tensor whose name contains `whole` into thirds of its rows, named with `parts` in its place.
    #[must_use]
    pub fn thirds(mut self, whole: &str, parts: [&str; 3]) -> Checkpoint {
        let names: Vec<String> = self.tensors.keys().filter(|name| name.contains(whole)).cloned().collect();
        for name in names {
            let Some(entry) = self.tensors.get(&name) else { continue };
            let rows = entry.shape.first().copied().unwrap_or(0);
            let row = entry.strides.as_ref().and_then(|strides| strides.first().copied());
            let row =
                row.unwrap_or_else(|| entry.shape.iter().skip(1).fold(1, |all, n| all.saturating_mul(*n)));
            if rows == 0 || !rows.is_multiple_of(3) {
                continue;
            }
            let Some(entry) = self.tensors.remove(&name) else { continue };
            for (at, part) in parts.iter().enumerate() {
                let mut third = entry.clone();
                third.shape[0] = rows / 3;
                let skipped = (at * (rows / 3)).saturating_mul(row).saturating_mul(entry.element.bytes());
                third.start = entry.start.saturating_add(skipped);
                self.tensors.insert(name.replace(whole, part), third);
            }
        }
        self
    }

    /// Transposes and renames a matrix, if it exists.
    #[must_use]
    pub fn turned(mut self, from: &str, to: &str) -> Checkpoint {
        if let Some(mut entry) = self.tensors.remove(from) {
            if let [rows, columns] = entry.shape[..] {
                let strides = entry.strides.take().unwrap_or_else(|| vec![columns, 1]);
                entry.strides = Some(strides.into_iter().rev().collect());
                entry.shape = vec![columns, rows];
            }
            self.tensors.insert(to.to_owned(), entry);
        }
        self
    }

    /// The opened file or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names in alphabetical order, with extents.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().map(|(name, entry)| (&name[..], &entry.shape[..]))
    }

    /// Extents of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| &entry.shape[..])
    }

    /// Properties in the headers of safetensors files: notes of the program that wrote them.
    pub fn properties(&self) -> BTreeMap<String, String> {
        let of_file = |file: &Arc<Mapping>| shards::properties(file.bytes());
        self.files.iter().flat_map(of_file).collect()
    }

    /// One tensor of integers, in row-major order.
    ///
    /// # Errors
    /// If the name is unknown, or the tensor holds other numbers.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, CheckpointError> {
        let failed = |message| CheckpointError::Format { path: self.path.clone(), message };
        let entry = self.tensors.get(name).ok_or_else(|| failed(format!("holds no tensor `{name}`")))?;
        let file = self.files.get(entry.file).ok_or_else(|| failed(format!("`{name}` is in no file")))?;
        let data = match entry.element {
            Element::Whole(4) => gather(file, entry, |b| i32::from_le_bytes(b).into()),
            Element::Whole(8) => gather(file, entry, i64::from_le_bytes),
            _ => return Err(failed(format!("`{name}` holds no integers of 32 or 64 bits"))),
        };
        data.ok_or_else(|| failed(format!("ends within `{name}`")))
    }

    /// One tensor, widened to f32 (f64 is narrowed).
    ///
    /// # Errors
    /// If the name is unknown, or the tensor holds integers, or numbers that are not finite as f32.
    pub fn tensor(&self, name: &str) -> Result<Weight, CheckpointError> {
        let failed = |message| CheckpointError::Format { path: self.path.clone(), message };
        let entry = self.tensors.get(name).ok_or_else(|| failed(format!("holds no tensor `{name}`")))?;
        let file = self.files.get(entry.file).ok_or_else(|| failed(format!("`{name}` is in no file")))?;
        let data = match entry.element {
            Element::F64 => gather(file, entry, |b| f64::from_le_bytes(b) as f32),
            Element::F32 => gather(file, entry, f32::from_le_bytes),
            Element::F16 => gather(file, entry, |b| f16::from_le_bytes(b).to_f32()),
            Element::BF16 => gather(file, entry, |b| bf16::from_le_bytes(b).to_f32()),
            Element::Whole(_) => return Err(failed(format!("`{name}` holds integers"))),
        };
        let data = data.ok_or_else(|| failed(format!("ends within `{name}`")))?;
        if let Some(number) = data.iter().find(|number| !number.is_finite()) {
            let count = data.iter().filter(|number| !number.is_finite()).count();
            let beyond = if entry.element == Element::F64 { " as f32" } else { "" };
            let message = format!(
                "holds {number}{beyond} in `{name}`; {count} of its {} numbers are not finite: the weights are damaged, or \
                 training went wrong",
                data.len()
            );
            return Err(CheckpointError::Format { path: file.path().to_owned(), message });
        }
        Ok(Weight { shape: entry.shape.clone(), data })
    }
}

impl Weights for Checkpoint {
    fn weight(&self, name: &str) -> Result<Weight, BoxError> {
        Ok(self.tensor(name)?)
    }
}

/// Number of elements read before their pages are released.
const WINDOW: usize = 4 << 20;

/// The elements of an entry in row-major order; `None` if the file is too short. Releases the pages after reading.
fn gather<const N: usize, T>(file: &Mapping, entry: &Entry, read: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let bytes = file.bytes().get(entry.start..)?;
    let elements = bytes.as_chunks::<N>().0;
    // One extent of 0 means no elements, however large the others are.
    let count = entry.shape.iter().fold(1usize, |product, extent| product.saturating_mul(*extent));
    let mut out = Vec::new();
    let Some(strides) = &entry.strides else {
        // Checked before memory is allocated: the shape is only a claim of the file.
        let elements = elements.get(..count)?;
        out.reserve_exact(count);
        for (at, window) in elements.chunks(WINDOW).enumerate() {
            out.extend(window.iter().map(|b| read(*b)));
            file.release(entry.start + at * WINDOW * N, window.len() * N);
        }
        return Some(out);
    };
    let mut index = vec![0; entry.shape.len()];
    for _ in 0..count {
        let at: usize = index.iter().zip(strides).map(|(i, stride)| i * stride).sum();
        out.push(read(*elements.get(at)?));
        for (i, extent) in index.iter_mut().zip(&entry.shape).rev() {
            *i += 1;
            if *i < *extent {
                break;
            }
            *i = 0;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests;
