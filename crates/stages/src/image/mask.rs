//! `image.mask` and `image.box`: select a part of a picture.

use image::RgbImage;
use ndarray::Array2;
use wuerst_core::{Args, Ctx, Error, Registry, Result, Value, memory};

use super::pixels::{allowed, picture};
use crate::plain::{Hooks, Plan};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "image.mask",
        signature: "image: u8[h,w,3], invert: bool = false -> mask: f32[h,w] as mask",
        about: "Makes a mask of a picture's brightness: white is 1, black is 0.",
        ports: &[
            ("image", "The picture, usually black and white."),
            ("invert", "If true, black is 1 and white is 0."),
            ("mask", "From 0 to 1."),
        ],
    };
    plan.add(registry, mask)?;
    let plan = Plan {
        kind: "image.box",
        signature: "image: u8[h,w,3], left: float = 0.25 {0.0..1.0}, top: float = 0.25 {0.0..1.0}, \
                    right: float = 0.75 {0.0..1.0}, bottom: float = 0.75 {0.0..1.0}, soft: float = 0.0 {0.0..1.0} \
                    -> mask: f32[h,w] as mask",
        about: "Makes a mask in the size of a picture that is 1 in a rectangle and 0 outside.",
        ports: &[
            ("image", "Only its size counts."),
            ("left", "Left edge of the rectangle, as a share of the width."),
            ("top", "Top edge of the rectangle, as a share of the height."),
            ("right", "Right edge of the rectangle, as a share of the width."),
            ("bottom", "Bottom edge of the rectangle, as a share of the height."),
            (
                "soft",
                "Width of the inner border where the mask rises from 0 to 1, as a share of the shorter side.",
            ),
            ("mask", "From 0 to 1."),
        ],
    };
    plan.add_checked(registry, Hooks { check: check_box, ..Hooks::default() }, rectangle)
}

fn mask(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    Ok(vec![brightness(&picture(args, "image")?, args.bool("invert")?)?.into()])
}

/// Brightness of each pixel from 0 to 1, or darkness.
pub(crate) fn brightness(picture: &RgbImage, invert: bool) -> Result<Array2<f32>> {
    let (width, height) = picture.dimensions();
    let brightness = |[red, green, blue]: [u8; 3]| {
        // Rec. 709 weights, applied to the stored numbers; they add up to 1.
        let sum = 0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue);
        let share = (sum / 255.).min(1.);
        (if invert { 1. - share } else { share }) as f32
    };
    let mask = memory::collected(picture.pixels().map(|pixel| brightness(pixel.0)))?;
    let mask = Array2::from_shape_vec((height as usize, width as usize), mask);
    mask.map_err(|e| Error::Internal(format!("a mask of another size: {e}")))
}

/// Refuses a rectangle that ends before it begins, as far as its sides are known.
fn check_box(known: &Args<'_>) -> Result<()> {
    for (begin, end) in [("left", "right"), ("top", "bottom")] {
        if known.has(begin) && known.has(end) {
            let (from, to) = (known.float(begin)?, known.float(end)?);
            if from >= to {
                let message =
                    format!("the rectangle is empty: it begins at {from} (`{begin}`) and ends at {to}");
                return Err(Error::invalid(end, message));
            }
        }
    }
    Ok(())
}

fn rectangle(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    check_box(args)?;
    let &[height, width, _] = args.tensor("image")?.shape() else {
        return Err(Error::Internal("a picture without sides".into()));
    };
    allowed("image", [width, height])?;
    let soft = args.float("soft")? * width.min(height) as f64;
    let across = profile(width, args.float("left")?, args.float("right")?, soft);
    let down = profile(height, args.float("top")?, args.float("bottom")?, soft);
    Ok(vec![Array2::from_shape_fn((height, width), |(y, x)| across[x].min(down[y])).into()])
}

/// Coverage of each cell by the interval between two fractions of the length, rising over `soft` cells at either end.
fn profile(length: usize, from: f64, to: f64, soft: f64) -> Vec<f32> {
    let (from, to) = (from * length as f64, to * length as f64);
    let cell = |x: usize| {
        let (start, end) = (x as f64, x as f64 + 1.);
        if soft < 1. {
            return (end.min(to) - start.max(from)).clamp(0., 1.) as f32;
        }
        let middle = start + 0.5;
        ((middle - from).min(to - middle) / soft).clamp(0., 1.) as f32
    };
    (0..length).map(cell).collect()
}
