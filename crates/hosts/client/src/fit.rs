//! Fits a picture into a frame of another size.

use image::imageops::{self, FilterType};
use image::{Rgba, RgbaImage};

use crate::error::Error;

/// How a picture gets the frame's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// As large as possible with its proportions, in the middle of a transparent frame.
    Inside,
    /// Stretched, since the picture was made from a whole frame.
    Fill,
}

/// The pixels of a frame `[width, height]` with a picture `[height, width]`, both RGBA. A picture of the frame's size
/// stays unchanged.
///
/// # Errors
/// A picture without pixels.
pub fn fitted(
    pixels: Vec<u8>,
    [height, width]: [u32; 2],
    frame: [u32; 2],
    fit: Fit,
) -> Result<Vec<u8>, Error> {
    if [width, height] == frame {
        return Ok(pixels);
    }
    let picture = RgbaImage::from_raw(width, height, pixels).filter(|picture| !picture.is_empty());
    let picture = picture.ok_or_else(|| Error::new("the graph gave a picture without pixels"))?;
    let [w, h] = match fit {
        Fit::Fill => frame,
        Fit::Inside => {
            let scale = (f64::from(frame[0]) / f64::from(width)).min(f64::from(frame[1]) / f64::from(height));
            [width, height].map(|side| ((f64::from(side) * scale).round() as u32).max(1))
        }
    };
    let scaled = imageops::resize(&picture, w, h, FilterType::CatmullRom);
    if [w, h] == frame {
        return Ok(scaled.into_raw());
    }
    let mut whole = RgbaImage::from_pixel(frame[0], frame[1], Rgba([0; 4]));
    let [x, y] = [frame[0].saturating_sub(w) / 2, frame[1].saturating_sub(h) / 2];
    imageops::replace(&mut whole, &scaled, x.into(), y.into());
    Ok(whole.into_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn square_is_centred_in_wide_frame() {
        let red = [200, 0, 0, 255].repeat(4);
        let frame = fitted(red.clone(), [2, 2], [8, 4], Fit::Inside).unwrap();
        let row: Vec<u8> = frame[8 * 4..16 * 4].chunks(4).map(|pixel| pixel[3]).collect();
        assert_eq!(row, [0, 0, 255, 255, 255, 255, 0, 0]);
        assert_eq!(frame[(8 + 3) * 4], 200);
        let full = fitted(red.clone(), [2, 2], [8, 4], Fit::Fill).unwrap();
        assert!(full.chunks(4).all(|pixel| pixel == [200, 0, 0, 255]));
        assert_eq!(fitted(red.clone(), [2, 2], [2, 2], Fit::Inside).unwrap(), red);
        assert!(fitted(vec![], [0, 0], [2, 2], Fit::Fill).is_err());
    }
}
