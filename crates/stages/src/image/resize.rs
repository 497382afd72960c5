//! `image.resize`: a picture in another size.

use image::RgbImage;
use image::imageops::{self, FilterType};
use wuerst_core::{Args, Ctx, Error, Registry, Result, Value};

use super::pixels::{allowed, picture, sides, tensor};
use crate::plain::{Hooks, Plan};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "image.resize",
        signature: "image: u8[h,w,3], width: int? {1..16384}, height: int? {1..16384}, factor: float? {0.01..100.0}, \
                    filter: text = \"bicubic\" {nearest|bilinear|bicubic|lanczos} -> image: u8[H,W,3]",
        about: "Makes a picture larger or smaller: to a width and a height, to one of them at the same proportions, or \
                by a factor.",
        ports: &[
            ("image", "The picture."),
            ("width", "Pixels across; in proportion to the height when left out."),
            ("height", "Pixels down; in proportion to the width when left out."),
            ("factor", "What both sides are multiplied with, in place of width and height."),
            ("filter", "How pixels are mixed; all but `nearest` smooth what gets smaller."),
            ("-> image", "The picture in the new size."),
        ],
    };
    plan.add_checked(registry, Hooks { check, lengths: sides, example: &["factor"] }, run)
}

/// Refuses neither a size nor a factor, and both.
fn check(known: &Args<'_>) -> Result<()> {
    let [width, height, factor] = ["width", "height", "factor"].map(|port| known.given(port));
    if factor == Some(true) && (width == Some(true) || height == Some(true)) {
        return Err(Error::invalid("factor", BOTH));
    }
    if [width, height, factor] == [Some(false); 3] {
        return Err(Error::invalid("width", NEITHER));
    }
    Ok(())
}

const NEITHER: &str = "give a width, a height or both, or a factor";
const BOTH: &str = "is given next to a width or height: give one or the other";

/// A picture in exactly this size.
pub(crate) fn scaled(picture: &RgbImage, [width, height]: [u32; 2], filter: FilterType) -> RgbImage {
    if picture.dimensions() == (width, height) {
        return picture.clone();
    }
    imageops::resize(picture, width, height, filter)
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let picture = picture(args, "image")?;
    let (width, height) = picture.dimensions();
    let (width, height) = (width as usize, height as usize);
    let side = |length: usize, factor: f64| ((length as f64 * factor).round() as usize).max(1);
    let ratio = width as f64 / height as f64;
    let sides = match (args.has("width"), args.has("height"), args.has("factor")) {
        (true, true, false) => [args.count("width")?, args.count("height")?],
        (true, false, false) => {
            let width = args.count("width")?;
            [width, side(width, 1. / ratio)]
        }
        (false, true, false) => {
            let height = args.count("height")?;
            [side(height, ratio), height]
        }
        (false, false, true) => {
            let factor = args.float("factor")?;
            [side(width, factor), side(height, factor)]
        }
        (false, false, false) => return Err(Error::invalid("width", NEITHER)),
        _ => return Err(Error::invalid("factor", BOTH)),
    };
    let filter = match args.text("filter")? {
        "nearest" => FilterType::Nearest,
        "bilinear" => FilterType::Triangle,
        "lanczos" => FilterType::Lanczos3,
        _ => FilterType::CatmullRom,
    };
    let sides = allowed("width", sides)?;
    Ok(vec![tensor(scaled(&picture, sides, filter))?.into()])
}
