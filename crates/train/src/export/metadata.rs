//! The metadata of models that are written already, read and changed.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use wuerst::stages::ModelHeader;
use wuerst_model::metadata::Metadata;
use wuerst_model::onnx;

/// The file of a stage in a model folder.
pub fn path(folder: &Path, stage: &str) -> PathBuf {
    folder.join(format!("{stage}.onnx"))
}

/// What a model says of itself.
///
/// # Errors
/// A file that is missing, no ONNX file, or no stage model.
pub fn read(path: &Path) -> Result<Metadata> {
    let header = ModelHeader::read(path).with_context(|| path.display().to_string())?;
    header.metadata().with_context(|| path.display().to_string())
}

/// Makes it say something else.
///
/// # Errors
/// A file that cannot be written.
pub fn write(path: &Path, metadata: &Metadata) -> Result<()> {
    Ok(onnx::set_metadata(path, &metadata.pairs())?)
}
