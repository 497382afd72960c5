//! Reads and changes the metadata of existing models.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use wuerst::stages::ModelHeader;
use wuerst_model::metadata::Metadata;
use wuerst_model::onnx;

/// The file of a stage in a model folder.
pub fn path(folder: &Path, stage: &str) -> PathBuf {
    folder.join(format!("{stage}.onnx"))
}

/// The metadata of a model.
///
/// # Errors
/// A file that is missing, not an ONNX file, or not a stage model.
pub fn read(path: &Path) -> Result<Metadata> {
    let header = ModelHeader::read(path).with_context(|| path.display().to_string())?;
    header.metadata().with_context(|| path.display().to_string())
}

/// Replaces the metadata of a model.
///
/// # Errors
/// A file that cannot be written.
pub fn write(path: &Path, metadata: &Metadata) -> Result<()> {
    Ok(onnx::set_metadata(path, &metadata.pairs())?)
}
