//! Small previews of latents, by a linear map stored in the model.

use wuerst_core::Tensor;
use wuerst_core::colour::byte;
use wuerst_model::metadata::Preview;

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
}
