//! Decodes picture files, within limits for untrusted files.

use std::io::{self, BufReader, Cursor, Read};

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use wuerst_core::colour::byte;
use wuerst_core::{Content, Error, Result, Steady, Tensor, caught, memory};

use super::colours::{self, Profile, srgb};
use super::inks;
use super::metadata::{jpeg, png, webp};
use super::pixels::{MOST_PIXELS, allowed};

/// Maximum file size in bytes. Two of the formats are read into memory as a whole.
pub(crate) const LARGEST: u64 = 128 << 20;

/// Maximum memory for decoding, in bytes: [`MOST_PIXELS`] with four channels of 16 bits.
const MEMORY: u64 = MOST_PIXELS * 8;

/// A picture from a file.
pub(crate) struct Picture {
    pub rgb: RgbImage,
    /// Alpha, row by row, from 0 to 1; `None` if the file has none.
    pub alpha: Option<Vec<f32>>,
    /// Whether the file is an animation; only its first picture is read.
    pub animated: bool,
    /// Reason why the colours are used unchanged although the file states that they are not sRGB.
    pub unconverted: Option<String>,
}

/// Reason why there is no picture.
enum Trouble {
    /// A predicate about the file.
    File(String),
    /// Memory is short.
    Memory,
}

/// Decodes a PNG, JPEG or WebP file to upright 8-bit RGB.
///
/// # Errors
/// [`Error::File`]; [`Error::OutOfMemory`] if memory is short for a picture of its size.
pub(crate) fn decode(picture: &wuerst_core::File) -> Result<Picture> {
    if let Some(picture) = picture.picture() {
        return in_memory(picture);
    }
    reading(picture, read)
}

/// A picture that a host passed in place of a file.
fn in_memory(picture: &Tensor) -> Result<Picture> {
    let [width, height] = sides_in_memory(picture)?;
    let bytes = match picture.values::<u8>() {
        Some(bytes) => memory::copied(bytes)?,
        None => {
            let floats = picture.to_f32().ok_or_else(|| Error::OutOfMemory { node: String::new() })?;
            memory::collected(floats.iter().map(|colour| byte(*colour)))?
        }
    };
    let bytes = match picture.shape() {
        [_, _] => {
            let mut colours = memory::room(bytes.len() * 3)?;
            bytes.iter().for_each(|grey| colours.extend_from_slice(&[*grey; 3]));
            colours
        }
        _ => bytes,
    };
    let rgb = RgbImage::from_raw(width, height, bytes);
    let rgb = rgb.ok_or_else(|| Error::Internal("a picture of another size".into()))?;
    Ok(Picture { rgb, alpha: None, animated: false, unconverted: None })
}

fn sides_in_memory(picture: &Tensor) -> Result<[u32; 2]> {
    let &[height, width, ..] = picture.shape() else {
        return Err(Error::Internal("a picture without sides".into()));
    };
    allowed("file", [width, height])
}

/// Width and height of the picture in a file, upright, without decoding it.
///
/// # Errors
/// As [`decode`].
pub(crate) fn size(picture: &wuerst_core::File) -> Result<[u32; 2]> {
    if let Some(picture) = picture.picture() {
        return sides_in_memory(picture);
    }
    reading(picture, |file| {
        let mut opened = open(file)?;
        let [width, height] = sides(&*opened.decoder)?;
        Ok(match opened.orientation()? {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => [height, width],
            _ => [width, height],
        })
    })
}

fn reading<T>(picture: &wuerst_core::File, read: impl FnOnce(Content) -> Result<T, Trouble>) -> Result<T> {
    let file = picture.content()?;
    let read = caught(|| read(file)).unwrap_or_else(|why| Err(Trouble::File(format!("is damaged: {why}"))));
    read.map_err(|trouble| match trouble {
        Trouble::File(message) => {
            Error::File { path: picture.path().to_owned(), source: io::Error::other(message) }
        }
        Trouble::Memory => Error::OutOfMemory { node: String::new() },
    })
}

/// A picture file whose header was read.
struct Opened {
    decoder: Box<dyn ImageDecoder>,
    /// Whether the file's orientation is applied.
    turned: bool,
    animated: bool,
    profile: Profile,
    /// The file again, of a JPEG in inks.
    in_inks: Option<Vec<u8>>,
}

impl Opened {
    fn orientation(&mut self) -> Result<Orientation, Trouble> {
        if self.turned { self.decoder.orientation().map_err(damaged) } else { Ok(Orientation::NoTransforms) }
    }
}

