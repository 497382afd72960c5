//! Pictures in tiles, for networks whose results depend only on a limited neighbourhood.
//!
//! Each tile is evaluated with a margin as wide as this neighbourhood, and the margin of the result is cut off. Nothing is
//! blended: the tiles together equal the whole, up to rounding.

use std::ops::Range;

use wuerst_core::{Error, Result};

/// Minimum side of a tile in cells, without its margin.
const LEAST: usize = 8;

/// A tile along one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// Cells that the tile contributes to the result.
    pub(crate) made: Range<usize>,
    /// These cells with their margin.
    pub(crate) read: Range<usize>,
}

/// Rows and columns of tiles.
pub(crate) type Tiles = [Vec<Span>; 2];

/// A side in `parts` parts of about equal length.
fn spans(length: usize, parts: usize, margin: usize) -> Vec<Span> {
    let step = length.div_ceil(parts).max(1);
    let span = |start: usize| {
        let made = start..(start + step).min(length);
        let read = start.saturating_sub(margin)..(made.end + margin).min(length);
        Span { made, read }
    };
    (0..length).step_by(step).map(span).collect()
}

/// As few tiles as possible of `[height,width]` cells, with a margin of `margin` cells. `fits` tells whether a tile with
/// these sides, margin included, is small enough. One tile if the whole fits.
///
/// # Errors
/// If not even the smallest tiles fit.
pub(crate) fn plan(sides: [usize; 2], margin: usize, fits: impl Fn([usize; 2]) -> bool) -> Result<Tiles> {
    let mut parts = [1, 1];
    loop {
        let tiles = [0, 1].map(|axis| spans(sides[axis], parts[axis], margin));
        let largest = [0, 1].map(|axis| tiles[axis].iter().map(|span| span.read.len()).max().unwrap_or(0));
        if fits(largest) {
            return Ok(tiles);
        }
        // The longer side of the tiles is divided further.
        let step = [0, 1].map(|axis| sides[axis].div_ceil(parts[axis]));
        let axis = usize::from(step[1] > step[0]);
        if step[axis] <= LEAST {
            let message = "is too little for the smallest tiles of this picture: give it more";
            return Err(Error::invalid("memory", message));
        }
        parts[axis] += 1;
    }
}

/// A part of planes `[n,height,width]`, row by row.
pub(crate) fn cut(
    planes: &[f32],
    [height, width]: [usize; 2],
    rows: &Range<usize>,
    columns: &Range<usize>,
) -> Vec<f32> {
    let plane = |plane: &[f32]| {
        let row = |y: usize| plane[y * width..][columns.clone()].to_vec();
        rows.clone().flat_map(row).collect::<Vec<f32>>()
    };
    planes.chunks_exact((height * width).max(1)).flat_map(plane).collect()
}

/// Copies a tile without its margin into planes `[n,height,width]`. A cell has `scale` pixels along each side.
pub(crate) fn paste(
    planes: &mut [f32],
    [height, width]: [usize; 2],
    tile: &[f32],
    [down, across]: [&Span; 2],
    scale: usize,
) {
    let read = [down, across].map(|span| span.read.len() * scale);
    let skipped = [down, across].map(|span| (span.made.start - span.read.start) * scale);
    let length = across.made.len() * scale;
    let pairs =
        planes.chunks_exact_mut((height * width).max(1)).zip(tile.chunks_exact((read[0] * read[1]).max(1)));
    for (plane, tile) in pairs {
        for y in 0..down.made.len() * scale {
            let from = (skipped[0] + y) * read[1] + skipped[1];
            let to = (down.made.start * scale + y) * width + across.made.start * scale;
            plane[to..to + length].copy_from_slice(&tile[from..from + length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_whole_once() -> Result<()> {
        for (sides, most) in [([100, 37], 1200), ([9, 300], 700), ([5, 5], 25)] {
            let tiles = plan(sides, 3, |[h, w]| h * w <= most)?;
            for (axis, spans) in tiles.iter().enumerate() {
                let made: Vec<usize> = spans.iter().flat_map(|span| span.made.clone()).collect();
                assert!(made.into_iter().eq(0..sides[axis]));
                for span in spans {
                    assert_eq!(span.read.start, span.made.start.saturating_sub(3));
                    assert_eq!(span.read.end, (span.made.end + 3).min(sides[axis]));
                }
            }
        }
        assert_eq!(plan([64, 64], 14, |_| true)?.map(|spans| spans.len()), [1, 1]);
        assert!(plan([64, 64], 14, |_| false).is_err());
        Ok(())
    }

    /// Each place of the result is the sum of its neighbourhood.
    #[test]
    fn tiles_together_equal_the_whole() -> Result<()> {
        let (sides @ [height, width], margin) = ([23, 31], 2);
        let sums = |planes: &[f32], [h, w]: [usize; 2]| -> Vec<f32> {
            let around = |at: usize, most: usize| at.saturating_sub(margin)..(at + margin + 1).min(most);
            let place = |y, x| around(y, h).flat_map(|v| around(x, w).map(move |u| planes[v * w + u])).sum();
            (0..h).flat_map(|y| (0..w).map(move |x| (y, x))).map(|(y, x)| place(y, x)).collect()
        };
        let picture: Vec<f32> = (0..height * width).map(|at| (at * 37 % 101) as f32).collect();
        let [rows, columns] = plan(sides, margin, |[h, w]| h * w <= 200)?;
        assert!(rows.len() * columns.len() > 4);
        let mut whole = vec![0.; height * width];
        for down in &rows {
            for across in &columns {
                let tile = cut(&picture, sides, &down.read, &across.read);
                let made = sums(&tile, [down.read.len(), across.read.len()]);
                paste(&mut whole, sides, &made, [down, across], 1);
            }
        }
        assert_eq!(whole, sums(&picture, sides));
        Ok(())
    }
}
