//! `mask.load` and `mask.save`: masks as grey pictures; `mask.from_alpha` and `image.with_alpha`: masks as alpha.

use std::sync::Arc;

use wuerst_core::colour::byte;
use wuerst_core::{Args, Ctx, Error, KnownLength, Registry, Result, Tensor, Value, memory};

use super::mask;
use crate::files::Outputs;
use crate::image::{self, PICTURE_FILE, png_file};
use crate::plain::{Hooks, Plan};
use crate::saving::{Format, SAVED, unwritable};

const GREY: Format = Format { ends: &["png"], check: |_, _| Ok(()), encode: grey };

pub(super) fn register(registry: &mut Registry, outputs: &Arc<Outputs>) -> Result<()> {
    let plan = Plan {
        kind: "mask.load",
        signature: "file: file as mask -> mask: f32[h,w] as mask",
        about: "Reads a mask from a picture file by its brightness: white is 1, black is 0. Opaqueness does not count: \
                `image.load` gives that.",
        ports: &[("file", "A PNG, JPEG or WebP file."), ("mask", "From 0 to 1.")],
    };
    let hooks = Hooks { file: |file| image::file_size(file).map(drop), lengths, ..Hooks::default() };
    plan.add_reading(PICTURE_FILE, registry, hooks, load)?;
    let plan = Plan {
        kind: "mask.save",
        signature: "mask: f32[h,w] as mask, name: text -> saved: text",
        about: "Writes a mask into the folder that the host gave for it, whole or not at all, as a grey PNG file: white is \
                1, black is 0, in 256 steps.",
        ports: &[("mask", "The mask."), ("name", &GREY.about_name()), ("saved", SAVED)],
    };
    GREY.add(&plan, registry, outputs)?;
    let plan = Plan {
        kind: "mask.from_alpha",
        signature: "picture: u8[h,w,4] as picture -> mask: f32[h,w] as mask, image: u8[h,w,3]",
        about: "Parts a transparent picture into its opaqueness and its colours. They are not premultiplied: a colour is the \
                same however much shines through.",
        ports: &[
            ("picture", "Red, green, blue and opaqueness (alpha) of each pixel."),
            ("mask", "1 where nothing shines through, 0 where everything does."),
            ("image", "The colours, RGB; those of see-through pixels too."),
        ],
    };
    plan.add(registry, from_alpha)?;
    let plan = Plan {
        kind: "image.with_alpha",
        signature: "image: u8[h,w,3], mask: f32[h,w] as mask -> picture: u8[h,w,4] as picture",
        about: "Makes a transparent picture, as PNG files hold it: a picture's colours as they are (not premultiplied), and a \
                mask as its opaqueness (alpha).",
        ports: &[
            ("image", "The colours, RGB."),
            ("mask", "1 where nothing shines through, 0 where everything does."),
            ("picture", "Red, green, blue and opaqueness of each pixel."),
        ],
    };
    plan.add(registry, with_alpha)
}

fn lengths(known: &Args<'_>) -> Vec<KnownLength> {
    let Ok([width, height]) = known.file("file").and_then(image::file_size) else { return Vec::new() };
    let known = |dim: &str, length: u32| KnownLength::new(dim, length as usize, "file");
    vec![known("h", height), known("w", width)]
}

fn load(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let picture = image::read_file(ctx, args.file("file")?)?;
    Ok(vec![image::brightness(&picture, false)?.into()])
}

fn from_alpha(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let picture = args.tensor_u8("picture")?;
    let (&[height, width, _], Some(bytes)) = (picture.shape(), args.tensor("picture")?.values::<u8>()) else {
        return Err(Error::Internal("a picture without sides".into()));
    };
    image::allowed("picture", [width, height])?;
    let alpha = memory::collected(bytes.chunks_exact(4).map(|pixel| f32::from(pixel[3]) / 255.))?;
    let mut colours = memory::room(height * width * 3)?;
    bytes.chunks_exact(4).for_each(|pixel| colours.extend_from_slice(&pixel[..3]));
    let mask = Tensor::from_vec(&[height, width], alpha)?;
    Ok(vec![mask.into(), Tensor::from_vec(&[height, width, 3], colours)?.into()])
}

fn with_alpha(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (picture, mask) = (image::picture(args, "image")?, mask(args, "mask")?);
    let (width, height) = picture.dimensions();
    Ok(vec![Tensor::from_vec(&[height as usize, width as usize, 4], image::rgba(&picture, &mask)?)?.into()])
}

fn grey(args: &Args<'_>, _: Option<&str>) -> Result<Vec<u8>> {
    let mask = mask(args, "mask")?;
    let bytes = memory::collected(mask.iter().map(|share| byte(*share)))?;
    let (height, width) = mask.dim();
    let sides = [width, height].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    png_file(sides, &bytes, &[]).map_err(|error| unwritable("mask", args, error))
}
