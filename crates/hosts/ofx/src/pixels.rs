//! Conversion of pixels between pictures and a host's images.

use crate::clip::Frame;
use wuerst_client::Format;

/// Pixels of a rectangle in a host's pixel coordinates, RGBA, the top row first.
pub struct Placed<'a> {
    /// x1, y1, x2, y2.
    pub rect: [i32; 4],
    /// Four bytes for each.
    pub rgba: &'a [u8],
}

/// Writes the part of a window that the picture covers; the rest becomes transparent black.
///
/// # Safety
/// The frame's memory is writable within its bounds.
pub unsafe fn write(placed: &Placed<'_>, frame: &Frame<'_>, window: [i32; 4], linear: bool) {
    let [fx1, fy1, fx2, fy2] = frame.bounds;
    let [x1, y1, x2, y2] = placed.rect;
    let width = i64::from(x2 - x1);
    let light = light(linear);
    for y in window[1].max(fy1)..window[3].min(fy2) {
        for x in window[0].max(fx1)..window[2].min(fx2) {
            let pixel = if (x1..x2).contains(&x) && (y1..y2).contains(&y) {
                // Our rows go down, the host's go up.
                let at = i64::from(y2 - 1 - y) * width + i64::from(x - x1);
                let at = usize::try_from(at).unwrap_or(0) * 4;
                [0, 1, 2, 3].map(|channel| placed.rgba.get(at + channel).copied().unwrap_or(0))
            } else {
                [0; 4]
            };
            let row = isize::try_from(y - fy1).unwrap_or(0) * frame.row_bytes;
            let column = isize::try_from(x - fx1).unwrap_or(0) * bytes(frame.format);
            // SAFETY: within the bounds, by the ranges above; rows of a host may be misaligned.
            unsafe {
                let to = frame.data.cast::<u8>().offset(row + column);
                match frame.format {
                    Format::Rgba32F => {
                        let [r, g, b] = [0, 1, 2].map(|c| light[usize::from(pixel[c])]);
                        let alpha = f32::from(pixel[3]) / 255.;
                        to.cast::<[f32; 4]>().write_unaligned([r * alpha, g * alpha, b * alpha, alpha]);
                    }
                    Format::Rgb32F => {
                        to.cast::<[f32; 3]>()
                            .write_unaligned([0, 1, 2].map(|c| light[usize::from(pixel[c])]));
                    }
                    Format::Rgba8 => to.cast::<[u8; 4]>().write_unaligned(pixel),
                    _ => to.cast::<[u8; 3]>().write_unaligned([pixel[0], pixel[1], pixel[2]]),
                }
            }
        }
    }
}

/// The pixels of a whole frame as 8-bit RGB, the top row first, without alpha.
///
/// # Safety
/// The frame's memory is readable within its bounds.
pub unsafe fn read(frame: &Frame<'_>, linear: bool) -> Vec<u8> {
    let [width, height] = frame.size();
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in (0..height as isize).rev() {
        for x in 0..width as isize {
            // SAFETY: within the bounds; rows of a host may be misaligned.
            unsafe {
                let from = frame.data.cast::<u8>().offset(y * frame.row_bytes + x * bytes(frame.format));
                match frame.format {
                    Format::Rgba32F | Format::Rgb32F => {
                        rgb.extend(
                            from.cast::<[f32; 3]>().read_unaligned().map(|value| coded(value, linear)),
                        );
                    }
                    _ => rgb.extend(from.cast::<[u8; 3]>().read_unaligned()),
                }
            }
        }
    }
    rgb
}

/// A float as a byte of sRGB; NaN is black.
fn coded(value: f32, linear: bool) -> u8 {
    let value = f64::from(value).clamp(0., 1.);
    let coded = match linear {
        false => value,
        true if value <= 0.003_130_8 => value * 12.92,
        true => 1.055 * value.powf(1. / 2.4) - 0.055,
    };
    // Casts saturate, and turn NaN into 0.
    (coded * 255. + 0.5) as u8
}

fn bytes(format: Format) -> isize {
    match format {
        Format::Rgba32F => 16,
        Format::Rgb32F => 12,
        Format::Rgba8 => 4,
        _ => 3,
    }
}

/// Converts a byte to a float: in linear light, by sRGB's transfer function, or unchanged.
fn light(linear: bool) -> [f32; 256] {
    let mut light = [0f32; 256];
    for (byte, value) in light.iter_mut().enumerate() {
        let coded = byte as f64 / 255.;
        let decoded = if coded <= 0.04045 { coded / 12.92 } else { ((coded + 0.055) / 1.055).powf(2.4) };
        *value = (if linear { decoded } else { coded }) as f32;
    }
    light
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_is_srgb_s() {
        assert_eq!((light(true)[0], light(true)[255]), (0., 1.));
        assert!((light(true)[188] - 0.5029).abs() < 1e-3, "{}", light(true)[188]);
        assert!((light(false)[51] - 0.2).abs() < 1e-6);
        for linear in [true, false] {
            let back: Vec<u8> = light(linear).iter().map(|value| coded(*value, linear)).collect();
            assert_eq!(back, (0..=255).collect::<Vec<u8>>());
        }
        assert_eq!([f32::NAN, -1., 2., f32::INFINITY].map(|value| coded(value, true)), [0, 0, 255, 255]);
    }
}
