//! Contact sheets: many small pictures in one PNG.

use std::path::Path;

use anyhow::{Context, Result, bail};
use image::{Rgb, RgbImage};

/// Pixels between pictures.
const GAP: usize = 2;

/// Writes pictures of `size × size × 3` bytes as one PNG with `columns` columns, from the upper left.
///
/// # Errors
/// No pictures, one of another size, or a file that cannot be written.
pub fn contact_sheet<P: AsRef<[u8]>>(pictures: &[P], size: usize, columns: usize, path: &Path) -> Result<()> {
    if pictures.is_empty() || columns == 0 || size == 0 {
        bail!("a contact sheet needs at least one picture, one column and one pixel");
    }
    let rows = pictures.len().div_ceil(columns);
    let side = |count: usize| (count * (size + GAP) + GAP) as u32;
    let mut sheet = RgbImage::from_pixel(side(columns), side(rows), Rgb([128; 3]));
    for (index, picture) in pictures.iter().enumerate() {
        let picture = picture.as_ref();
        if picture.len() != size * size * 3 {
            bail!("picture {index} of the sheet has {} bytes, not {}", picture.len(), size * size * 3);
        }
        let (left, top) = (side(index % columns), side(index / columns));
        for (place, pixel) in picture.chunks_exact(3).enumerate() {
            let (x, y) = ((place % size) as u32, (place / size) as u32);
            sheet.put_pixel(left + x, top + y, Rgb([pixel[0], pixel[1], pixel[2]]));
        }
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    sheet.save(path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_land_in_their_cells() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sheet.png");
        let pictures: Vec<Vec<u8>> = (0..3u8).map(|i| vec![i * 50; 4 * 4 * 3]).collect();
        contact_sheet(&pictures, 4, 2, &path).unwrap();
        let sheet = image::open(&path).unwrap().into_rgb8();
        assert_eq!((sheet.width(), sheet.height()), (14, 14));
        assert_eq!(sheet.get_pixel(9, 3).0, [50; 3]);
        assert_eq!(sheet.get_pixel(3, 9).0, [100; 3]);
        assert!(contact_sheet(&[vec![0; 5]], 4, 2, &path).is_err());
    }
}
