//! `image.crop` and `image.pad`: cut a picture, or add a border.

use image::{Rgb, RgbImage, imageops};
use wuerst_core::{Args, Ctx, Error, KnownLength, Registry, Result, Value};

use super::pixels::{
    allowed, bounded, check_colour, colour, given_side, given_sides, known_size, picture, tensor,
};
use crate::plain::{Hooks, Plan};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "image.crop",
        signature: "image: u8[h,w,3], left: int = 0 {0..}, top: int = 0 {0..}, width: int {1..}, height: int {1..} \
                    -> image: u8[H,W,3]",
        about: "Cuts a rectangle out of a picture; it must lie inside.",
        ports: &[
            ("image", "The picture."),
            ("left", "Pixels left of the rectangle."),
            ("top", "Pixels above it."),
            ("width", "The picture's width in pixels."),
            ("height", "The picture's height in pixels."),
            ("-> image", "The picture without the frame."),
        ],
    };
    plan.add_checked(
        registry,
        Hooks { check: check_crop, lengths: given_sides, value_for: given_side, ..Hooks::default() },
        crop,
    )?;
    let plan = Plan {
        kind: "image.pad",
        signature: "image: u8[h,w,3], left: int = 0 {0..16384}, top: int = 0 {0..16384}, right: int = 0 {0..16384}, \
                    bottom: int = 0 {0..16384}, colour: text = \"#ffffff\" -> image: u8[H,W,3]",
        about: "Puts a border of one colour around a picture.",
        ports: &[
            ("image", "The picture."),
            ("left", "Pixels added on the left."),
            ("top", "Pixels added above."),
            ("right", "Pixels added on the right."),
            ("bottom", "Pixels added below."),
            ("colour", "Red, green and blue in hexadecimal, as #ff8000."),
            ("-> image", "The picture with its border."),
        ],
    };
    plan.add_checked(registry, Hooks { check: check_pad, lengths: padded, ..Hooks::default() }, pad)
}

/// Refuses a rectangle outside the picture, as far as both are known.
fn check_crop(known: &Args<'_>) -> Result<()> {
    for (port, start, axis) in [("width", "left", 1), ("height", "top", 0)] {
        if let (Ok(start), Ok(length), Some(whole)) =
            (known.count(start), known.count(port), known.length("image", axis))
        {
            fits(port, start, length, whole)?;
        }
    }
    Ok(())
}

fn fits(port: &str, start: usize, length: usize, whole: usize) -> Result<()> {
    if start.checked_add(length).is_some_and(|end| end <= whole) {
        return Ok(());
    }
    let message = format!("{length} pixels from {start} on do not fit into the picture's {whole}");
    Err(Error::invalid(port, message))
}

/// Refuses an invalid colour and a picture that would be too large, as far as they are known.
fn check_pad(known: &Args<'_>) -> Result<()> {
    check_colour(known)?;
    match padded(known).as_slice() {
        [height, width] => bounded("left", [width.length, height.length]).map(drop),
        _ => Ok(()),
    }
}

/// Sides of a picture with its border, as far as they are known.
fn padded(known: &Args<'_>) -> Vec<KnownLength> {
    let [height, width] = known_size(known, "image");
    let whole = |dim: &str, length: Option<usize>, ports: [&str; 2]| {
        let border = ports.map(|port| known.count(port).ok());
        Some(KnownLength::new(dim, length?.saturating_add(border[0]?).saturating_add(border[1]?), "image"))
    };
    let sides = [whole("H", height, ["top", "bottom"]), whole("W", width, ["left", "right"])];
    sides.into_iter().flatten().collect()
}

fn crop(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let picture = picture(args, "image")?;
    let [left, top, width, height] = numbers(args, ["left", "top", "width", "height"])?;
    let (w, h) = picture.dimensions();
    for (port, start, length, whole) in [("width", left, width, w), ("height", top, height, h)] {
        fits(port, start, length, whole as usize)?;
    }
    // All within a u32 now.
    let [left, top, width, height] = [left, top, width, height].map(|x| x as u32);
    Ok(vec![tensor(imageops::crop_imm(&picture, left, top, width, height).to_image())?.into()])
}

fn pad(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let picture = picture(args, "image")?;
    let [left, top, right, bottom] = numbers(args, ["left", "top", "right", "bottom"])?;
    let (w, h) = picture.dimensions();
    let [width, height] = allowed("left", [w as usize + left + right, h as usize + top + bottom])?;
    let mut padded = RgbImage::from_pixel(width, height, Rgb(colour(args, "colour")?));
    imageops::replace(&mut padded, &picture, left as i64, top as i64);
    Ok(vec![tensor(padded)?.into()])
}

fn numbers(args: &Args<'_>, ports: [&str; 4]) -> Result<[usize; 4]> {
    let mut numbers = [0; 4];
    for (number, port) in numbers.iter_mut().zip(ports) {
        *number = args.count(port)?;
    }
    Ok(numbers)
}
