//! `text.*`: prompts from parts, lists and files, and the states of prompts mixed.

mod blend;
mod join;
mod lines;
mod load;

use wuerst_core::{Registry, Result};

pub(crate) use lines::entries;

/// The longest text that a node gives, in bytes: far more than any list of prompts. Nodes that join what others joined would
/// make texts of any length otherwise.
pub(crate) const LONGEST: usize = 16 << 20;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    join::register(registry)?;
    lines::register(registry)?;
    load::register(registry)?;
    blend::register(registry)
}
