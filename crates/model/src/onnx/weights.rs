//! Where a model's parameters come from, and how they are stored in the file.

use std::io;
use std::path::PathBuf;

use crate::record::RecordError;

/// Whatever a source of weights reports.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One tensor of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// Extents.
    pub shape: Vec<usize>,
    /// Row-major elements. What is stored as f16 or bf16 comes widened, which loses nothing.
    pub data: Vec<f32>,
}

/// A source of weights: a checkpoint, a trainer's parameters, a random number generator.
///
/// Every closure `|name| -> Result<Weight, BoxError>` is one.
pub trait Weights {
    /// The tensor of this name. Asked for once for each use, and one at a time, so that it may be read from disk.
    ///
    /// # Errors
    /// Whatever keeps the tensor from being had, which ends the export.
    fn weight(&self, name: &str) -> Result<Weight, BoxError>;
}

impl<F: Fn(&str) -> Result<Weight, BoxError>> Weights for F {
    fn weight(&self, name: &str) -> Result<Weight, BoxError> {
        self(name)
    }
}

/// How matrices and kernels are stored in a model that computes in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Four bytes a number.
    #[default]
    F32,
    /// Two bytes a number, widened by a `Cast` that ONNX Runtime folds while loading. Vectors (norms, biases),
    /// tensors under 1 KiB and tensors that exceed the range of f16 stay as they are.
    F16,
}

/// Why a model could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The recording itself is wrong.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The source of weights has no such tensor, or cannot read it.
    #[error("weight `{name}`: {source}")]
    Weight {
        /// Name of the parameter.
        name: String,
        /// What the source said.
        source: BoxError,
    },
    /// The checkpoint belongs to another configuration.
    #[error(
        "weight `{name}` is {got:?}, the network wants {want:?}: the configuration does not fit the checkpoint"
    )]
    Shape {
        /// Name of the parameter.
        name: String,
        /// In the checkpoint.
        got: Vec<usize>,
        /// In the recording.
        want: Vec<usize>,
    },
    /// The file cannot be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// f16 and int8 were asked for at once.
    #[error("a model computes in f16 or multiplies in int8, not both")]
    HalfAndInt8,
    /// A model in memory, or in one file, is limited by protobuf.
    #[error("the model has {bytes} bytes without external data; protobuf allows 2 GiB")]
    TooLarge {
        /// Encoded size.
        bytes: u64,
    },
}
