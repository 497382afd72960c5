//! Reads weights as others store them: safetensors, whole or in shards, and PyTorch's old pickle files.
//!
//! Files are memory-mapped and tensors are widened to f32 one at a time, so a checkpoint larger than memory can be
//! read.

mod fit;
mod legacy;
mod pickle;
mod shards;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use memmap2::Mmap;

pub use fit::Misfit;

use crate::onnx::{BoxError, Weight, Weights};

/// Names under which diffusers and transformers keep the weights of a model folder.
const FILES: [&str; 4] = [
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "model.safetensors",
    "model.safetensors.index.json",
];

/// Named tensors in one or more files.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    files: Vec<Mmap>,
    tensors: BTreeMap<String, Entry>,
}

/// Where a tensor lies.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    /// Number of the file.
    file: usize,
    /// First byte in the file.
    start: usize,
    element: Element,
    shape: Vec<usize>,
    /// Elements from one index to the next, where they do not follow each other row by row.
    strides: Option<Vec<usize>>,
}

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    F64,
    F32,
    F16,
    BF16,
    /// Integers, which networks keep only as counters and positions; their size in bytes.
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

/// Why weights could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The file is not a checkpoint, or a damaged one.
    #[error("{}: {message}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what to do where that is known.
        message: String,
    },
    /// The file does not hold the weights of this network.
    #[error("{} does not fit the network: {misfit}", path.display())]
    Misfit {
        /// Which file.
        path: PathBuf,
        /// Every tensor that does not fit.
        misfit: Misfit,
    },
}

impl Checkpoint {
    /// Opens a `.safetensors` file, the `.index.json` of a sharded one, a `.pth` file in PyTorch's old format, or a
    /// model folder with one of the names that diffusers and transformers use.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or is in another format; PyTorch's newer zip files are.
    pub fn open(path: impl AsRef<Path>) -> Result<Checkpoint, CheckpointError> {
        let path = path.as_ref();
        if path.is_dir() {
            let found = FILES.iter().map(|file| path.join(file)).find(|file| file.is_file());
            let message = format!("no weights in this folder; looked for {}", FILES.join(", "));
            let file = found.ok_or_else(|| CheckpointError::Format { path: path.into(), message })?;
            return Checkpoint::open(file);
        }
        let mut all = Checkpoint { path: path.into(), files: vec![], tensors: BTreeMap::new() };
        if path.extension().is_some_and(|extension| extension == "json") {
            for file in shards::files(path)? {
                all.add(&file)?;
            }
        } else {
            all.add(path)?;
        }
        Ok(all)
    }

    fn add(&mut self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = map(path)?;
        let entries = match &bytes[..] {
            [b'P', b'K', 3, 4, ..] => Err("is in PyTorch's zip format; save it as safetensors".into()),
            [0x80, ..] => legacy::entries(&bytes),
            _ => shards::entries(&bytes),
        };
        let entries = entries.map_err(|message| CheckpointError::Format { path: path.into(), message })?;
        let file = self.files.len();
        for (name, mut entry) in entries {
            entry.file = file;
            self.tensors.insert(name, entry);
        }
        self.files.push(bytes);
        Ok(())
    }

    /// Gives every name that begins with `from` the beginning `to` instead, as for encoders that are stored below
    /// `text_model.`.
    pub fn renamed(mut self, from: &str, to: &str) -> Checkpoint {
        let renamed = |name: String| match name.strip_prefix(from) {
            Some(rest) => format!("{to}{rest}"),
            None => name,
        };
        self.tensors = self.tensors.into_iter().map(|(name, entry)| (renamed(name), entry)).collect();
        self
    }

    /// Names in alphabetical order, with extents.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors.iter().map(|(name, entry)| (&name[..], &entry.shape[..]))
    }

    /// One tensor, widened to f32 (f64 is narrowed).
    ///
    /// # Errors
    /// If there is none of this name, or it holds integers.
    pub fn tensor(&self, name: &str) -> Result<Weight, CheckpointError> {
        let failed = |message| CheckpointError::Format { path: self.path.clone(), message };
        let entry = self.tensors.get(name).ok_or_else(|| failed(format!("holds no tensor `{name}`")))?;
        let bytes = self.files.get(entry.file).and_then(|file| file.get(entry.start..)).unwrap_or_default();
        let data = match entry.element {
            Element::F64 => gather(bytes, entry, |b| f64::from_le_bytes(b) as f32),
            Element::F32 => gather(bytes, entry, f32::from_le_bytes),
            Element::F16 => gather(bytes, entry, |b| f16::from_le_bytes(b).to_f32()),
            Element::BF16 => gather(bytes, entry, |b| bf16::from_le_bytes(b).to_f32()),
            Element::Whole(_) => return Err(failed(format!("`{name}` holds integers"))),
        };
        let data = data.ok_or_else(|| failed(format!("ends within `{name}`")))?;
        Ok(Weight { shape: entry.shape.clone(), data })
    }
}

impl Weights for Checkpoint {
    fn weight(&self, name: &str) -> Result<Weight, BoxError> {
        Ok(self.tensor(name)?)
    }
}

/// The elements of an entry row by row, from the bytes where it begins; none if they are too few.
fn gather<const N: usize>(bytes: &[u8], entry: &Entry, read: impl Fn([u8; N]) -> f32) -> Option<Vec<f32>> {
    let elements = bytes.as_chunks::<N>().0;
    let count = entry.shape.iter().product();
    let Some(strides) = &entry.strides else {
        return Some(elements.get(..count)?.iter().map(|b| read(*b)).collect());
    };
    let mut index = vec![0; entry.shape.len()];
    let mut out = Vec::with_capacity(count);
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

#[expect(unsafe_code, reason = "reading gigabytes of weights through a copy would double what they take")]
fn map(path: &Path) -> Result<Mmap, CheckpointError> {
    let failed = |source| CheckpointError::Io { path: path.into(), source };
    let file = File::open(path).map_err(failed)?;
    // SAFETY: the map is only read. Weights are written once and then replaced, not changed in place; should another
    // program cut the file short meanwhile, the process gets SIGBUS, as every reader of mapped weights does.
    unsafe { Mmap::map(&file) }.map_err(failed)
}

#[cfg(test)]
mod tests;
