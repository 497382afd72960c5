//! Steps and guidance of a model folder, where a run's file names others than when it was exported.

use super::facts;
use crate::config::{RunConfig, Sampling};
use anyhow::{Result, bail};
use std::path::Path;
use wuerst_model::facts::Facts;

/// Writes the run's steps and guidance into the prior and the decoder of a model folder.
///
/// # Errors
/// Models that are missing, of another stage, or cannot be written.
pub fn run(config: &RunConfig, folder: &Path) -> Result<()> {
    let Sampling { prior_steps, prior_guidance, decoder_steps, decoder_guidance } = config.sampling;
    for (stage, own_steps, own_guidance) in
        [("prior", prior_steps, prior_guidance), ("decoder", decoder_steps, decoder_guidance)]
    {
        let path = facts::path(folder, stage);
        let mut facts = facts::read(&path)?;
        match &mut facts {
            Facts::Prior(facts) if stage == "prior" => {
                (facts.steps, facts.guidance) = (own_steps, own_guidance);
            }
            Facts::Decoder(facts) if stage == "decoder" => {
                (facts.steps, facts.guidance) = (own_steps, own_guidance);
            }
            other => bail!("{} is a {}, no {stage}", path.display(), other.contract()),
        }
        facts::write(&path, &facts)?;
        println!("{}: {own_steps} steps, guidance {own_guidance}", path.display());
    }
    Ok(())
}
