//! `image.convert`: converts a picture between bytes and floats, with colours in sRGB or in linear light.

use wuerst_core::colour::byte;
use wuerst_core::{Args, Ctx, Registry, Result, Tensor, Value, memory};

use super::pixels::{allowed, unit};
use crate::plain::Plan;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "image.convert",
        signature: "image: f32[h,w,3] as picture, from: text = \"srgb\" {srgb|linear}, to: text = \"srgb\" {srgb|linear} \
                    -> image: u8[h,w,3], pixels: f32[h,w,3] as picture",
        about: "Gives a picture as bytes and as floats, and changes how its numbers stand for light.",
        ports: &[
            ("image", "The picture, as bytes or as floats from 0 to 1; what lies beyond is limited to that."),
            (
                "from",
                "Colour space of the input: `srgb`, as files store it, or `linear`, in proportion to light.",
            ),
            ("to", "Colour space of the result: `srgb` or `linear`."),
            ("-> image", "The picture in 256 steps. Those of linear light are too few for shadows."),
            ("-> pixels", "The picture as floats from 0 to 1."),
        ],
    };
    plan.add(registry, run)
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let image = args.tensor_f32("image")?;
    allowed("image", [image.shape()[1], image.shape()[0]])?;
    let convert: fn(f64) -> f64 = match (args.text("from")?, args.text("to")?) {
        ("srgb", "linear") => to_linear,
        ("linear", "srgb") => to_srgb,
        _ => |colour| colour,
    };
    let pixels = memory::collected(image.iter().map(|colour| convert(f64::from(unit(*colour))) as f32))?;
    let bytes = memory::collected(pixels.iter().map(|colour| byte(*colour)))?;
    let shape = image.shape();
    Ok(vec![Tensor::from_vec(shape, bytes)?.into(), Tensor::from_vec(shape, pixels)?.into()])
}

/// Linear light of an sRGB colour (IEC 61966-2-1).
fn to_linear(colour: f64) -> f64 {
    if colour <= 0.040_45 { colour / 12.92 } else { ((colour + 0.055) / 1.055).powf(2.4) }
}

/// sRGB colour of linear light.
fn to_srgb(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1. / 2.4) - 0.055 }
}
