//! `int.*` and `float.*`: numbers that are calculated with, so that a graph follows the sizes of its pictures; numbers from
//! texts; and lists of numbers, `i64[n]` and `f32[n]`, as seeds and strengths.

mod calculate;
mod list;
mod read;

use wuerst_core::{Registry, Result};

pub(crate) use read::shown;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    calculate::register(registry)?;
    read::register(registry)?;
    list::register(registry)
}
