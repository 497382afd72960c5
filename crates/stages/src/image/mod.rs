//! `image.*`: read, write, resize, cut, mask, mix and arrange pictures.
//!
//! A picture is `u8[h,w,3]`, RGB; a mask is `f32[h,w]`, from 0 to 1.

pub(crate) mod bicubic;
mod blend;
mod colours;
mod convert;
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

pub(crate) use decode::LARGEST as PICTURE_FILE;
pub use encode::{XMP_KEYWORD, png as png_file};
pub(crate) use load::{read as read_file, size as file_size};
pub(crate) use mask::brightness;
pub(crate) use pixels::{MOST_PIXELS, allowed, bounded, known_size, picture, rgba, tensor, unit};
pub(crate) use resize::scaled;
pub use texts::{PngTextsError, png_texts};

pub(crate) fn register(registry: &mut Registry, outputs: &Arc<Outputs>) -> Result<()> {
    load::register(registry)?;
    save::register(registry, outputs)?;
    resize::register(registry)?;
    size::register(registry)?;
    frame::register(registry)?;
    mask::register(registry)?;
    blend::register(registry)?;
    convert::register(registry)?;
    grid::register(registry)
}
