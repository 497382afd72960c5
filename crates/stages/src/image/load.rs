//! `image.load`: reads a picture from a file.

use image::RgbImage;
use wuerst_core::{Args, Ctx, File, KnownLength, Registry, Result, Tensor, Value, memory};

use super::decode::{self, LARGEST, Picture, decode};
use super::pixels::tensor;
use crate::heads::Heads;
use crate::plain::{Hooks, Plan};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "image.load",
        signature: "file: file as picture -> image: u8[h,w,3], alpha: f32[h,w] as mask",
        about: "Reads a picture: PNG, JPEG or WebP, of at most 67,108,864 pixels. 16 bits are rounded to 8, grey and CMYK \
                become RGB, colours become sRGB by the file's profile (ICC), a photograph is turned upright, and of an animation the first picture is taken.",
        ports: &[
            ("file", "The file; a changed one is read again."),
            (
                "image",
                "The picture's RGB colours, also of transparent pixels, as stored in the file (not premultiplied).",
            ),
            ("alpha", "Opaqueness: 1 where nothing shines through, 0 where everything does."),
        ],
    };
    let hooks = Hooks { file: |file| size(file).map(drop), lengths, ..Hooks::default() };
    plan.add_reading(LARGEST, registry, hooks, run)
}

/// Width and height of a file's picture.
pub(crate) fn size(file: &File) -> Result<[u32; 2]> {
    static SIZES: Heads<[u32; 2]> = Heads::new();
    SIZES.of(file, decode::size)
}

fn lengths(known: &Args<'_>) -> Vec<KnownLength> {
    let Ok([width, height]) = known.file("file").and_then(size) else { return Vec::new() };
    let known = |dim: &str, length: u32| KnownLength::new(dim, length as usize, "file");
    vec![known("h", height), known("w", width)]
}

/// The colours of a file's picture.
pub(crate) fn read(ctx: &mut Ctx<'_>, file: &File) -> Result<RgbImage> {
    Ok(warned(ctx, file)?.rgb)
}

/// The picture of a file, with warnings about ignored parts.
fn warned(ctx: &mut Ctx<'_>, file: &File) -> Result<Picture> {
    let picture = decode(file)?;
    if picture.animated {
        ctx.warn(&format!("{} is animated; only its first picture is read", file.name()));
    }
    if let Some(why) = &picture.unconverted {
        ctx.warn(&format!("the colours of {} are taken as sRGB: {why}", file.name()));
    }
    Ok(picture)
}

fn run(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let picture = warned(ctx, args.file("file")?)?;
    let (width, height) = picture.rgb.dimensions();
    let (width, height) = (width as usize, height as usize);
    let alpha = picture.alpha.map_or_else(|| memory::collected((0..width * height).map(|_| 1.)), Ok)?;
    Ok(vec![tensor(picture.rgb)?.into(), Tensor::from_vec(&[height, width], alpha)?.into()])
}
