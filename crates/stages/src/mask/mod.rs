//! `mask.*`: masks, which select parts of a picture. A mask is `f32[h,w]`, clamped to 0..1.

mod blur;
mod combine;
mod files;
mod grow;

use std::sync::Arc;

use ndarray::{Array2, Ix2};
use wuerst_core::{Args, Error, Registry, Result};

use crate::files::Outputs;
use crate::image::unit;

pub(crate) fn register(registry: &mut Registry, outputs: &Arc<Outputs>) -> Result<()> {
    combine::register(registry)?;
    grow::register(registry)?;
    blur::register(registry)?;
    files::register(registry, outputs)
}

/// A mask argument, clamped to 0..1.
fn mask(args: &Args<'_>, port: &str) -> Result<Array2<f32>> {
    let mask = args.tensor_f32(port)?.into_dimensionality::<Ix2>();
    let mask = mask.map_err(|e| Error::Internal(format!("a mask that is not an area: {e}")))?;
    if mask.is_empty() {
        return Err(Error::invalid(port, "is a mask without pixels"));
    }
    // Held twice in memory meanwhile.
    wuerst_core::memory::check(mask.len() * 8)?;
    Ok(mask.mapv(unit))
}
