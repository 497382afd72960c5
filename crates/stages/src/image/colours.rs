//! Colour profiles (ICC): converts pixels to sRGB, the colour space of all pictures in graphs.

use std::sync::LazyLock;

use image::{DynamicImage, RgbImage};
use moxcms::{
    CmsError, ColorDateTime, ColorProfile, DataColorSpace, Layout, RenderingIntent, TransformExecutor,
    TransformOptions,
};
use wuerst_core::{Result as CoreResult, memory};

/// Maximum length of a profile in bytes: enough for printing presses with many inks.
pub(super) const LONGEST: u64 = 4 << 20;

/// Colour information of a file.
#[derive(Debug, PartialEq)]
pub(super) enum Profile {
    /// None: the colours are sRGB.
    None,
    /// An ICC profile.
    Icc(Vec<u8>),
    /// Not understood; a sentence about the file that begins with `its`.
    Unknown(String),
}

impl Profile {
    pub(super) fn too_long() -> Profile {
        Profile::Unknown(format!("its colour profile is longer than {} MiB", LONGEST >> 20))
    }

    pub(super) fn damaged() -> Profile {
        Profile::Unknown("its colour profile is damaged".into())
    }

    /// The profile, if it is for CMYK.
    pub(super) fn of_inks(&self) -> Option<&[u8]> {
        match self {
            Profile::Icc(icc) if icc.get(16..20) == Some(b"CMYK") => Some(icc),
            _ => None,
        }
    }
}

/// sRGB as an ICC profile, for file formats that cannot state it otherwise.
pub(super) fn srgb_profile() -> &'static [u8] {
    static SRGB: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut profile = ColorProfile::new_srgb();
        // A fixed time, so that equal pictures stay equal.
        if let Ok(time) = ColorDateTime::new_from_slice(&[0x07, 0xd0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]) {
            profile.creation_date_time = time;
        }
        profile.encode().unwrap_or_default()
    });
    &SRGB
}

/// Converts a picture to sRGB. Returns a reason if the conversion failed and the colours are used unchanged.
pub(super) fn srgb(picture: DynamicImage, profile: &Profile) -> CoreResult<(RgbImage, Option<String>)> {
    let icc = match profile {
        Profile::None => return Ok((picture.into_rgb8(), None)),
        Profile::Unknown(why) => return Ok((picture.into_rgb8(), Some(why.clone()))),
        Profile::Icc(icc) => icc,
    };
    match convert(&picture, icc)? {
        Ok(Some(rgb)) => Ok((rgb, None)),
        Ok(None) => Ok((picture.into_rgb8(), None)),
        Err(why) => Ok((picture.into_rgb8(), Some(why))),
    }
}

/// Converts CMYK pixels, four bytes each, to sRGB.
pub(super) fn inks(inks: &[u8], icc: &[u8]) -> Result<Vec<u8>, String> {
    let profile = read(icc)?;
    if profile.color_space != DataColorSpace::Cmyk {
        return Err("its colour profile is not for the four inks that it has".into());
    }
    let to = ColorProfile::new_srgb();
    let transform =
        profile.create_transform_8bit(Layout::Rgba, &to, Layout::Rgb, options()).map_err(unusable)?;
    let mut rgb = vec![0; inks.len() / 4 * 3];
    transform.transform(inks, &mut rgb).map_err(unusable)?;
    Ok(rgb)
}

