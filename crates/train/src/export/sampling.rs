//! Updates steps and guidance of a model folder, if a run's file has changed since the export.

use super::metadata;
use crate::config::{RunConfig, Sampling};
use anyhow::{Result, bail};
use std::path::Path;
use wuerst_model::metadata::Metadata;

/// Writes the run's steps and guidance into the prior and the decoder of a model folder.
///
/// # Errors
/// Models that are missing, of another stage, or cannot be written.
pub fn run(config: &RunConfig, folder: &Path) -> Result<()> {
    let Sampling { prior_steps, prior_guidance, decoder_steps, decoder_guidance, .. } = config.sampling;
    for (stage, own_steps, own_guidance) in
        [("prior", prior_steps, prior_guidance), ("decoder", decoder_steps, decoder_guidance)]
    {
        let path = metadata::path(folder, stage);
        let mut metadata = metadata::read(&path)?;
        let sampling = match &mut metadata {
            Metadata::Prior(metadata) if stage == "prior" => &mut metadata.sampling,
            Metadata::Decoder(metadata) if stage == "decoder" => &mut metadata.sampling,
            other => bail!("{} is a {}, no {stage}", path.display(), other.contract()),
        };
        (sampling.steps, sampling.guidance) = (own_steps, own_guidance);
        metadata::write(&path, &metadata)?;
        println!("{}: {own_steps} steps, guidance {own_guidance}", path.display());
    }
    Ok(())
}
