//! Pictures, masks and colours as arguments and results.

use image::RgbImage;
use ndarray::{Array2, ArrayD};
use wuerst_core::colour::byte;
use wuerst_core::{Args, Error, KnownLength, Result, Tensor, Value, memory};

/// The most pixels that a picture may have: 8192 x 8192, more than any camera's 61 megapixels.
pub(crate) const MOST_PIXELS: u64 = 1 << 26;

/// Width and height of a picture to be made, checked against the limit and the memory.
pub(crate) fn allowed(port: &str, sides: [usize; 2]) -> Result<[u32; 2]> {
    let [width, height] = bounded(port, sides)?;
    // Twice as bytes, and once as f32, which resizing uses.
    memory::check(width as usize * height as usize * 3 * 6)?;
    Ok([width, height])
}

/// Checks width and height against the limit only.
pub(crate) fn bounded(port: &str, [width, height]: [usize; 2]) -> Result<[u32; 2]> {
    let (w, h) = (width as u64, height as u64);
    let whole = w > 0 && h > 0 && w.checked_mul(h).is_some_and(|pixels| pixels <= MOST_PIXELS);
    match (u32::try_from(width), u32::try_from(height)) {
        (Ok(width), Ok(height)) if whole => Ok([width, height]),
        _ => Err(Error::invalid(
            port,
            format!("a picture of {width}x{height} pixels; it must have some, and {MOST_PIXELS} at most"),
        )),
    }
}

/// A picture argument.
pub(crate) fn picture(args: &Args<'_>, port: &str) -> Result<RgbImage> {
    let tensor = args.tensor(port)?;
    rgb(tensor).ok_or_else(|| Error::invalid(port, "is a picture without pixels, or too large".to_owned()))
}

/// Converts `u8[h,w,3]` to a picture; `None` for other shapes and for empty pictures.
pub(super) fn rgb(tensor: &Tensor) -> Option<RgbImage> {
    let (&[height, width, 3], Some(bytes)) = (tensor.shape(), tensor.values::<u8>()) else { return None };
    allowed("", [width, height]).ok()?;
    let bytes = memory::copied(bytes).ok()?;
    RgbImage::from_raw(width.try_into().ok()?, height.try_into().ok()?, bytes)
}

/// A picture as `u8[h,w,3]`.
pub(crate) fn tensor(picture: RgbImage) -> Result<Tensor> {
    let (width, height) = picture.dimensions();
    Tensor::from_vec(&[height as usize, width as usize, 3], picture.into_raw())
}

/// A picture's colours with its alpha, four bytes per pixel; the mask has the picture's size.
pub(crate) fn rgba(picture: &RgbImage, mask: &Array2<f32>) -> Result<Vec<u8>> {
    let mut bytes = memory::room(picture.as_raw().len() / 3 * 4)?;
    for (pixel, share) in picture.pixels().zip(mask) {
        bytes.extend_from_slice(&pixel.0);
        bytes.push(byte(*share));
    }
    Ok(bytes)
}

/// The sides `[H,W]` of a picture given by `width` and `height`.
pub(super) fn given_sides(known: &Args<'_>) -> Vec<KnownLength> {
    let side = |dim: &str, port: &str| Some(KnownLength::new(dim, known.count(port).ok()?, port));
    [side("H", "height"), side("W", "width")].into_iter().flatten().collect()
}

/// The value of `width` or `height` that gives this side.
pub(super) fn given_side(_: &Args<'_>, dim: &str, length: usize) -> Option<(&'static str, Value)> {
    let port = match dim {
        "H" => "height",
        "W" => "width",
        _ => return None,
    };
    Some((port, Value::Int(i128::try_from(length).ok()?)))
}

/// Height and width of a picture argument, as far as they are known.
pub(crate) fn known_size(known: &Args<'_>, port: &str) -> [Option<usize>; 2] {
    [0, 1].map(|axis| known.length(port, axis))
}

/// Refuses an invalid colour, as far as it is known.
pub(super) fn check_colour(known: &Args<'_>) -> Result<()> {
    if known.has("colour") { colour(known, "colour").map(drop) } else { Ok(()) }
}

/// A colour in the notation of the web, `#rrggbb`.
pub(super) fn colour(args: &Args<'_>, port: &str) -> Result<[u8; 3]> {
    let text = args.text(port)?;
    let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let [_, red, green, blue] = number
        .ok_or_else(|| {
            Error::invalid(
                port,
                format!("`{text}` is not a colour: write red, green and blue in hexadecimal, as #ff8000"),
            )
        })?
        .to_be_bytes();
    Ok([red, green, blue])
}

/// A number limited to 0..1; NaN counts as 0.
pub(crate) fn unit(x: f32) -> f32 {
    if x.is_nan() { 0. } else { x.clamp(0., 1.) }
}

/// A mask, limited as by [`unit()`].
pub(super) fn clamped(mask: &ArrayD<f32>) -> ArrayD<f32> {
    mask.mapv(unit)
}