/// The converted picture; `None` if the profile is sRGB.
fn convert(picture: &DynamicImage, icc: &[u8]) -> CoreResult<Result<Option<RgbImage>, String>> {
    let profile = match read(icc) {
        Ok(profile) => profile,
        Err(why) => return Ok(Err(why)),
    };
    let grey = !picture.color().has_color();
    let layout = match profile.color_space {
        DataColorSpace::Rgb => Layout::Rgb,
        DataColorSpace::Gray if grey => Layout::Gray,
        other => return Ok(Err(format!("its colour profile is for {other:?}, which its pixels are not"))),
    };
    let (from, to) =
        (PixelLayout { layout, channels: picture.color().channel_count().into() }, ColorProfile::new_srgb());
    let (width, height) = (picture.width(), picture.height());
    let rgb = if let Some(samples) = picture.as_flat_samples_u8() {
        match profile.create_transform_8bit(layout, &to, Layout::Rgb, options()) {
            Ok(transform) if is_srgb(&*transform, layout) => return Ok(Ok(None)),
            Ok(transform) => from.rows(&*transform, samples.samples, width as usize, |x| x)?,
            Err(error) => return Ok(Err(unusable(error))),
        }
    } else if let Some(samples) = picture.as_flat_samples_u16() {
        let eight = profile.create_transform_8bit(layout, &to, Layout::Rgb, options());
        match (eight, profile.create_transform_16bit(layout, &to, Layout::Rgb, options())) {
            (Ok(eight), Ok(_)) if is_srgb(&*eight, layout) => return Ok(Ok(None)),
            // Rounded in the same way as without a profile.
            (_, Ok(transform)) => {
                let rounded = |x: u16| ((u32::from(x) + 128) / 257) as u8;
                from.rows(&*transform, samples.samples, width as usize, rounded)?
            }
            (_, Err(error)) => return Ok(Err(unusable(error))),
        }
    } else {
        return Ok(Err("its pixels are of a kind that no colour profile is read for".into()));
    };
    Ok(rgb.and_then(|rgb| {
        RgbImage::from_raw(width, height, rgb).map(Some).ok_or_else(|| "its size is odd".into())
    }))
}

fn read(icc: &[u8]) -> Result<ColorProfile, String> {
    ColorProfile::new_from_slice(icc).map_err(unusable)
}

fn unusable(error: CmsError) -> String {
    format!("its colour profile cannot be used: {error}")
}

fn options() -> TransformOptions {
    let rendering_intent = RenderingIntent::Perceptual;
    TransformOptions { rendering_intent, prefer_fixed_point: false, ..TransformOptions::default() }
}

/// Whether a transform changes colours only by rounding.
fn is_srgb(transform: &(dyn TransformExecutor<u8> + Send + Sync), layout: Layout) -> bool {
    let steps = || (0..=255u8).step_by(15);
    let colours: Vec<u8> = match layout {
        Layout::Gray => (0..=255).collect(),
        _ => steps().flat_map(|r| steps().flat_map(move |g| steps().flat_map(move |b| [r, g, b]))).collect(),
    };
    let wanted: Vec<u8> = match layout {
        Layout::Gray => colours.iter().flat_map(|&grey| [grey; 3]).collect(),
        _ => colours.clone(),
    };
    let mut got = vec![0; wanted.len()];
    transform.transform(&colours, &mut got).is_ok()
        && wanted.iter().zip(&got).all(|(wanted, got)| wanted.abs_diff(*got) <= 1)
}

/// Layout of a picture's pixels, and the channels to convert.
struct PixelLayout {
    layout: Layout,
    channels: usize,
}

impl PixelLayout {
    /// Converts row by row, without the alpha channel.
    fn rows<T: Copy + Default>(
        &self,
        transform: &(dyn TransformExecutor<T> + Send + Sync),
        samples: &[T],
        width: usize,
        rounded: impl Fn(T) -> u8,
    ) -> CoreResult<Result<Vec<u8>, String>> {
        let mut rgb = memory::collected((0..samples.len() / self.channels * 3).map(|_| 0u8))?;
        let (mut from, mut to) = (Vec::new(), vec![T::default(); width * 3]);
        for (row, into) in samples.chunks_exact(width * self.channels).zip(rgb.chunks_exact_mut(width * 3)) {
            from.clear();
            for pixel in row.chunks_exact(self.channels) {
                match (self.layout, self.channels) {
                    (Layout::Gray, _) => from.push(pixel[0]),
                    (_, 1 | 2) => from.extend([pixel[0]; 3]),
                    _ => from.extend_from_slice(&pixel[..3]),
                }
            }
            if let Err(error) = transform.transform(&from, &mut to) {
                return Ok(Err(unusable(error)));
            }
            into.iter_mut().zip(&to).for_each(|(into, to)| *into = rounded(*to));
        }
        Ok(Ok(rgb))
    }
}