fn open(file: Content) -> Result<Opened, Trouble> {
    let bytes = file.size().map_err(unreadable)?;
    if bytes > LARGEST {
        return Err(Trouble::File(format!("has {bytes} bytes; a picture may have {LARGEST}")));
    }
    let reader = ImageReader::new(BufReader::new(Steady(file))).with_guessed_format().map_err(unreadable)?;
    let format = reader.format();
    let mut source = reader.into_inner();
    let (mut turned, mut in_inks) = (true, None);
    let (decoder, animated, profile): (Box<dyn ImageDecoder>, bool, Profile) = match format {
        Some(ImageFormat::Png) => {
            let profile = png::profile(&mut source).map_err(unreadable)?;
            let stripped = png::Stripped::new(source);
            let decoder = PngDecoder::with_limits(stripped, limits()).map_err(damaged)?;
            let animated = decoder.is_apng().map_err(damaged)?;
            (Box::new(decoder), animated, profile)
        }
        Some(ImageFormat::Jpeg) => {
            let (stripped, profile) = whole(&mut source, bytes)?;
            in_inks = profile
                .of_inks()
                .map(|_| memory::copied(&stripped))
                .transpose()
                .map_err(|_| Trouble::Memory)?;
            (Box::new(JpegDecoder::new(Cursor::new(stripped)).map_err(damaged)?), false, profile)
        }
        Some(ImageFormat::WebP) => {
            turned = webp::has_short_exif(&mut source, bytes).map_err(unreadable)?;
            let profile = webp::profile(&mut source, bytes).map_err(unreadable)?;
            let decoder = WebPDecoder::new(source).map_err(damaged)?;
            let animated = decoder.has_animation();
            (Box::new(decoder), animated, profile)
        }
        Some(other) => {
            return Err(Trouble::File(format!("is a picture of the format {other:?}; {WANTED}")));
        }
        None => return Err(Trouble::File(format!("is not a picture that can be read; {WANTED}"))),
    };
    Ok(Opened { decoder, turned, animated, profile, in_inks })
}

fn read(file: Content) -> Result<Picture, Trouble> {
    let opened = open(file)?;
    let animated = opened.animated;
    let (picture, profile, alpha) = pixels(opened)?;
    let (rgb, unconverted) = srgb(picture, &profile).map_err(|_| Trouble::Memory)?;
    Ok(Picture { rgb, alpha, animated, unconverted })
}

const WANTED: &str = "PNG, JPEG and WebP are";

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MEMORY);
    limits
}

fn unreadable(error: io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::OutOfMemory => Trouble::Memory,
        _ => Trouble::File(format!("cannot be read: {error}")),
    }
}

fn damaged(error: ImageError) -> Trouble {
    match error {
        // These limits are our own, for data other than pixels.
        ImageError::Limits(error) => Trouble::File(format!("is too large: {error}")),
        ImageError::IoError(error) if error.kind() == io::ErrorKind::OutOfMemory => Trouble::Memory,
        other => Trouble::File(format!("is damaged: {other}")),
    }
}

/// Like `damaged`, after memory for all pixels was checked: a limit error now means that the machine's memory is
/// short.
fn undecodable(error: ImageError) -> Trouble {
    match error {
        ImageError::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => Trouble::Memory,
        other => damaged(other),
    }
}

/// Width and height, checked against the limit before memory is allocated for them.
fn sides(decoder: &dyn ImageDecoder) -> Result<[u32; 2], Trouble> {
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(Trouble::File(format!(
            "is {width}x{height} pixels large; a picture may have {MOST_PIXELS} in all"
        )));
    }
    Ok([width, height])
}

/// The pixels, the profile that remains to be applied, and alpha.
fn pixels(mut opened: Opened) -> Result<(DynamicImage, Profile, Option<Vec<f32>>), Trouble> {
    let [width, height] = sides(&*opened.decoder)?;
    // Memory for the pixels as stored, and again rotated or converted to 8 bits with alpha as f32; decoders additionally
    // need up to the size of a wide pixel, such as for a JPEG's coefficients.
    let stored = usize::from(opened.decoder.color_type().bytes_per_pixel());
    let room = (stored + stored.max(8) + 8) * width as usize * height as usize;
    memory::check(room).map_err(|_| Trouble::Memory)?;
    opened.decoder.set_limits(limits()).map_err(damaged)?;
    let orientation = opened.orientation()?;
    let Opened { decoder, mut profile, in_inks, .. } = opened;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    if let Some((file, icc)) = in_inks.as_deref().zip(profile.of_inks()) {
        match inks::decode(file).and_then(|four| colours::inks(&four, icc)) {
            Ok(rgb) => {
                let rgb = RgbImage::from_raw(width, height, rgb);
                picture =
                    rgb.ok_or_else(|| Trouble::File("is damaged: it has too few pixels".into()))?.into();
                profile = Profile::None;
            }
            Err(why) => profile = Profile::Unknown(why),
        }
    }
    picture.apply_orientation(orientation);
    let alpha = match &picture {
        picture if !picture.color().has_alpha() => None,
        DynamicImage::ImageRgba16(rgba) => Some(opaque(rgba.pixels().map(|p| f32::from(p.0[3]) / 65535.))?),
        other => Some(opaque(other.to_rgba8().pixels().map(|p| f32::from(p.0[3]) / 255.))?),
    };
    Ok((picture, profile, alpha))
}

fn opaque(alpha: impl ExactSizeIterator<Item = f32>) -> Result<Vec<f32>, Trouble> {
    memory::collected(alpha).map_err(|_| Trouble::Memory)
}

/// A JPEG file without metadata, and its profile. The file must be complete: the decoder would fill missing parts with grey.
fn whole(source: &mut impl Read, length: u64) -> Result<(Vec<u8>, Profile), Trouble> {
    // The data is held here and by the decoder.
    memory::check(2 * usize::try_from(length).unwrap_or(usize::MAX / 2)).map_err(|_| Trouble::Memory)?;
    let mut bytes = vec![];
    source.take(LARGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    let profile = jpeg::profile(&bytes);
    if jpeg::strip(&mut bytes) {
        return Ok((bytes, profile));
    }
    Err(Trouble::File("is damaged: it ends in the middle of the picture".into()))
}
