//! Finds the size closest to a picture's among those that a model makes.

use wuerst_core::{Error, Result};
use wuerst_model::scale::Scale;

/// Maximum side considered, as in other nodes.
const LONGEST: usize = 16_384;
/// Sides within this factor of the ideal one are compared.
const AROUND: f64 = 1.5;
/// Weight of a deviation in area, relative to one in proportions.
const OF_AREA: f64 = 0.25;

/// A width and height that the model makes, close to the proportions of `from` and to `area` pixels.
///
/// # Errors
/// The model makes no size at all.
pub(super) fn target(scale: &Scale, from: [usize; 2], area: f64) -> Result<[usize; 2]> {
    let none = || Error::invalid("model", "makes no size of pictures, as its metadata say");
    let least = (1..=LONGEST).find(|side| scale.fits(*side)).ok_or_else(none)? as f64;
    let area = area.clamp(least * least, (LONGEST * LONGEST) as f64);
    let [width, height] = from.map(|side| side.max(1) as f64);
    // In extremely long pictures, the shorter side stays at the model's minimum, which limits the longer one by the area.
    let longest = (area / least).min(LONGEST as f64);
    let ideal = |side: f64, other: f64| (area * side / other).sqrt().clamp(least, longest);
    let (across, down) = (ideal(width, height), ideal(height, width));
    let cost = |w: usize, h: usize| {
        let shape = ((w as f64 / h as f64) / (across / down)).ln().abs();
        shape + OF_AREA * ((w * h) as f64 / area).ln().abs()
    };
    let heights = near(scale, down);
    let pairs = near(scale, across).into_iter().flat_map(|w| heights.iter().map(move |h| [w, *h]));
    pairs.min_by(|[w, h], [v, g]| cost(*w, *h).total_cmp(&cost(*v, *g))).ok_or_else(none)
}

/// Sides near the ideal one; the nearest of all, if there is none.
fn near(scale: &Scale, ideal: f64) -> Vec<usize> {
    let (from, to) = ((ideal / AROUND).floor().max(1.) as usize, (ideal * AROUND).ceil() as usize);
    let near: Vec<usize> = (from..=to.min(LONGEST)).filter(|side| scale.fits(*side)).collect();
    if near.is_empty() { scale.nearest(ideal.round() as usize).into_iter().collect() } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proportions_and_area_are_kept() {
        let small = Scale {
            resolution_multiple: 16.,
            latent_dim_scale: 4.,
            pixels_per_latent: 4,
            least_latents: None,
            latent_multiple: 4,
        };
        for (from, want) in [
            ([64, 64], [64, 64]),
            ([61, 61], [64, 64]),
            ([68, 68], [64, 64]),
            ([200, 150], [64, 48]),
            ([333, 1001], [32, 96]),
            ([4000, 3000], [64, 48]),
            ([1, 1], [64, 64]),
            ([33_554_432, 1], [256, 16]),
        ] {
            assert_eq!(target(&small, from, 4096.).unwrap(), want, "{from:?}");
        }
        let published = Scale::default();
        assert_eq!(target(&published, [4000, 3000], 1048576.).unwrap(), [1152, 896]);
        assert_eq!(target(&published, [1920, 1080], 1048576.).unwrap(), [1408, 768]);
        assert_eq!(target(&published, [3, 3], 9.).unwrap(), [128, 128]);
    }

    #[test]
    fn scales_without_sizes_are_refused() {
        let odd = Scale { latent_dim_scale: 0., ..Scale::default() };
        assert!(target(&odd, [64, 64], 4096.).unwrap_err().to_string().contains("makes no size"));
    }
}
