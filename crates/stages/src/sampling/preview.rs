//! Previews of latents in the shape of their picture, by a linear map stored in the model.

use image::RgbImage;
use image::imageops::{self, FilterType};
use wuerst_core::Tensor;
use wuerst_core::colour::byte;
use wuerst_model::metadata::Preview;

/// The longest side of a preview in pixels: enough to see, and quick at every step.
const LONGEST: usize = 512;

/// Enlarges a preview of one pixel per cell smoothly to the height and width of the picture, limited to [`LONGEST`] pixels
/// along the longer side. Larger previews stay unchanged.
pub(crate) fn enlarged(cells: Tensor, picture: [usize; 2]) -> Tensor {
    let &[height, width, 3] = cells.shape() else { return cells };
    let longest = picture[0].max(picture[1]).max(1);
    let shrunk = |side: usize| if longest > LONGEST { (side * LONGEST).div_ceil(longest) } else { side };
    let [tall, wide] = picture.map(shrunk);
    if tall <= height || wide <= width {
        return cells;
    }
    let small = |side: usize| u32::try_from(side).unwrap_or(1);
    let image = cells
        .values::<u8>()
        .and_then(|bytes| RgbImage::from_raw(small(width), small(height), bytes.to_vec()));
    let large = image.map(|image| imageops::resize(&image, small(wide), small(tall), FilterType::CatmullRom));
    large.and_then(|large| Tensor::from_vec(&[tall, wide, 3], large.into_raw()).ok()).unwrap_or(cells)
}

/// Latents `[c,h,w]` as u8 `[h,w,3]`; `None` if the map is for another number of channels.
pub(crate) fn rgb(map: &Preview, latents: &[f32], [height, width]: [usize; 2]) -> Option<Tensor> {
    let cells = height * width;
    if cells == 0 || latents.len() != map.weight.len() * cells {
        return None;
    }
    let colour = |cell: usize, c: usize| {
        let weighted =
            |(channel, weight): (usize, &[f64; 3])| f64::from(latents[channel * cells + cell]) * weight[c];
        map.bias[c] + map.weight.iter().enumerate().map(weighted).sum::<f64>()
    };
    let bytes = (0..cells).flat_map(|cell| [0, 1, 2].map(|c| byte(colour(cell, c) as f32))).collect();
    Tensor::from_vec(&[height, width, 3], bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_mixed_into_colours() {
        let map = Preview { weight: vec![[1., 0., 0.], [0., 0.5, 0.]], bias: [0., 0.25, 2.] };
        let picture = rgb(&map, &[0.0, 1.0, -0.5, 0.5], [1, 2]).unwrap();
        assert_eq!(picture.shape(), [1, 2, 3]);
        assert_eq!(picture.values::<u8>().unwrap(), [0, 0, 255, 255, 128, 255]);
        assert!(rgb(&map, &[0.; 6], [1, 2]).is_none());
    }

    #[test]
    fn previews_have_the_picture_s_shape_without_edges_of_cells() {
        let cells = Tensor::from_vec(&[1, 2, 3], vec![0u8, 0, 0, 255, 255, 255]).unwrap();
        let shape = |picture| enlarged(cells.clone(), picture).shape().to_vec();
        assert_eq!(shape([64, 128]), [64, 128, 3]);
        assert_eq!(shape([1024, 2048]), [256, 512, 3]);
        assert_eq!(shape([1, 2]), [1, 2, 3]);
        let large = enlarged(cells, [64, 128]);
        let row: Vec<u8> = large.values::<u8>().unwrap()[..384].chunks(3).map(|rgb| rgb[0]).collect();
        assert!(row.is_sorted() && row[0] == 0 && row[127] == 255, "{row:?}");
        let steps = row.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(steps < Some(12), "an edge: {row:?}");
    }
}
