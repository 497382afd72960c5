//! `int.*`: whole numbers that are calculated with, so that a graph follows the sizes of its pictures.

mod calculate;

use wuerst_core::{Registry, Result};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    calculate::register(registry)
}
