//! `image.unfit`: restores the size of the original picture after a model has processed a fitted one.

use image::RgbImage;
use ndarray::{ArrayView2, Ix2};
use wuerst_core::{Args, Ctx, Error, Registry, Result, Value};

use super::layout::{Layout, way_port};
use crate::image::{allowed, picture, tensor, unit};
use crate::plain::Plan;

pub(super) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "image.unfit",
        signature: concat!(
            "image: u8[H,W,3], original: u8[h,w,3], ",
            way_port!(),
            ", mask: f32[h,w] as mask?, fitted: u8[H,W,3]? -> image: u8[h,w,3]"
        ),
        about: "The way back from `image.fit`: lays what a model made into the picture before, in its size.",
        ports: &[
            ("image", "The model's result from the fitted picture, in the size of that picture."),
            ("original", "The picture that `image.fit` got. What `crop` cut off stays as it is."),
            ("way", "The `way` given to `image.fit`."),
            ("mask", "Opacity of the new picture, from 0 to 1. Pixels at 0 keep every byte of the original."),
            (
                "fitted",
                "The picture that `image.fit` gave. With it only what the model changed is added to the original, so that \
                 its details stay.",
            ),
            ("-> image", "The new picture in the size of the original."),
        ],
    };
    plan.add(registry, run)
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (made, mut result) = (picture(args, "image")?, picture(args, "original")?);
    let (width, height) = result.dimensions();
    // Both pictures are held twice meanwhile.
    allowed("original", [width as usize, height as usize])?;
    let layout = Layout::new(args.text("way")?, [width, height], made.dimensions().into());
    let new = layout.back(&made);
    let old = match args.has("fitted") {
        true => {
            let fitted = picture(args, "fitted")?;
            if fitted == made {
                return Ok(vec![tensor(result)?.into()]);
            }
            Some(layout.back(&fitted))
        }
        false => None,
    };
    let mask = match args.has("mask") {
        true => {
            let mask = args.tensor_f32("mask")?.into_dimensionality::<Ix2>();
            Some(mask.map_err(|e| Error::Internal(format!("a mask that is not an area: {e}")))?)
        }
        false => None,
    };
    lay(&mut result, &layout, &new, old.as_ref(), mask.as_ref().map(|mask| mask.view()));
    Ok(vec![tensor(result)?.into()])
}

/// Inserts a picture into another; given an old state of the picture, only the difference.
fn lay(
    result: &mut RgbImage,
    layout: &Layout,
    new: &RgbImage,
    old: Option<&RgbImage>,
    mask: Option<ArrayView2<'_, f32>>,
) {
    let (left, top) = (layout.seen.left, layout.seen.top);
    for (x, y, pixel) in new.enumerate_pixels() {
        let share = mask.map_or(1., |mask| f64::from(unit(mask[[(top + y) as usize, (left + x) as usize]])));
        if share <= 0. {
            continue;
        }
        let below = result.get_pixel_mut(left + x, top + y);
        for channel in 0..3 {
            let before = f64::from(below.0[channel]);
            let made = f64::from(pixel.0[channel]);
            let made = match old {
                Some(old) => before + made - f64::from(old.get_pixel(x, y).0[channel]),
                None => made,
            };
            below.0[channel] = (before + (made - before) * share).round_ties_even().clamp(0., 255.) as u8;
        }
    }
}
