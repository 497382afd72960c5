//! `mask.grow`: grows or shrinks a mask.

use ndarray::{Array2, ArrayView1, ArrayViewMut1};
use wuerst_core::{Args, Ctx, Registry, Result, Value};

use super::mask;
use crate::plain::Plan;

pub(super) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "mask.grow",
        signature: "mask: f32[h,w] as mask, pixels: int {-1024..1024} -> mask: f32[h,w] as mask",
        about: "Grows a mask in every direction, by a disc; a negative number shrinks it. What lies beyond the picture's edge \
                does not count.",
        ports: &[
            ("mask", "The mask."),
            ("pixels", "Number of pixels by which the mask grows; negative numbers shrink it."),
            ("-> mask", "The largest value, or the smallest, within that distance of each pixel."),
        ],
    };
    plan.add(registry, run)
}

fn run(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (mask, pixels) = (mask(args, "mask")?, args.int("pixels")?);
    let radius = usize::try_from(pixels.unsigned_abs()).unwrap_or(usize::MAX);
    let grown = match pixels {
        0 => mask,
        1.. => grow(ctx, mask, radius)?,
        // Shrinking a mask grows its complement.
        _ => grow(ctx, mask.mapv_into(|share| 1. - share), radius)?.mapv_into(|share| 1. - share),
    };
    Ok(vec![grown.into()])
}

/// The largest value within a radius of each pixel.
fn grow(ctx: &mut Ctx<'_>, mask: Array2<f32>, radius: usize) -> Result<Array2<f32>> {
    let (height, width) = mask.dim();
    let mut out = mask.clone();
    let mut widest = vec![0f32; width];
    for (row, values) in mask.outer_iter().enumerate() {
        ctx.step(row, height)?;
        // Most rows of most masks are zero.
        if values.iter().all(|share| *share <= 0.) {
            continue;
        }
        for down in 0..=radius.min(height - 1) {
            let across = (((radius * radius - down * down) as f64).sqrt()) as usize;
            widen(values, across, &mut widest);
            let rows = [row.checked_sub(down), Some(row + down).filter(|other| *other < height)];
            rows.into_iter().flatten().for_each(|other| raise(out.row_mut(other), &widest));
        }
    }
    ctx.step(height, height)?;
    Ok(out)
}

fn raise(mut row: ArrayViewMut1<'_, f32>, values: &[f32]) {
    row.iter_mut().zip(values).for_each(|(to, value)| *to = to.max(*value));
}

/// The largest of the values up to `across` to the left and right of each value.
fn widen(values: ArrayView1<'_, f32>, across: usize, widest: &mut [f32]) {
    let mut falling = std::collections::VecDeque::<usize>::new();
    let length = values.len();
    for end in 0..length + across {
        if end < length {
            while falling.back().is_some_and(|last| values[*last] <= values[end]) {
                falling.pop_back();
            }
            falling.push_back(end);
        }
        let Some(at) = end.checked_sub(across) else { continue };
        while falling.front().is_some_and(|first| first + across < at) {
            falling.pop_front();
        }
        widest[at] = falling.front().map_or(0., |first| values[*first]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_finds_largest_nearby() {
        let values = ndarray::arr1(&[0., 3., 1., 0., 2.]);
        for (across, want) in
            [(0, [0., 3., 1., 0., 2.]), (1, [3., 3., 3., 2., 2.]), (2, [3., 3., 3., 3., 2.]), (9, [3.; 5])]
        {
            let mut widest = [9.; 5];
            widen(values.view(), across, &mut widest);
            assert_eq!(widest, want, "{across}");
        }
    }
}
