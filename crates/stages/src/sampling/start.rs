//! Sampling that starts from a picture, or changes only a part of it.

use ndarray::{Array2, ArrayView2, Axis, Ix2};
use wuerst_core::{Args, Error, Result};
use wuerst_model::schedule::Schedule;

use crate::image::unit;

/// Ports for the start, shared by the prior and the decoder, in signature notation.
macro_rules! start_ports {
    () => {
        "strength: float = 1.0 {0.0..1.0}, mask: f32[y,x] as mask?"
    };
}
pub(crate) use start_ports;

/// Descriptions of these ports and of each stage's `init`.
pub(crate) const ABOUT: [(&str, &str); 3] = [
    ("init", "Start of the sampling in place of noise alone."),
    (
        "strength",
        "How much of `init` turns into noise before sampling starts: the time on the schedule, and with it the share of \
         the steps. 0 gives `init` back as it is; at 1 nothing of it is left, but for what the mask keeps.",
    ),
    (
        "mask",
        "Where to sample anew (1) and where to keep `init` (0), in any size, as that of the picture; each cell gets \
         the mean of what it covers.",
    ),
];

/// Strength of the change of a given picture.
pub(crate) struct Start {
    /// Time on the schedule at which sampling starts.
    strength: f64,
    mask: Option<Array2<f32>>,
}

impl Start {
    /// Reads the arguments of [`start_ports`].
    pub(crate) fn new(args: &Args<'_>) -> Result<Start> {
        if !args.has("init") {
            return match args.has("mask") {
                true => Err(Error::invalid("mask", "keeps a part of `init`, which is left out")),
                false => Ok(Start { strength: 1., mask: None }),
            };
        }
        let mask = match args.has("mask") {
            true => {
                let mask = args.tensor_f32("mask")?.into_dimensionality::<Ix2>();
                let mask = mask.map_err(|e| Error::Internal(format!("a mask that is not an area: {e}")))?;
                if mask.is_empty() {
                    return Err(Error::invalid("mask", "is without pixels"));
                }
                Some(mask.mapv(unit))
            }
            false => None,
        };
        Ok(Start { strength: args.float("strength")?, mask })
    }

    /// The times visited, out of those of a full run: from the strength downwards.
    pub(crate) fn times(&self, times: &[f64]) -> Vec<f64> {
        if self.strength >= 1. {
            return times.to_vec();
        }
        [self.strength].into_iter().chain(times.iter().copied().filter(|t| *t < self.strength)).collect()
    }

    /// The sample at the first of `times`, and the mask to apply in each step.
    ///
    /// `noise` has the length of `init`, which has shape `[c,h,w]`.
    pub(crate) fn begin(
        &self,
        schedule: &Schedule,
        times: &[f64],
        init: Option<&[f32]>,
        noise: Vec<f32>,
        cells: [usize; 2],
    ) -> (Vec<f32>, Option<InpaintMask>) {
        let Some(init) = init else { return (noise, None) };
        let x = match times {
            [only] if *only <= 0. => init.to_vec(),
            [first, ..] if self.strength < 1. => mixed(schedule.mix(*first), init, &noise),
            _ => noise.clone(),
        };
        let inpaint = self.mask.as_ref().map(|mask| InpaintMask {
            share: averaged(mask.view(), cells).iter().map(|drawn| 1. - drawn).collect(),
            init: init.to_vec(),
            noise,
        });
        (x, inpaint)
    }
}

/// The part of a picture that inpainting keeps, with its noise.
pub(crate) struct InpaintMask {
    /// Fraction of each cell that is kept, `[h,w]`.
    share: Vec<f32>,
    init: Vec<f32>,
    noise: Vec<f32>,
}

impl InpaintMask {
    /// Restores the kept part in a sample at time `t`; at 0 without noise.
    pub(crate) fn restore(&self, x: &mut [f32], schedule: &Schedule, t: f64) {
        let known = if t > 0. { mixed(schedule.mix(t), &self.init, &self.noise) } else { self.init.clone() };
        for ((x, known), share) in x.iter_mut().zip(known).zip(self.share.iter().cycle()) {
            *x = if *share >= 1. { known } else { *x + (known - *x) * share };
        }
    }
}

