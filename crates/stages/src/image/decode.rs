//! Picture files into pixels, within bounds that hold for files from strangers.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use wuerst_core::{Error, Result, Steady, caught, memory};

use super::colours::{self, Profile, srgb};
use super::inks;
use super::metadata::{jpeg, png, webp};
use super::pixels::MOST_PIXELS;

/// The largest file that is read, in bytes. Two of the formats are read into memory as a whole.
pub(crate) const LARGEST: u64 = 128 << 20;

/// The memory that decoding may take, in bytes: what [`MOST_PIXELS`] of four channels of 16 bits take.
const MEMORY: u64 = MOST_PIXELS * 8;

/// A picture from a file.
pub(crate) struct Picture {
    pub rgb: RgbImage,
    /// Opaqueness, row by row, from 0 to 1; none where the file has none.
    pub alpha: Option<Vec<f32>>,
    /// Whether the file moves; only its first picture is here.
    pub animated: bool,
    /// Why its colours are taken as they are, though the file says that they are not sRGB.
    pub unconverted: Option<String>,
}

/// Why there is no picture.
enum Trouble {
    /// A sentence about the file that begins with a verb.
    File(String),
    /// There is no memory for it.
    Memory,
}

/// Decodes a PNG, JPEG or WebP file: upright, as 8-bit RGB whatever it holds.
///
/// # Errors
/// [`Error::File`]; [`Error::OutOfMemory`] when a picture of its size finds no room.
pub(crate) fn decode(picture: &wuerst_core::File) -> Result<Picture> {
    reading(picture, read)
}

/// Width and height of the picture in a file, upright, without decoding it.
///
/// # Errors
/// As [`decode`].
pub(crate) fn size(picture: &wuerst_core::File) -> Result<[u32; 2]> {
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

fn reading<T>(picture: &wuerst_core::File, read: impl FnOnce(File) -> Result<T, Trouble>) -> Result<T> {
    let file = picture.content()?;
    let read = caught(|| read(file)).unwrap_or_else(|why| Err(Trouble::File(format!("is damaged: {why}"))));
    read.map_err(|trouble| match trouble {
        Trouble::File(message) => {
            Error::File { path: picture.path().to_owned(), source: io::Error::other(message) }
        }
        Trouble::Memory => Error::OutOfMemory { node: String::new() },
    })
}

/// A picture file of which the head is read.
struct Opened {
    decoder: Box<dyn ImageDecoder>,
    /// Whether the file is asked which side is up.
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

fn open(file: File) -> Result<Opened, Trouble> {
    let bytes = file.metadata().map_err(unreadable)?.len();
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
        None => return Err(Trouble::File(format!("is no picture that can be read; {WANTED}"))),
    };
    Ok(Opened { decoder, turned, animated, profile, in_inks })
}

fn read(file: File) -> Result<Picture, Trouble> {
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
        // Before there are pixels these are our own, about what else is in the file.
        ImageError::Limits(error) => Trouble::File(format!("is too large: {error}")),
        ImageError::IoError(error) if error.kind() == io::ErrorKind::OutOfMemory => Trouble::Memory,
        other => Trouble::File(format!("is damaged: {other}")),
    }
}

/// The same once there was room for all pixels that may be: what is said of memory then is about the machine's.
fn undecodable(error: ImageError) -> Trouble {
    match error {
        ImageError::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => Trouble::Memory,
        other => damaged(other),
    }
}

/// Width and height, if they are not too large; before anything of that size is made.
fn sides(decoder: &dyn ImageDecoder) -> Result<[u32; 2], Trouble> {
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(Trouble::File(format!(
            "is {width}x{height} pixels large; a picture may have {MOST_PIXELS} in all"
        )));
    }
    Ok([width, height])
}

/// The pixels with the profile that is still to be applied, and what is opaque.
fn pixels(mut opened: Opened) -> Result<(DynamicImage, Profile, Option<Vec<f32>>), Trouble> {
    let [width, height] = sides(&*opened.decoder)?;
    // The pixels as they are in the file, and again turned upright or as eight bits with f32 for what is opaque; what a
    // decoder has of its own beside them, as a JPEG's coefficients, takes as much as a wide pixel.
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

/// A JPEG file, stripped, with its profile; it must have an end: the decoder fills up what is missing with grey.
fn whole(source: &mut impl Read, length: u64) -> Result<(Vec<u8>, Profile), Trouble> {
    // Once here, and once by the decoder.
    memory::check(2 * usize::try_from(length).unwrap_or(usize::MAX / 2)).map_err(|_| Trouble::Memory)?;
    let mut bytes = vec![];
    source.take(LARGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    let profile = jpeg::profile(&bytes);
    if jpeg::strip(&mut bytes) {
        return Ok((bytes, profile));
    }
    Err(Trouble::File("is damaged: it ends in the middle of the picture".into()))
}
