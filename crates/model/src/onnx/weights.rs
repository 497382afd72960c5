//! Sources of a model's parameters, and their storage in the file.

use std::io;
use std::path::PathBuf;

use crate::record::RecordError;

/// Error of a source of weights.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One tensor of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// Extents.
    pub shape: Vec<usize>,
    /// Row-major elements. f16 and bf16 are widened, which loses nothing.
    pub data: Vec<f32>,
}

/// A source of weights: a checkpoint, a trainer's parameters, a random number generator.
///
/// Implemented for closures `|name| -> Result<Weight, BoxError>`.
pub trait Weights {
    /// The tensor with this name. Called once for each use, one at a time, so that it may be read from disk.
    ///
    /// # Errors
    /// Any error, which ends the export.
    fn weight(&self, name: &str) -> Result<Weight, BoxError>;
}

impl<F: Fn(&str) -> Result<Weight, BoxError>> Weights for F {
    fn weight(&self, name: &str) -> Result<Weight, BoxError> {
        self(name)
    }
}

/// Storage of matrices and kernels in a model that computes in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Four bytes a number.
    #[default]
    F32,
    /// Two bytes per number, widened by a `Cast` that ONNX Runtime folds while loading. Vectors (norms, biases), tensors
    /// under 1 KiB and tensors that exceed the range of f16 stay f32.
    F16,
}

/// Reason why a model cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The recording itself is wrong.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The source of weights lacks this tensor, or cannot read it.
    #[error("weight `{name}`: {source}")]
    Weight {
        /// Name of the parameter.
        name: String,
        /// Error of the source.
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
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// f16 and int8 were requested together.
    #[error("a model computes in f16 or multiplies in int8, not both")]
    HalfAndInt8,
    /// Protobuf limits the size of a model in memory or in one file.
    #[error("the model has {bytes} bytes without external data; protobuf allows 2 GiB")]
    TooLarge {
        /// Encoded size.
        bytes: u64,
    },
}
