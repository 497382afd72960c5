//! `int.*` and `float.*`: arithmetic on numbers, so that graphs can depend on the sizes of pictures; numbers from texts;
//! and lists of numbers, `i64[n]` and `f32[n]`, for example of seeds and strengths.

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
