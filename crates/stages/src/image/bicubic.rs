//! Antialiased bicubic resizing with bytes between its two passes, as in Pillow and torchvision.
//!
//! The `image` crate keeps values beyond 0..255 between the passes, which differs visibly at sharp edges. CLIP was
//! trained with bytes.

use image::{Rgb, RgbImage};

/// Sharpness of the kernel with antialiasing.
const A: f64 = -0.5;

/// The picture in this size.
pub(crate) fn resized(picture: &RgbImage, [width, height]: [u32; 2]) -> RgbImage {
    let wide = across(picture, width);
    turned(&across(&turned(&wide), height))
}

/// The picture with swapped axes.
fn turned(picture: &RgbImage) -> RgbImage {
    RgbImage::from_fn(picture.height(), picture.width(), |x, y| *picture.get_pixel(y, x))
}

/// The picture in this width.
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
        // Clamped to bytes.
        Rgb(sums.map(|sum| (sum + 0.5).floor() as u8))
    })
}

/// Weights of pixel `x` of `to`: the first pixel of `from`, and the weights from it on.
fn weights(x: u32, from: u32, to: u32) -> (u32, Vec<f64>) {
    let scale = f64::from(from) / f64::from(to);
    let wide = scale.max(1.);
    let (centre, support) = ((f64::from(x) + 0.5) * scale, 2. * wide);
    // Clamped to existing pixels.
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
