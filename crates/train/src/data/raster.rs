//! Draws sprites onto a canvas at any size and position, by exact area averaging.
//!
//! Every output pixel is the integral of the source over the pixel's footprint (a box filter), computed on premultiplied
//! colour so that transparent pixels never tint the edges. Arithmetic is plain `f32` in a fixed order: equal input gives
//! equal bytes on every machine.

use super::palette::Rgb;

/// A square picture with premultiplied 8-bit RGBA pixels, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Sprite<'a> {
    /// Side in pixels.
    pub size: usize,
    /// `size × size × 4` bytes, premultiplied.
    pub rgba: &'a [u8],
}

/// A rectangle in pixels; fractions are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// An opaque square RGB picture, values 0 to 255.
#[derive(Debug, Clone)]
pub struct Canvas {
    size: usize,
    /// Four floats per pixel, so that rows vectorise; the fourth stays zero.
    pixels: Vec<[f32; 4]>,
}

/// Source samples of each output sample along one axis, with their weights.
struct Taps {
    first_output: usize,
    /// First source sample and the range in `weights`, for each output.
    spans: Vec<(usize, std::ops::Range<usize>)>,
    weights: Vec<f32>,
}

impl Taps {
    /// Maps the source interval `from..from + length` onto the output interval `to..to + extent`, clipped to
    /// `0..limit`. Weights sum to the part of the output sample that the interval covers.
    fn new(from: f32, length: f32, to: f32, extent: f32, limit: usize, mirrored: bool) -> Taps {
        let first = to.floor().max(0.0) as usize;
        let last = ((to + extent).ceil().max(0.0) as usize).min(limit);
        let scale = length / extent;
        let mut taps = Taps { first_output: first, spans: Vec::new(), weights: Vec::new() };
        for output in first..last {
            let mut begin = (output as f32 - to).max(0.0) * scale;
            let mut end = (output as f32 + 1.0 - to).min(extent) * scale;
            if mirrored {
                (begin, end) = (length - end, length - begin);
            }
            let (begin, end) = (from + begin.max(0.0), from + end.min(length));
            let source = begin.floor() as usize;
            let start = taps.weights.len();
            let mut sample = source;
            while (sample as f32) < end {
                let overlap = end.min(sample as f32 + 1.0) - begin.max(sample as f32);
                taps.weights.push(overlap.max(0.0) / scale);
                sample += 1;
            }
            taps.spans.push((source, start..taps.weights.len()));
        }
        taps
    }
}

impl Canvas {
    /// A canvas of one colour.
    pub fn new(size: usize, colour: Rgb) -> Canvas {
        let [r, g, b] = colour.map(f32::from);
        Canvas { size, pixels: vec![[r, g, b, 0.0]; size * size] }
    }

    /// Draws the part `from` of a sprite (in its pixels) over the part `to` of the canvas, optionally `mirrored`. Clips
    /// at the canvas; `from` must be inside the sprite.
    pub fn draw(&mut self, sprite: Sprite<'_>, from: Rect, to: Rect, mirrored: bool) {
        if to.width <= 0.0 || to.height <= 0.0 || from.width <= 0.0 || from.height <= 0.0 {
            return;
        }
        let across = Taps::new(from.x, from.width, to.x, to.width, self.size, mirrored);
        let down = Taps::new(from.y, from.height, to.y, to.height, self.size, false);
        let stride = sprite.size * 4;
        let mut row = vec![[0.0f32; 4]; sprite.size];
        for (index, (source, range)) in down.spans.iter().enumerate() {
            let row_floats = row.as_flattened_mut();
            row_floats.fill(0.0);
            for (line, weight) in
                sprite.rgba.chunks_exact(stride).skip(*source).zip(&down.weights[range.clone()])
            {
                for (sum, &value) in row_floats.iter_mut().zip(line) {
                    *sum += f32::from(value) * weight;
                }
            }
            let start = (down.first_output + index) * self.size + across.first_output;
            let line = &mut self.pixels[start..start + across.spans.len()];
            for (pixel, (source, range)) in line.iter_mut().zip(&across.spans) {
                let mut sum = [0.0f32; 4];
                for (value, weight) in row[*source..].iter().zip(&across.weights[range.clone()]) {
                    for channel in 0..4 {
                        sum[channel] += value[channel] * weight;
                    }
                }
                let through = 1.0 - sum[3] * (1.0 / 255.0);
                for channel in 0..3 {
                    pixel[channel] = sum[channel] + through * pixel[channel];
                }
            }
        }
    }

    /// The canvas as `size × size × 3` bytes, averaged down (or up) to `size`.
    pub fn to_rgb(&self, size: usize) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(size * size * 3);
        let mut push = |pixel: &[f32; 4]| {
            rgb.extend(pixel[..3].iter().map(|value| (value + 0.5).clamp(0.0, 255.0) as u8));
        };
        if size == self.size {
            self.pixels.iter().for_each(push);
            return rgb;
        }
        let taps = Taps::new(0.0, self.size as f32, 0.0, size as f32, size, false);
        let mut row = vec![[0.0f32; 4]; self.size];
        for (source, range) in &taps.spans {
            row.fill([0.0; 4]);
            for (line, weight) in
                self.pixels.chunks_exact(self.size).skip(*source).zip(&taps.weights[range.clone()])
            {
                for (sum, value) in row.as_flattened_mut().iter_mut().zip(line.as_flattened()) {
                    *sum += value * weight;
                }
            }
            for (source, range) in &taps.spans {
                let mut sum = [0.0f32; 4];
                for (value, weight) in row[*source..].iter().zip(&taps.weights[range.clone()]) {
                    for channel in 0..3 {
                        sum[channel] += value[channel] * weight;
                    }
                }
                push(&sum);
            }
        }
        rgb
    }
}

