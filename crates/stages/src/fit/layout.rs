//! Position of a picture inside another whose size a model makes.

use image::imageops::{self, FilterType};
use image::{RgbImage, SubImage};

use crate::image::scaled;

/// The values of the port `way`, in the notation of signatures.
macro_rules! way_port {
    () => {
        "way: text = \"scale\" {scale|crop|pad}"
    };
}
pub(super) use way_port;

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Rect {
    /// A centred rectangle, at most as large as the outer one.
    fn within([width, height]: [u32; 2], [w, h]: [f64; 2]) -> Rect {
        let (w, h) = ((w.round() as u32).clamp(1, width), (h.round() as u32).clamp(1, height));
        Rect { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h }
    }

    pub(super) fn size(&self) -> [u32; 2] {
        [self.width, self.height]
    }

    /// The part of the picture inside the rectangle.
    pub(super) fn of<'a>(&self, picture: &'a RgbImage) -> SubImage<&'a RgbImage> {
        imageops::crop_imm(picture, self.left, self.top, self.width, self.height)
    }
}

/// The part of a picture that is visible in the fitted one, and its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) seen: Rect,
    pub(super) place: Rect,
}

impl Layout {
    /// Layout of a picture of size `from` in one of size `to`, each width and height.
    pub(super) fn new(way: &str, from: [u32; 2], to: [u32; 2]) -> Layout {
        let ratios = [0, 1].map(|axis| f64::from(to[axis]) / f64::from(from[axis]));
        let all = |size: [u32; 2]| Rect::within(size, size.map(f64::from));
        match way {
            "crop" => {
                let ratio = ratios[0].max(ratios[1]);
                Layout { seen: Rect::within(from, to.map(|side| f64::from(side) / ratio)), place: all(to) }
            }
            "pad" => {
                let ratio = ratios[0].min(ratios[1]);
                Layout { seen: all(from), place: Rect::within(to, from.map(|side| f64::from(side) * ratio)) }
            }
            _ => Layout { seen: all(from), place: all(to) },
        }
    }

    /// The picture in its new size; the pixels of its edge are repeated around it.
    pub(super) fn fitted(&self, picture: &RgbImage, [width, height]: [u32; 2]) -> RgbImage {
        let seen = if self.seen.size() == <[u32; 2]>::from(picture.dimensions()) {
            scaled(picture, self.place.size(), FilterType::Lanczos3)
        } else {
            scaled(&self.seen.of(picture).to_image(), self.place.size(), FilterType::Lanczos3)
        };
        if self.place.size() == [width, height] {
            return seen;
        }
        let inside = |at: u32, start: u32, length: u32| at.saturating_sub(start).min(length - 1);
        RgbImage::from_fn(width, height, |x, y| {
            let Rect { left, top, width, height } = self.place;
            *seen.get_pixel(inside(x, left, width), inside(y, top, height))
        })
    }

    /// The content of a fitted picture, in the size of the visible part.
    pub(super) fn back(&self, fitted: &RgbImage) -> RgbImage {
        scaled(&self.place.of(fitted).to_image(), self.seen.size(), FilterType::Lanczos3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(left: u32, top: u32, width: u32, height: u32) -> Rect {
        Rect { left, top, width, height }
    }

    #[test]
    fn ways_to_fit() {
        let (from, to) = ([200, 100], [64, 64]);
        let layout = |way| Layout::new(way, from, to);
        assert_eq!(layout("scale"), Layout { seen: rect(0, 0, 200, 100), place: rect(0, 0, 64, 64) });
        assert_eq!(layout("crop"), Layout { seen: rect(50, 0, 100, 100), place: rect(0, 0, 64, 64) });
        assert_eq!(layout("pad"), Layout { seen: rect(0, 0, 200, 100), place: rect(0, 16, 64, 32) });
        assert_eq!(Layout::new("pad", [16_384, 1], to).place, rect(0, 31, 64, 1));
        assert_eq!(Layout::new("crop", [1, 16_384], to).seen, rect(0, 8191, 1, 1));
    }

    #[test]
    fn border_repeats_edge() {
        let picture = RgbImage::from_fn(2, 1, |x, _| image::Rgb([x as u8 * 200; 3]));
        let layout = Layout::new("pad", [2, 1], [2, 3]);
        let fitted = layout.fitted(&picture, [2, 3]);
        assert_eq!(fitted.pixels().map(|p| p.0[0]).collect::<Vec<_>>(), [0, 200, 0, 200, 0, 200]);
        assert_eq!(layout.back(&fitted), picture);
    }
}
