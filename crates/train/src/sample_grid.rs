//! Pictures side by side in one PNG.

use anyhow::{Context, Result};
use image::RgbImage;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Writes pictures `[n,3,h,w]` in 0..1 as a grid of `columns`, with a grey pixel between.
pub fn save(pictures: &Tensor, columns: usize, path: &Path) -> Result<()> {
    let [n, _, h, w] = pictures.size()[..] else { anyhow::bail!("pictures are [n,3,h,w]") };
    let (h, w) = (h as usize, w as usize);
    let rows = (n as usize).div_ceil(columns);
    let mut grid =
        RgbImage::from_pixel((columns * (w + 1)) as u32, (rows * (h + 1)) as u32, image::Rgb([128; 3]));
    let bytes = (pictures.clamp(0., 1.) * 255.)
        .round()
        .to_kind(Kind::Uint8)
        .permute([0, 2, 3, 1])
        .to_device(Device::Cpu);
    let bytes: Vec<u8> = Vec::try_from(bytes.contiguous().reshape([-1]))?;
    for (i, picture) in bytes.chunks_exact(h * w * 3).enumerate() {
        let (left, top) = (i % columns * (w + 1), i / columns * (h + 1));
        for (p, rgb) in picture.chunks_exact(3).enumerate() {
            grid.put_pixel((left + p % w) as u32, (top + p / w) as u32, image::Rgb([rgb[0], rgb[1], rgb[2]]));
        }
    }
    grid.save(path).with_context(|| format!("writing {}", path.display()))
}
