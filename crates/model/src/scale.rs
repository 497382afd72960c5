//! Computes the sizes of each stage's latents from the size of the picture, and the valid sizes.

use serde::{Deserialize, Serialize};

/// Relation between the sizes of the stages; the default is that of the published models.
///
/// Stored in a model, since smaller ones have other numbers. All methods work along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Pixels per latent of the prior, rounded up: 42.67, which multiples of 128 pixels meet exactly.
    pub resolution_multiple: f64,
    /// Latents of the decoder per latent of the prior, rounded down: 10.67.
    pub latent_dim_scale: f64,
    /// Pixels per latent of the decoder: 4.
    pub pixels_per_latent: usize,
    /// Divisor of the decoder's latents: 16.
    pub latent_multiple: usize,
    /// The smallest side of the decoder's latents, if it makes them from an embedding of any size (Stable Cascade: 16).
    /// From there on, every multiple of [`Scale::latent_multiple`] is possible, independent of the embedding's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_latents: Option<usize>,
}

impl Default for Scale {
    fn default() -> Scale {
        Scale {
            resolution_multiple: 42.67,
            latent_dim_scale: 10.67,
            pixels_per_latent: 4,
            latent_multiple: 16,
            least_latents: None,
        }
    }
}

impl Scale {
    /// Latents of the prior for a picture of this size.
    pub fn prior(&self, pixels: usize) -> usize {
        (pixels as f64 / self.resolution_multiple).ceil() as usize
    }

    /// Latents of the decoder for this number of the prior's latents.
    pub fn decoder(&self, prior: usize) -> usize {
        (prior as f64 * self.latent_dim_scale).floor() as usize
    }

    /// Latents of the decoder for a picture of this size.
    pub fn latents(&self, pixels: usize) -> usize {
        match self.least_latents {
            Some(_) => pixels / self.pixels_per_latent.max(1),
            None => self.decoder(self.prior(pixels)),
        }
    }

    /// Whether the decoder makes latents with this side.
    pub fn makes(&self, latents: usize) -> bool {
        latents >= self.least_latents.unwrap_or(1)
            && self.latent_multiple > 0
            && latents.is_multiple_of(self.latent_multiple)
    }

    /// Whether a picture of this many pixels comes out as asked for.
    pub fn fits(&self, pixels: usize) -> bool {
        let latents = self.latents(pixels);
        pixels > 0 && self.makes(latents) && latents * self.pixels_per_latent == pixels
    }

    /// Returns `pixels` if pictures of this size can be made.
    ///
    /// # Errors
    /// A sentence with the nearest possible sizes, below and above.
    pub fn serve(&self, pixels: usize) -> Result<usize, String> {
        if self.fits(pixels) {
            return Ok(pixels);
        }
        let distances = || 1..=pixels.max(1024);
        let below = distances().map_while(|d| pixels.checked_sub(d)).find(|p| self.fits(*p));
        let above = distances().map_while(|d| pixels.checked_add(d)).find(|p| self.fits(*p));
        let nearest = match (below, above) {
            (Some(below), Some(above)) => format!("; the nearest that it can are {below} and {above}"),
            (None, Some(one)) | (Some(one), None) => format!("; the nearest that it can is {one}"),
            (None, None) => String::new(),
        };
        Err(format!("the model cannot make {pixels} pixels{nearest}"))
    }

    /// The closest size that [fits](Scale::fits), the larger of two equally close; `None` within a factor of two (and
    /// 1,024 pixels) means that the scale contradicts itself.
    pub fn nearest(&self, pixels: usize) -> Option<usize> {
        (0..=pixels.max(1024)).find_map(|distance| {
            let candidates = [Some(pixels.saturating_add(distance)), pixels.checked_sub(distance)];
            candidates.into_iter().flatten().find(|candidate| self.fits(*candidate))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_reference_s() {
        let scale = Scale::default();
        for (pixels, prior, decoder) in [(512, 12, 128), (768, 18, 192), (1152, 27, 288), (2048, 48, 512)] {
            assert_eq!((scale.prior(pixels), scale.decoder(prior)), (prior, decoder));
            assert!(scale.fits(pixels));
        }
        // 26 latents of the prior make 277 of the decoder, which cannot be halved.
        assert!(!scale.fits(1088));
        assert!((1..=2048).filter(|p| scale.fits(*p)).eq((128..=2048).step_by(128)));
    }

    #[test]
    fn cascade_makes_multiples_of_eight() {
        let scale = Scale { latent_multiple: 2, least_latents: Some(16), ..Scale::default() };
        assert!((1..=2048).filter(|p| scale.fits(*p)).eq((64..=2048).step_by(8)));
        // Those that follow from a size of the embedding, as in diffusers, have the latents that follow from it.
        let follows = |p: &usize| scale.decoder(scale.prior(*p)) * 4 == *p && scale.fits(*p);
        let sides: Vec<usize> = (1..=2048).filter(follows).collect();
        assert_eq!(sides[..8], [128, 168, 256, 296, 384, 424, 512, 552]);
        assert!(sides.iter().all(|p| scale.latents(*p) == scale.decoder(scale.prior(*p))));
        assert!(scale.serve(721).unwrap_err().ends_with("are 720 and 728"));
    }

    #[test]
    fn other_sizes_have_a_neighbour() {
        let scale = Scale::default();
        let refused = |pixels| scale.serve(pixels).unwrap_err();
        assert_eq!(
            refused(1088),
            "the model cannot make 1088 pixels; the nearest that it can are 1024 and 1152"
        );
        assert!(refused(1).ends_with("is 128") && scale.serve(1152) == Ok(1152));
        assert_eq!(scale.nearest(1000), Some(1024));
        assert_eq!(scale.nearest(1088), Some(1152));
        assert_eq!(scale.nearest(0), Some(128));
        let small = Scale {
            resolution_multiple: 32.,
            latent_dim_scale: 8.,
            latent_multiple: 8,
            pixels_per_latent: 4,
            least_latents: None,
        };
        assert_eq!((small.prior(128), small.decoder(4), small.nearest(140)), (4, 32, Some(128)));
        let odd = Scale { latent_dim_scale: 0., ..small };
        assert_eq!(odd.nearest(128), None);
    }
}
