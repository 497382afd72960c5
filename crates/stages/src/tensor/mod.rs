//! `tensor.*`: mix, scale, generate, load and save embeddings and latents, `[b,c,h,w]`.

mod batch;
mod load;
mod mix;
mod noise;
mod save;
mod scale;

use std::sync::Arc;

use wuerst_core::{Registry, Result};

use crate::files::Outputs;

pub(crate) use mix::lerp;

pub(crate) fn register(registry: &mut Registry, outputs: &Arc<Outputs>) -> Result<()> {
    load::register(registry)?;
    save::register(registry, outputs)?;
    mix::register(registry)?;
    scale::register(registry)?;
    noise::register(registry)?;
    batch::register(registry)
}