/// Picture and noise at some time: `picture·init + noise·z`.
fn mixed((picture, noise): (f64, f64), init: &[f32], z: &[f32]) -> Vec<f32> {
    init.iter().zip(z).map(|(x, z)| (picture * f64::from(*x) + noise * f64::from(*z)) as f32).collect()
}

/// Resizes a mask, row by row: each cell gets the mean of the area that it covers.
pub(crate) fn averaged(mask: ArrayView2<'_, f32>, [height, width]: [usize; 2]) -> Vec<f32> {
    let rows = along(mask, height);
    along(rows.t(), width).t().iter().copied().collect()
}

/// The first dimension in another length.
fn along(mask: ArrayView2<'_, f32>, length: usize) -> Array2<f32> {
    let from = mask.len_of(Axis(0));
    let step = from as f64 / length as f64;
    let mut out = Array2::zeros((length, mask.len_of(Axis(1))));
    for (cell, mut row) in out.outer_iter_mut().enumerate() {
        let (start, end) = (cell as f64 * step, (cell + 1) as f64 * step);
        let last = (end.ceil() as usize).min(from);
        for pixel in (start.floor() as usize).min(from - 1)..last {
            let covered = end.min(pixel as f64 + 1.) - start.max(pixel as f64);
            row.scaled_add((covered / step) as f32, &mask.row(pixel));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(strength: f64) -> Start {
        Start { strength, mask: Some(Array2::from_shape_fn((2, 4), |(_, x)| if x < 2 { 0. } else { 1. })) }
    }

    #[test]
    fn times_begin_at_strength() {
        let times = [1., 0.75, 0.5, 0.25, 0.];
        assert_eq!(start(1.).times(&times), times);
        assert_eq!(start(0.5).times(&times), [0.5, 0.25, 0.]);
        assert_eq!(start(0.6).times(&times), [0.6, 0.5, 0.25, 0.]);
        assert_eq!(start(0.).times(&times), [0.]);
    }

    #[test]
    fn zero_strength_returns_input() {
        let (init, noise) = ([0.1f32, 0.2, 0.3, 0.4], vec![9.; 4]);
        let begin = |start: &Start, times: &[f64]| {
            start.begin(&Schedule::default(), times, Some(&init), noise.clone(), [2, 2]).0
        };
        assert_eq!(begin(&start(0.), &[0.]), init);
        assert_eq!(begin(&start(1.), &[1., 0.]), noise);
        let (picture, share) = Schedule::default().mix(0.5);
        let want = (picture * 0.1f32 as f64 + share * 9.) as f32;
        assert_eq!(begin(&start(0.5), &[0.5, 0.])[0], want);
    }

    #[test]
    fn kept_part_is_restored() {
        let init = [1f32, 2., 3., 4.];
        let (_, inpaint) = start(1.).begin(&Schedule::default(), &[1., 0.], Some(&init), vec![0.; 4], [2, 2]);
        let mut x = [7f32; 4];
        inpaint.unwrap().restore(&mut x, &Schedule::default(), 0.);
        assert_eq!(x, [1., 7., 3., 7.]);
    }

    #[test]
    fn cells_get_mean_of_covered_area() {
        let mask = Array2::from_shape_fn((3, 3), |(y, x)| (3 * y + x) as f32);
        let near = |got: Vec<f32>, want: &[f32]| {
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{got:?}")
        };
        near(averaged(mask.view(), [1, 1]), &[4.]);
        near(averaged(mask.view(), [3, 3]), &[0., 1., 2., 3., 4., 5., 6., 7., 8.]);
        // Two cells of one and a half pixels: 0, 1 and half of 2 down, and across.
        near(averaged(mask.view(), [2, 2]), &[4. / 3., 8. / 3., 16. / 3., 20. / 3.]);
        near(averaged(mask.slice(ndarray::s![..1, ..2]), [2, 4]), &[0., 0., 1., 1., 0., 0., 1., 1.]);
    }
}
