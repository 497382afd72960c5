//! `image.*`: pictures from and into files, resized, cut, masked, mixed and laid out.
//!
//! A picture is `u8[h,w,3]`, RGB; a mask is `f32[h,w]`, from 0 to 1.

mod blend;
mod colours;
mod decode;
mod encode;
mod frame;
mod grid;
mod inks;
mod load;
mod mask;
mod metadata;
mod pixels;
mod resize;
mod save;
mod size;
mod texts;

use std::sync::Arc;

use wuerst_core::{Registry, Result};

use crate::files::Outputs;

pub use encode::{XMP_KEYWORD, png as png_file};
pub(crate) use pixels::{MOST_PIXELS, allowed, bounded, known_size, picture, tensor, unit};
pub(crate) use resize::scaled;
pub use texts::{PngTextsError, png_texts};

pub(crate) fn register(registry: &mut Registry, outputs: &Arc<Outputs>) -> Result<()> {
    load::register(registry)?;
    registry.add(save::Save::new(Arc::clone(outputs))?)?;
    resize::register(registry)?;
    size::register(registry)?;
    frame::register(registry)?;
    mask::register(registry)?;
    blend::register(registry)?;
    grid::register(registry)
}
