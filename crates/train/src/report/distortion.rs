//! Small changes of real pictures, most of them invisible, to which a measure should hardly react, and on which its maps
//! are fitted.

use anyhow::{Context, Result, ensure};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage, imageops};
use std::fmt;
use wuerst_model::noise::Noise;

/// A change of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distortion {
    /// Normal noise with this standard deviation, in 8-bit steps.
    Noise(f32),
    /// A Gaussian blur with this standard deviation, in pixels.
    Blur(f32),
    /// JPEG compression at this quality, and decompression.
    Jpeg(u8),
}

impl Distortion {
    /// A square picture of `side × side × 3` bytes after the change; noise depends on `seed`.
    ///
    /// # Errors
    /// Bytes that are not a square picture.
    pub fn apply(self, rgb: &[u8], seed: u64) -> Result<Vec<u8>> {
        let side = (rgb.len() / 3).isqrt();
        ensure!(side * side * 3 == rgb.len(), "{} bytes are no square picture", rgb.len());
        let picture =
            || RgbImage::from_raw(side as u32, side as u32, rgb.to_vec()).context("a picture lacks bytes");
        Ok(match self {
            Distortion::Noise(deviation) => {
                let noise = Noise::new(seed).normal(rgb.len());
                // A cast to u8 saturates.
                rgb.iter().zip(noise).map(|(v, n)| (f32::from(*v) + deviation * n).round() as u8).collect()
            }
            Distortion::Blur(deviation) => imageops::blur(&picture()?, deviation).into_raw(),
            Distortion::Jpeg(quality) => {
                let mut bytes = vec![];
                picture()?.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))?;
                image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg)?.into_rgb8().into_raw()
            }
        })
    }
}

impl fmt::Display for Distortion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distortion::Noise(deviation) => write!(f, "noise of {deviation}/255"),
            Distortion::Blur(deviation) => write!(f, "blur of {deviation} px"),
            Distortion::Jpeg(quality) => write!(f, "JPEG at quality {quality}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The root of the mean squared difference.
    fn apart(one: &[u8], other: &[u8]) -> f64 {
        let squares: f64 = one.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        (squares / one.len() as f64).sqrt()
    }

    #[test]
    fn noise_has_its_deviation() {
        let grey = vec![128; 64 * 64 * 3];
        let noisy = Distortion::Noise(4.).apply(&grey, 1).unwrap();
        // Rounding adds a twelfth to the variance.
        assert!((apart(&grey, &noisy) - (16f64 + 1. / 12.).sqrt()).abs() < 0.1);
        assert_eq!(noisy, Distortion::Noise(4.).apply(&grey, 1).unwrap());
        assert_ne!(noisy, Distortion::Noise(4.).apply(&grey, 2).unwrap());
    }

    #[test]
    fn blur_and_jpeg_change_edges() {
        let edge: Vec<u8> =
            (0..32 * 32).flat_map(|i| [if i % 32 + i / 32 < 29 { 40 } else { 200 }; 3]).collect();
        let flat = vec![200; 32 * 32 * 3];
        for change in [Distortion::Blur(1.), Distortion::Jpeg(50)] {
            let changed = change.apply(&edge, 0).unwrap();
            assert_eq!(changed.len(), edge.len());
            let (far, near) = (apart(&edge, &changed), apart(&flat, &change.apply(&flat, 0).unwrap()));
            assert!(far > 1. && near < 2., "{change}: {far} and {near}");
        }
        assert!(Distortion::Blur(1.).apply(&edge[3..], 0).is_err());
    }
}
