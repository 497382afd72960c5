//! Encodes picture files: PNG, JPEG, WebP. All of them state that the colours are sRGB.

use image::codecs::jpeg::JpegEncoder;
use image::error::{EncodingError, ImageFormatHint};
use image::{ImageEncoder, ImageError, ImageFormat, ImageResult, RgbImage};
use image_webp::{ColorType, WebPEncoder};
use ndarray::Array2;
use png::{BitDepth, Compression, Encoder, SrgbRenderingIntent};

use super::colours;
use super::pixels::rgba;

/// Keyword of an XMP packet in a PNG file.
pub const XMP_KEYWORD: &str = "XML:com.adobe.xmp";

/// Prefix of a JPEG segment with an XMP packet.
const XMP_SEGMENT: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// Encodes a picture for a file name, with the alpha of each pixel if it has some. The quality applies to JPEG, which has
/// no alpha. `mark` is an XMP packet.
pub(super) fn by_name(
    (picture, alpha): (&RgbImage, Option<&Array2<f32>>),
    name: &str,
    quality: usize,
    mark: Option<&str>,
) -> ImageResult<Vec<u8>> {
    let wide = |e: wuerst_core::Error| failed(ImageFormat::Png, e);
    let rgba = alpha.map(|alpha| rgba(picture, alpha)).transpose().map_err(wide)?;
    let samples = rgba.as_deref().unwrap_or(picture);
    match ImageFormat::from_path(name)? {
        ImageFormat::Png => {
            let about: Vec<(&str, String)> =
                mark.map(|mark| (XMP_KEYWORD, mark.to_owned())).into_iter().collect();
            png(picture.dimensions().into(), samples, &about).map_err(|error| failed(ImageFormat::Png, error))
        }
        ImageFormat::Jpeg => jpeg(picture, quality, mark),
        _ => webp(picture.dimensions(), samples, mark),
    }
}

/// Encodes a PNG file with texts by keyword. `samples` are one byte per pixel of a grey picture, three for RGB, and four
/// with alpha last.
///
/// # Errors
/// Lengths that do not fit, an invalid keyword.
pub fn png(
    [width, height]: [u32; 2],
    samples: &[u8],
    about: &[(&str, String)],
) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(match samples.len() as u64 / (u64::from(width) * u64::from(height)).max(1) {
        1 => png::ColorType::Grayscale,
        4 => png::ColorType::Rgba,
        _ => png::ColorType::Rgb,
    });
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Balanced);
    encoder.set_source_srgb(SrgbRenderingIntent::Perceptual);
    for (keyword, text) in about {
        encoder.add_itxt_chunk((*keyword).to_owned(), text.clone())?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(samples)?;
    writer.finish()?;
    Ok(file)
}

fn jpeg(picture: &RgbImage, quality: usize, mark: Option<&str>) -> ImageResult<Vec<u8>> {
    let mut file = vec![];
    let mut encoder = JpegEncoder::new_with_quality(&mut file, u8::try_from(quality).unwrap_or(100));
    encoder.set_icc_profile(colours::srgb_profile().to_vec()).map_err(ImageError::Unsupported)?;
    encoder.encode_image(picture)?;
    if let Some(mark) = mark {
        let data = [XMP_SEGMENT, mark.as_bytes()].concat();
        let length = u16::try_from(data.len() + 2).map_err(|error| failed(ImageFormat::Jpeg, error))?;
        let segment = [&[0xff, 0xe1][..], &length.to_be_bytes(), &data].concat();
        // After the start marker and the JFIF segment, if there is one.
        let at = match file.get(2..6) {
            Some(&[0xff, 0xe0, a, b]) => 4 + usize::from(u16::from_be_bytes([a, b])),
            _ => 2,
        };
        file.splice(at..at, segment);
    }
    Ok(file)
}

fn webp((width, height): (u32, u32), samples: &[u8], mark: Option<&str>) -> ImageResult<Vec<u8>> {
    let mut file = vec![];
    let mut encoder = WebPEncoder::new(&mut file);
    encoder.set_icc_profile(colours::srgb_profile().to_vec());
    if let Some(mark) = mark {
        encoder.set_xmp_metadata(mark.as_bytes().to_vec());
    }
    let wide = samples.len() as u64 == u64::from(width) * u64::from(height) * 4;
    let colours = if wide { ColorType::Rgba8 } else { ColorType::Rgb8 };
    let encoded = encoder.encode(samples, width, height, colours);
    encoded.map_err(|error| failed(ImageFormat::WebP, error))?;
    Ok(file)
}

fn failed(format: ImageFormat, error: impl std::error::Error + Send + Sync + 'static) -> ImageError {
    ImageError::Encoding(EncodingError::new(ImageFormatHint::Exact(format), error))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageDecoder, ImageReader};

    use super::*;

    #[test]
    fn marks_are_read_back() {
        let picture = RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8 * 40, y as u8 * 80, 7]));
        let mark = wuerst_core::Origin::Composite.xmp();
        for name in ["a.png", "a.jpg", "a.webp"] {
            let read = |mark: Option<&str>| {
                let file = by_name((&picture, None), name, 90, mark).unwrap();
                assert_eq!(file, by_name((&picture, None), name, 90, mark).unwrap(), "{name}");
                let reader = ImageReader::new(Cursor::new(file)).with_guessed_format().unwrap();
                let mut decoder = reader.into_decoder().unwrap();
                let (xmp, icc) = (decoder.xmp_metadata().unwrap(), decoder.icc_profile().unwrap());
                let pixels = image::DynamicImage::from_decoder(decoder).unwrap().into_rgb8();
                assert!(name == "a.jpg" || pixels == picture, "{name}");
                assert_eq!(icc.is_some(), name != "a.png", "{name}: PNG has a chunk of its own for sRGB");
                xmp.map(|xmp| String::from_utf8(xmp).unwrap())
            };
            assert_eq!(read(Some(&mark)), Some(mark.clone()), "{name}");
            assert_eq!(read(None), None, "{name}");
        }
    }
}
