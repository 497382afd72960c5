//! `mask.blur` and `image.blur`: Gaussian blur.

use image::RgbImage;
use ndarray::{Array2, ArrayView2, Axis};
use wuerst_core::colour::byte;
use wuerst_core::{Args, Ctx, Error, Registry, Result, Value, memory};

use super::mask;
use crate::image::{picture, tensor};
use crate::plain::Plan;

pub(super) fn register(registry: &mut Registry) -> Result<()> {
    let sigma = "The standard deviation of the Gaussian in pixels; 0 changes nothing.";
    let plan = Plan {
        kind: "mask.blur",
        signature: "mask: f32[h,w] as mask, sigma: float = 2.0 {0.0..256.0} -> mask: f32[h,w] as mask",
        about: "Blurs a mask, so that what it joins blends. Beyond the picture's edge its pixels are repeated.",
        ports: &[("mask", "The mask."), ("sigma", sigma), ("-> mask", "The mask with soft edges.")],
    };
    plan.add(registry, |ctx, args| {
        let sigma = args.float("sigma")?;
        Ok(vec![gaussian(ctx, mask(args, "mask")?, sigma)?.into()])
    })?;
    let plan = Plan {
        kind: "image.blur",
        signature: "image: u8[h,w,3], sigma: float = 2.0 {0.0..256.0} -> image: u8[h,w,3]",
        about: "Blurs a picture. `image.blend` from the blurred picture to the picture itself, by more than 1, sharpens it.",
        ports: &[("image", "The picture."), ("sigma", sigma), ("-> image", "The blurred picture.")],
    };
    plan.add(registry, blur)
}

fn blur(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (picture, sigma) = (picture(args, "image")?, args.float("sigma")?);
    let (width, height) = picture.dimensions();
    // Two planes and the result.
    memory::check(picture.as_raw().len() * 5)?;
    let mut out = RgbImage::new(width, height);
    for channel in 0..3 {
        let plane = picture.as_raw().iter().skip(channel).step_by(3).map(|colour| f32::from(*colour) / 255.);
        let plane = Array2::from_shape_vec((height as usize, width as usize), memory::collected(plane)?);
        let plane = plane.map_err(|e| Error::Internal(format!("a picture of another size: {e}")))?;
        let plane = gaussian(ctx, plane, sigma)?;
        for (pixel, colour) in out.pixels_mut().zip(&plane) {
            pixel.0[channel] = byte(*colour);
        }
    }
    Ok(vec![tensor(out)?.into()])
}

/// Convolves a plane with a Gaussian of standard deviation `sigma`, cut off at three `sigma`.
fn gaussian(ctx: &mut Ctx<'_>, plane: Array2<f32>, sigma: f64) -> Result<Array2<f32>> {
    let reach = (3. * sigma).ceil() as usize;
    if reach == 0 {
        return Ok(plane);
    }
    let weight = |at: usize| (-0.5 * (at as f64 / sigma).powi(2)).exp();
    let sum = weight(0) + 2. * (1..=reach).map(weight).sum::<f64>();
    let weights: Vec<f32> = (0..=reach).map(|at| (weight(at) / sum) as f32).collect();
    let down = along(ctx, plane.view(), &weights)?;
    let across = along(ctx, down.t(), &weights)?;
    Ok(across.reversed_axes())
}

/// Replaces each row by the weighted sum of its neighbours; the first and the last row are repeated.
fn along(ctx: &mut Ctx<'_>, plane: ArrayView2<'_, f32>, weights: &[f32]) -> Result<Array2<f32>> {
    let last = plane.len_of(Axis(0)) - 1;
    let mut out = Array2::zeros(plane.dim());
    for (row, mut to) in out.outer_iter_mut().enumerate() {
        ctx.step(row, last + 1)?;
        to.scaled_add(weights[0], &plane.row(row));
        for (at, weight) in weights.iter().enumerate().skip(1) {
            to.scaled_add(*weight, &plane.row(row.saturating_sub(at)));
            to.scaled_add(*weight, &plane.row((row + at).min(last)));
        }
    }
    Ok(out)
}
