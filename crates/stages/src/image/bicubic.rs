//! Antialiased bicubic resizing with bytes between its two passes, as Pillow and torchvision do it.
//!
//! The `image` crate keeps what goes beyond 0..255 between the passes, which shows in pictures with sharp edges. CLIP was trained
//! without.

use image::{Rgb, RgbImage};

/// The kernel's sharpness, as where it antialiases.
const A: f64 = -0.5;

/// A picture in another size.
pub(crate) fn resized(picture: &RgbImage, [width, height]: [u32; 2]) -> RgbImage {
    let wide = across(picture, width);
    turned(&across(&turned(&wide), height))
}

/// The picture with its axes swapped.
fn turned(picture: &RgbImage) -> RgbImage {
    RgbImage::from_fn(picture.height(), picture.width(), |x, y| *picture.get_pixel(y, x))
}

/// Another width.
fn across(picture: &RgbImage, width: u32) -> RgbImage {
    if width == picture.width() {
        return picture.clone();
    }
    let weights: Vec<(u32, Vec<f64>)> = (0..width).map(|x| weights(x, picture.width(), width)).collect();
    RgbImage::from_fn(width, picture.height(), |x, y| {
        let (first, weights) = &weights[x as usize];
        let mut sums = [0.; 3];
        for (at, weight) in (*first..).zip(weights) {
            let Rgb(pixel) = picture.get_pixel(at, y);
            sums.iter_mut().zip(pixel).for_each(|(sum, byte)| *sum += weight * f64::from(*byte));
        }
        // Limited to bytes.
        Rgb(sums.map(|sum| (sum + 0.5).floor() as u8))
    })
}

/// What pixel `x` of `to` is mixed of: the first of `from`, and the shares of it and those after it.
fn weights(x: u32, from: u32, to: u32) -> (u32, Vec<f64>) {
    let scale = f64::from(from) / f64::from(to);
    let wide = scale.max(1.);
    let (centre, support) = ((f64::from(x) + 0.5) * scale, 2. * wide);
    // Limited to those that there are.
    let first = (centre - support + 0.5).max(0.) as u32;
    let end = ((centre + support + 0.5) as u32).min(from);
    let own: Vec<f64> = (first..end).map(|at| kernel((f64::from(at) - centre + 0.5) / wide)).collect();
    let sum: f64 = own.iter().sum();
    (first, own.into_iter().map(|weight| weight / sum).collect())
}

/// Keys' cubic kernel.
fn kernel(x: f64) -> f64 {
    let x = x.abs();
    if x < 1. {
        ((A + 2.) * x - (A + 3.)) * x * x + 1.
    } else if x < 2. {
        (((x - 5.) * x + 8.) * x - 4.) * A
    } else {
        0.
    }
}