/// Scales a premultiplied RGBA picture to `size` × `size` by area averaging.
pub fn scale_rgba(rgba: &[u8], width: usize, height: usize, size: usize) -> Vec<u8> {
    let across = Taps::new(0.0, width as f32, 0.0, size as f32, size, false);
    let down = Taps::new(0.0, height as f32, 0.0, size as f32, size, false);
    let mut scaled = Vec::with_capacity(size * size * 4);
    for (top, rows) in &down.spans {
        for (left, columns) in &across.spans {
            let mut sum = [0.0f32; 4];
            for (y, weight_y) in down.weights[rows.clone()].iter().enumerate() {
                for (x, weight_x) in across.weights[columns.clone()].iter().enumerate() {
                    let at = (((top + y).min(height - 1)) * width + (left + x).min(width - 1)) * 4;
                    for channel in 0..4 {
                        sum[channel] += f32::from(rgba[at + channel]) * weight_y * weight_x;
                    }
                }
            }
            scaled.extend(sum.map(|value| (value + 0.5).clamp(0.0, 255.0) as u8));
        }
    }
    scaled
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Rgb = [255; 3];

    fn square(x: f32, y: f32, side: f32) -> Rect {
        Rect { x, y, width: side, height: side }
    }

    #[test]
    fn opaque_sprite_covers_exactly_its_rectangle() {
        let rgba = [10, 20, 30, 255].repeat(16);
        let mut canvas = Canvas::new(4, WHITE);
        canvas.draw(Sprite { size: 4, rgba: &rgba }, square(0.0, 0.0, 4.0), square(1.0, 1.0, 2.0), false);
        let rgb = canvas.to_rgb(4);
        let at = |x: usize, y: usize| &rgb[(y * 4 + x) * 3..][..3];
        assert_eq!(at(0, 0), [255, 255, 255]);
        assert_eq!(at(1, 1), [10, 20, 30]);
        assert_eq!(at(2, 2), [10, 20, 30]);
        assert_eq!(at(3, 2), [255, 255, 255]);
    }

    #[test]
    fn half_covered_pixels_mix_half_and_half() {
        let rgba = [0, 0, 0, 255].repeat(4);
        let mut canvas = Canvas::new(2, [200; 3]);
        canvas.draw(
            Sprite { size: 2, rgba: &rgba },
            square(0.0, 0.0, 2.0),
            Rect { x: 0.5, y: 0.0, width: 1.5, height: 2.0 },
            false,
        );
        assert_eq!(canvas.to_rgb(2)[..6], [100, 100, 100, 0, 0, 0]);
    }

    #[test]
    fn mirroring_swaps_left_and_right() {
        let rgba = [[255, 0, 0, 255], [0, 255, 0, 255]].concat().repeat(2);
        let mut canvas = Canvas::new(2, WHITE);
        canvas.draw(Sprite { size: 2, rgba: &rgba }, square(0.0, 0.0, 2.0), square(0.0, 0.0, 2.0), true);
        assert_eq!(canvas.to_rgb(2)[..6], [0, 255, 0, 255, 0, 0]);
    }

    #[test]
    fn transparent_pixels_do_not_tint() {
        // One opaque red pixel among transparent ones, averaged to a single pixel on white: a quarter red.
        let rgba = [[255, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]].concat();
        let mut canvas = Canvas::new(1, WHITE);
        canvas.draw(Sprite { size: 2, rgba: &rgba }, square(0.0, 0.0, 2.0), square(0.0, 0.0, 1.0), false);
        assert_eq!(canvas.to_rgb(1), [255, 191, 191]);
    }

    #[test]
    fn drawing_outside_is_cut_off() {
        let rgba = [0, 0, 0, 255].repeat(16);
        let mut canvas = Canvas::new(4, WHITE);
        canvas.draw(Sprite { size: 4, rgba: &rgba }, square(0.0, 0.0, 4.0), square(-2.0, 3.0, 4.0), true);
        canvas.draw(Sprite { size: 4, rgba: &rgba }, square(0.0, 0.0, 4.0), square(40.0, 40.0, 4.0), false);
        let dark = canvas.to_rgb(4).chunks_exact(3).filter(|pixel| pixel[0] == 0).count();
        assert_eq!(dark, 2);
    }

    #[test]
    fn averaging_keeps_mean() {
        let rgba: Vec<u8> = (0..6 * 6).flat_map(|i| [i as u8 * 7, i as u8 * 3, 9, 255]).collect();
        let scaled = scale_rgba(&rgba, 6, 6, 4);
        let mean = |bytes: &[u8]| {
            bytes.iter().step_by(4).map(|&v| f64::from(v)).sum::<f64>() / (bytes.len() / 4) as f64
        };
        assert!((mean(&rgba) - mean(&scaled)).abs() < 0.5);
    }
}
