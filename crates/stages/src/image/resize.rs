//! `image.resize`: changes the size of a picture.

use image::RgbImage;
use image::imageops::{self, FilterType};
use wuerst_core::{Args, Ctx, Error, KnownLength, Registry, Result, Value};

use super::pixels::{allowed, bounded, known_size, picture, tensor};
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
            ("factor", "Factor for both sides, in place of width and height."),
            ("filter", "Filter that mixes pixels; all but `nearest` smooth a picture that gets smaller."),
            ("-> image", "The picture in the new size."),
        ],
    };
    plan.add_checked(
        registry,
        Hooks { check, lengths, value_for, example: &["factor"], ..Hooks::default() },
        run,
    )
}

/// The ports that decide the size.
const SIZES: [&str; 3] = ["width", "height", "factor"];

/// Checks that either a size or a factor is given, and that the result is not too large, as far as that is known.
fn check(known: &Args<'_>) -> Result<()> {
    sizes(known, SIZES.map(|port| known.given(port))).map(drop)
}

/// A side of the result, and the port that decides it.
type Side = (usize, &'static str);

/// Height and width of the result, as far as they are known; `given` tells for each of [`SIZES`] whether it has a value.
fn sizes(known: &Args<'_>, given: [Option<bool>; 3]) -> Result<[Option<Side>; 2]> {
    let count = |port: &'static str| Some((known.count(port).ok()?, port));
    let (height, width) = (count("height"), count("width"));
    let from = known_size(known, "image");
    // A side in proportion to the other depends on both sides of the picture.
    let ratio = || Some(from[1]? as f64 / from[0]? as f64);
    let sizes = match given {
        [Some(false), Some(false), Some(false)] => return Err(Error::invalid("width", NEITHER)),
        [Some(true), _, Some(true)] | [_, Some(true), Some(true)] => {
            return Err(Error::invalid("factor", BOTH));
        }
        [Some(true), Some(false), _] => {
            let height = width.zip(ratio()).map(|((width, port), ratio)| (scale(width, 1. / ratio), port));
            [height, width]
        }
        [Some(false), Some(true), _] => {
            let width = height.zip(ratio()).map(|((height, port), ratio)| (scale(height, ratio), port));
            [height, width]
        }
        [Some(false), Some(false), Some(true)] => match known.float("factor") {
            Ok(factor) => from.map(|side| Some((scale(side?, factor), "factor"))),
            Err(_) => [None; 2],
        },
        _ => [height, width],
    };
    if let [Some((height, port)), Some((width, _))] = sizes {
        bounded(port, [width, height])?;
    }
    Ok(sizes)
}

fn lengths(known: &Args<'_>) -> Vec<KnownLength> {
    let Ok(sizes) = sizes(known, SIZES.map(|port| known.given(port))) else { return Vec::new() };
    let sizes = ["H", "W"].into_iter().zip(sizes);
    sizes.filter_map(|(dim, size)| size.map(|(length, port)| KnownLength::new(dim, length, port))).collect()
}

/// The width, height or factor that gives this side.
fn value_for(known: &Args<'_>, dim: &str, length: usize) -> Option<(&'static str, Value)> {
    let [height, width] = known_size(known, "image");
    let [down, across] = sizes(known, SIZES.map(|port| known.given(port))).ok()?;
    let (decided, from) = if dim == "H" { (down, height) } else { (across, width) };
    match decided?.1 {
        // Rounded to few digits; the caller checks that the length results.
        "factor" => Some(("factor", Value::Float((length as f64 / from? as f64 * 1e4).round() / 1e4))),
        "width" if dim == "H" => whole("width", scale(length, width? as f64 / height? as f64)),
        "height" if dim == "W" => whole("height", scale(length, height? as f64 / width? as f64)),
        port => whole(port, length),
    }
}

fn whole(port: &'static str, length: usize) -> Option<(&'static str, Value)> {
    Some((port, Value::Int(i128::try_from(length).ok()?)))
}

/// A length in proportion.
fn scale(length: usize, factor: f64) -> usize {
    ((length as f64 * factor).round() as usize).max(1)
}

const NEITHER: &str = "give a width, a height or both, or a factor";
const BOTH: &str = "is given next to a width or height: give one or the other";

/// The picture in exactly this size.
pub(crate) fn scaled(picture: &RgbImage, [width, height]: [u32; 2], filter: FilterType) -> RgbImage {
    if picture.dimensions() == (width, height) {
        return picture.clone();
    }
    imageops::resize(picture, width, height, filter)
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let picture = picture(args, "image")?;
    let sizes = sizes(args, SIZES.map(|port| Some(args.has(port))))?;
    let [Some((height, port)), Some((width, _))] = sizes else {
        return Err(Error::Internal("a picture without sides".into()));
    };
    let filter = match args.text("filter")? {
        "nearest" => FilterType::Nearest,
        "bilinear" => FilterType::Triangle,
        "lanczos" => FilterType::Lanczos3,
        _ => FilterType::CatmullRom,
    };
    let sides = allowed(port, [width, height])?;
    Ok(vec![tensor(scaled(&picture, sides, filter))?.into()])
}
