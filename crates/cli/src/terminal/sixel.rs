//! Sixel: a palette, and bands of six pixel rows, with one pass per band and colour.

use std::collections::BTreeSet;
use std::fmt::Write;

/// Assumed minimum height of a row of text in pixels; sixel sizes are in pixels.
const ROW: usize = 12;
/// Levels of each of red, green and blue in the palette.
const LEVELS: usize = 6;

/// Shows RGB pixels as squares, scaled to fit `rows` rows of text.
pub(super) fn encode([height, width]: [usize; 2], rgb: &[u8], rows: usize) -> Vec<u8> {
    let scale = (rows * ROW / height.max(width).max(1)).max(1);
    let (wide, high) = (width * scale, height * scale);
    let colours: Vec<usize> = rgb.chunks_exact(3).map(nearest).collect();
    let at = |x: usize, y: usize| colours[y / scale * width + x / scale];
    // Unset pixels stay unchanged (the 1), and pixels are square.
    let mut out = format!("\x1bP0;1;0q\"1;1;{wide};{high}");
    for colour in colours.iter().copied().collect::<BTreeSet<_>>() {
        let percent = |level: usize| level * 100 / (LEVELS - 1);
        let [r, g, b] = [colour / LEVELS / LEVELS, colour / LEVELS % LEVELS, colour % LEVELS].map(percent);
        // Writing to a `String` cannot fail, here and below.
        let _ = write!(out, "#{colour};2;{r};{g};{b}");
    }
    for top in (0..high).step_by(6) {
        let lines = top..(top + 6).min(high);
        let used: BTreeSet<usize> =
            lines.clone().flat_map(|y| (0..wide).map(move |x| (x, y))).map(|(x, y)| at(x, y)).collect();
        for (pass, colour) in used.into_iter().enumerate() {
            let back = if pass > 0 { "$" } else { "" };
            let _ = write!(out, "{back}#{colour}");
            let column =
                |x| lines.clone().filter(|&y| at(x, y) == colour).fold(0u8, |bits, y| bits | 1 << (y - top));
            let columns: Vec<u8> = (0..wide).map(column).collect();
            for run in columns.chunk_by(|a, b| a == b) {
                let sixel = char::from(b'?' + run[0]);
                let _ = match run.len() {
                    1..=3 => write!(out, "{}", sixel.to_string().repeat(run.len())),
                    length => write!(out, "!{length}{sixel}"),
                };
            }
        }
        out.push('-');
    }
    out.push_str("\x1b\\");
    out.into_bytes()
}

/// Index of the palette's nearest colour.
fn nearest(pixel: &[u8]) -> usize {
    pixel.iter().fold(0, |index, &byte| index * LEVELS + (usize::from(byte) * (LEVELS - 1) + 127) / 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pixels_are_two_colours_in_bands() {
        // Red and blue, each 6 pixels wide and high: one band.
        let bytes = encode([1, 2], &[255, 0, 0, 0, 0, 250], 1);
        let text = "\x1bP0;1;0q\"1;1;12;6#5;2;0;0;100#180;2;100;0;0#5!6?!6~$#180!6~!6?-\x1b\\";
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }

    #[test]
    fn partial_sixel_band_keeps_rest() {
        // Three rows of four pixels each: a whole band and a half one.
        let bytes = encode([3, 1], &[0, 0, 0, 255, 255, 255, 0, 0, 0], 1);
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.contains("\"1;1;4;12#0;2;0;0;0#215;2;100;100;100#0!4N$#215!4o-#0!4{$#215!4B-"),
            "{text}"
        );
        // Larger than the place: as it is.
        assert!(
            String::from_utf8(encode([1, 20], &[0; 60], 1)).unwrap().contains("\"1;1;20;1#0;2;0;0;0#0!20@-")
        );
    }
}
