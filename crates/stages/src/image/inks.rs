//! CMYK values of a JPEG file as stored; decoders otherwise convert them to RGB without the file's profile.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Cyan, magenta, yellow and black of each pixel, 255 for full ink.
///
/// # Errors
/// A sentence about the file that begins with `its`.
pub(super) fn decode(file: &[u8]) -> Result<Vec<u8>, String> {
    let failed = |error: zune_jpeg::errors::DecodeErrors| format!("its four inks cannot be read: {error}");
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(65535).set_max_height(65535);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(failed)?;
    let stored = decoder.input_colorspace();
    let stored = stored.filter(|space| matches!(space, ColorSpace::CMYK | ColorSpace::YCCK));
    let stored = stored.ok_or_else(|| "its colour profile is for four inks, which it has not".to_owned())?;
    decoder.set_options(options.jpeg_set_out_colorspace(stored));
    let mut inks = decoder.decode().map_err(failed)?;
    for pixel in inks.chunks_exact_mut(4) {
        if stored == ColorSpace::YCCK {
            let [red, green, blue] = rgb([pixel[0], pixel[1], pixel[2]]);
            // Adobe's programs store inverted values, and all other programs follow them.
            pixel.copy_from_slice(&[red, green, blue, 255 - pixel[3]]);
        } else {
            pixel.iter_mut().for_each(|ink| *ink = 255 - *ink);
        }
    }
    Ok(inks)
}

/// Converts YCbCr, as defined by JFIF, to RGB.
fn rgb([y, blue, red]: [u8; 3]) -> [u8; 3] {
    let (y, blue, red) = (f32::from(y), f32::from(blue) - 128., f32::from(red) - 128.);
    [y + 1.402 * red, y - 0.344_136 * blue - 0.714_136 * red, y + 1.772 * blue]
        .map(|x| x.round().clamp(0., 255.) as u8)
}
