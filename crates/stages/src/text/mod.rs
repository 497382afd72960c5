//! `text.*`: prompts from parts, lists and files, and mixed states of prompts.

mod blend;
mod join;
mod lines;
mod lists;
mod load;
mod weigh;

use wuerst_core::{Registry, Result};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    join::register(registry)?;
    lines::register(registry)?;
    lists::register(registry)?;
    load::register(registry)?;
    blend::register(registry)?;
    weigh::register(registry)
}
