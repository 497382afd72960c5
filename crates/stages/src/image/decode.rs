//! Picture files into pixels, within bounds that hold for files from strangers.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::{ImageError, LimitErrorKind};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use wuerst_core::{Error, Result, memory};

use super::MOST_PIXELS;

/// The largest file that is read, in bytes. Two of the formats are read into memory as a whole.
const LARGEST: u64 = 128 << 20;

/// The memory that decoding may take, in bytes: what [`MOST_PIXELS`] of four channels of 16 bits take.
const MEMORY: u64 = MOST_PIXELS * 8;

/// A picture from a file.
pub(crate) struct Picture {
    pub rgb: RgbImage,
    /// Opaqueness, row by row, from 0 to 1; none where the file has none.
    pub alpha: Option<Vec<f32>>,
    /// Whether the file moves; only its first picture is here.
    pub animated: bool,
}

type Source = BufReader<File>;

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
pub(crate) fn decode(path: &Path) -> Result<Picture> {
    read(path).map_err(|trouble| match trouble {
        Trouble::File(message) => Error::File { path: path.to_owned(), source: io::Error::other(message) },
        Trouble::Memory => Error::OutOfMemory { node: String::new() },
    })
}

fn read(path: &Path) -> Result<Picture, Trouble> {
    let file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    if bytes > LARGEST {
        return Err(Trouble::File(format!("has {bytes} bytes; a picture may have {LARGEST}")));
    }
    let reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(unreadable)?;
    let format = reader.format();
    let mut source = reader.into_inner();
    let (decoder, animated): (Box<dyn ImageDecoder>, bool) = match format {
        Some(ImageFormat::Png) => {
            let decoder = PngDecoder::with_limits(source, limits()).map_err(damaged)?;
            let animated = decoder.is_apng().map_err(damaged)?;
            (Box::new(decoder), animated)
        }
        Some(ImageFormat::Jpeg) => {
            // The decoder fills up what is missing with grey.
            ended(&mut source, bytes)?;
            (Box::new(JpegDecoder::new(source).map_err(damaged)?), false)
        }
        Some(ImageFormat::WebP) => {
            let decoder = WebPDecoder::new(source).map_err(damaged)?;
            let animated = decoder.has_animation();
            (Box::new(decoder), animated)
        }
        Some(other) => {
            return Err(Trouble::File(format!("is a picture of the format {other:?}; {WANTED}")));
        }
        None => return Err(Trouble::File(format!("is no picture that can be read; {WANTED}"))),
    };
    let (picture, alpha) = pixels(decoder)?;
    Ok(Picture { rgb: picture, alpha, animated })
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

fn pixels(mut decoder: Box<dyn ImageDecoder>) -> Result<(RgbImage, Option<Vec<f32>>), Trouble> {
    let (width, height) = decoder.dimensions();
    // Before anything of that size is made.
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(Trouble::File(format!(
            "is {width}x{height} pixels large; a picture may have {MOST_PIXELS} in all"
        )));
    }
    // The pixels as they are in the file, and again turned upright or as eight bits with f32 for what is opaque; what a
    // decoder has of its own beside them, as a JPEG's coefficients, takes as much as a wide pixel.
    let stored = usize::from(decoder.color_type().bytes_per_pixel());
    let room = (stored + stored.max(8) + 8) * width as usize * height as usize;
    memory::check(room).map_err(|_| Trouble::Memory)?;
    decoder.set_limits(limits()).map_err(damaged)?;
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    picture.apply_orientation(orientation);
    let alpha = match &picture {
        picture if !picture.color().has_alpha() => None,
        DynamicImage::ImageRgba16(rgba) => Some(opaque(rgba.pixels().map(|p| f32::from(p.0[3]) / 65535.))?),
        other => Some(opaque(other.to_rgba8().pixels().map(|p| f32::from(p.0[3]) / 255.))?),
    };
    Ok((picture.into_rgb8(), alpha))
}

fn opaque(alpha: impl ExactSizeIterator<Item = f32>) -> Result<Vec<f32>, Trouble> {
    memory::collected(alpha).map_err(|_| Trouble::Memory)
}

/// Sees to it that a JPEG file has an end, and leaves the source at its start.
fn ended(source: &mut Source, length: u64) -> Result<(), Trouble> {
    // Once here, and once by the decoder.
    memory::check(2 * usize::try_from(length).unwrap_or(usize::MAX / 2)).map_err(|_| Trouble::Memory)?;
    let mut bytes = vec![];
    source.read_to_end(&mut bytes).and_then(|_| source.rewind()).map_err(unreadable)?;
    if scans(&bytes).is_some_and(|data| data.windows(2).any(|pair| pair == [0xff, 0xd9])) {
        return Ok(());
    }
    Err(Trouble::File("is damaged: it ends in the middle of the picture".into()))
}

/// What follows the first start of a scan. Segments before it may hold a smaller picture with an end of its own.
fn scans(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(2..)?;
    loop {
        let at = rest.iter().position(|byte| *byte == 0xff)?;
        rest = rest.get(at..)?;
        let marker = *rest.get(1)?;
        let lonely = matches!(marker, 0x00 | 0x01 | 0xd0..=0xd7 | 0xff);
        if lonely {
            rest = rest.get(if marker == 0xff { 1 } else { 2 }..)?;
            continue;
        }
        let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        rest = rest.get(2 + length.max(2)..)?;
        if marker == 0xda {
            return Some(rest);
        }
    }
}
