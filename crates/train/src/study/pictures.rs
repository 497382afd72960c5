//! Pictures of the models of a study: drawn, or from a folder.

use super::prompts::Prompt;
use crate::report::generator::Generator;
use crate::session;
use anyhow::{Context, Result, bail, ensure};
use image::{ImageFormat, ImageReader, Limits, RgbImage};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;
use wuerst_model::noise::Noise;
use wuerst_read::regular;

/// Maximum side of a picture in pixels.
const LARGEST: u32 = 2048;

/// Maximum length of a picture's file in bytes.
const LONGEST: u64 = 64 << 20;

/// Pictures as PNG, by number of the prompt.
pub type Pictures = BTreeMap<usize, Vec<u8>>;

/// Whether a folder holds pictures rather than a model.
fn has_pictures(folder: &Path) -> Result<bool> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names =
        entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?.into_iter();
    Ok(names.any(|name| number(&name.to_string_lossy()).is_some()))
}

/// The prompt's number in the name of a picture's file: `0012.png`.
fn number(name: &str) -> Option<usize> {
    let (number, ending) = name.rsplit_once('.')?;
    let known = ["png", "jpg", "jpeg", "webp"].contains(&ending.to_ascii_lowercase().as_str());
    number.parse().ok().filter(|_| known && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The pictures of a model folder, drawn from each prompt with the seed `seed` + number − 1, or of a folder of pictures
/// named by the prompts' numbers, as `wuerst generate -o 'FOLDER/%04d.png'` writes them.
///
/// # Errors
/// A folder that is neither, a model that fails, pictures that cannot be read.
pub fn of(folder: &Path, prompts: &[Prompt], seed: i64) -> Result<Pictures> {
    if has_pictures(folder)? {
        return read(folder, prompts);
    }
    session::start_runtime()?;
    let generator = Generator::open(folder, &[])?;
    let texts: Vec<(&str, i64)> =
        prompts.iter().map(|p| (p.text.as_str(), seed + p.number as i64 - 1)).collect();
    let drawn = generator.seeded_pictures(&texts, &format!("drawing with {}", folder.display()))?;
    let png = |(prompt, rgb): (&Prompt, Vec<u8>)| {
        let side = (rgb.len() / 3).isqrt() as u32;
        let image =
            RgbImage::from_raw(side, side, rgb).filter(|image| image.len() == (side * side * 3) as usize);
        Ok((prompt.number, encode(&image.context("the model's pictures are not square")?)?))
    };
    prompts.iter().zip(drawn).map(png).collect()
}

fn read(folder: &Path, prompts: &[Prompt]) -> Result<Pictures> {
    let mut pictures = Pictures::new();
    let wanted: BTreeMap<usize, ()> = prompts.iter().map(|p| (p.number, ())).collect();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(number) = number(&name).filter(|number| wanted.contains_key(number)) else { continue };
        let png = decode(&path).and_then(|image| encode(&image));
        let png = png.with_context(|| format!("cannot read the picture {}", path.display()))?;
        if pictures.insert(number, png).is_some() {
            bail!("{} has two pictures of prompt {number}: remove one", folder.display());
        }
    }
    Ok(pictures)
}

fn decode(path: &Path) -> Result<RgbImage> {
    let bytes = regular::read(path, LONGEST)?;
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LARGEST), Some(LARGEST));
    reader.limits(limits);
    Ok(reader.decode()?.to_rgb8())
}

/// Encodes a picture anew: a file's metadata may name its model.
fn encode(image: &RgbImage) -> Result<Vec<u8>> {
    let mut png = Cursor::new(vec![]);
    image.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

/// A PNG of coloured noise of the size of another PNG, for attention checks.
///
/// # Errors
/// Bytes that are no PNG.
pub fn noise_like(png: &[u8], seed: u64) -> Result<Vec<u8>> {
    let size = image::load_from_memory(png)?.to_rgb8().dimensions();
    ensure!(size.0 > 0 && size.1 > 0, "a picture is empty");
    let values = Noise::new(seed).normal((size.0 * size.1 * 3) as usize);
    let bytes = values.into_iter().map(|value| (128. + 64. * value).clamp(0., 255.) as u8).collect();
    encode(&RgbImage::from_raw(size.0, size.1, bytes).context("a picture of noise")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_number() {
        assert_eq!(
            ["0012.png", "7.JPG", "a.png", "12.txt", "+1.png"].map(number),
            [Some(12), Some(7), None, None, None]
        );
    }

    #[test]
    fn noise_has_size_of_picture() {
        let png = encode(&RgbImage::from_pixel(5, 3, image::Rgb([9; 3]))).unwrap();
        let noise = image::load_from_memory(&noise_like(&png, 1).unwrap()).unwrap().to_rgb8();
        assert_eq!(noise.dimensions(), (5, 3));
        assert!(noise.pixels().any(|p| *p != noise[(0, 0)]));
    }
}
