//! Adds low-rank changes to a weight.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::onnx::Weight;

/// Norms of DoRA, which fix the length of the changed weight's rows or columns.
#[derive(Debug, Clone, PartialEq)]
pub enum Norms {
    /// One for each output: of the weight's rows.
    OfOutputs(Vec<f32>),
    /// One for each input: of the weight's second axis.
    OfInputs(Vec<f32>),
}

/// A change of one weight.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// W + strength·scale·up·down, or its DoRA form.
    LowRank(LowRank),
    /// Rows to be added, with their indices.
    Rows {
        /// Index and row.
        rows: Vec<(usize, Vec<f32>)>,
        /// Factor for the rows.
        strength: f32,
    },
}

/// Two factors of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    /// `[rank,in]`, row-major.
    pub down: Vec<f32>,
    /// `[out,rank]`.
    pub up: Vec<f32>,
    pub rank: usize,
    /// α/r.
    pub scale: f32,
    pub strength: f32,
    pub norms: Option<Norms>,
}

impl Change {
    /// Whether a weight with these extents has the size that is changed.
    pub fn fits(&self, shape: &[usize]) -> bool {
        let outputs = shape.first().copied().unwrap_or(0);
        let inner: usize = shape.iter().skip(1).product();
        match self {
            Change::LowRank(low) => low.up.len() == outputs * low.rank && low.down.len() == low.rank * inner,
            Change::Rows { rows, .. } => rows.iter().all(|(at, row)| *at < outputs && row.len() == inner),
        }
    }

    /// Applies the change to a weight `[out,in,…]`, in f32.
    pub fn apply(&self, weight: &mut Weight) {
        match self {
            Change::Rows { rows, strength } => {
                let width = weight.data.len() / weight.shape[0].max(1);
                for (at, row) in rows {
                    let own = &mut weight.data[at * width..][..width];
                    own.iter_mut().zip(row).for_each(|(own, more)| *own += strength * more);
                }
            }
            Change::LowRank(change) => match &change.norms {
                None => change.add(&mut weight.data, change.scale * change.strength),
                Some(norms) => {
                    let mut full = weight.clone();
                    change.add(&mut full.data, change.scale);
                    norms.fix(&mut full);
                    if change.strength == 1. {
                        weight.data = full.data;
                    } else {
                        let pairs = weight.data.iter_mut().zip(&full.data);
                        pairs.for_each(|(own, full)| *own += change.strength * (full - *own));
                    }
                }
            },
        }
    }
}

/// Multiplications below which threads cost more than they save.
const FEW: usize = 1 << 22;

impl LowRank {
    /// The change of some rows of the matrix.
    pub fn rows(&self, range: Range<usize>) -> LowRank {
        let norms = match &self.norms {
            Some(Norms::OfOutputs(norms)) => Some(Norms::OfOutputs(norms[range.clone()].to_vec())),
            other => other.clone(),
        };
        let up = self.up[range.start * self.rank..range.end * self.rank].to_vec();
        LowRank { up, down: self.down.clone(), norms, ..*self }
    }

    /// Adds `factor`·up·down to a matrix, row by row. Results do not depend on the number of threads.
    fn add(&self, data: &mut [f32], factor: f32) {
        let inner = self.down.len() / self.rank;
        let row = |own: &mut [f32], up: &[f32]| {
            let mut sum = vec![0f32; inner];
            for (up, down) in up.iter().zip(self.down.chunks_exact(inner)) {
                sum.iter_mut().zip(down).for_each(|(sum, down)| *sum += up * down);
            }
            own.iter_mut().zip(&sum).for_each(|(own, sum)| *own += factor * sum);
        };
        let rows = self.up.len() / self.rank;
        let threads = match self.up.len().saturating_mul(inner) {
            few if few < FEW => 1,
            _ => thread::available_parallelism().map_or(1, usize::from),
        };
        let each = rows.div_ceil(threads).max(1);
        let parts = Mutex::new(data.chunks_mut(each * inner).zip(self.up.chunks(each * self.rank)));
        let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some((data, up)) = next() {
                let rows = data.chunks_exact_mut(inner).zip(up.chunks_exact(self.rank));
                rows.for_each(|(own, up)| row(own, up));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                // If the system refuses a thread, the others compute its part.
                drop(thread::Builder::new().spawn_scoped(scope, work));
            }
            work();
        });
    }
}

impl Norms {
    /// Scales rows or columns to these norms. Zeros stay.
    fn fix(&self, weight: &mut Weight) {
        let outputs = weight.shape[0].max(1);
        let row = weight.data.len() / outputs;
        match self {
            Norms::OfOutputs(norms) => {
                for (own, norm) in weight.data.chunks_exact_mut(row.max(1)).zip(norms) {
                    let factor = factor(*norm, squares(own.iter()));
                    own.iter_mut().for_each(|value| *value *= factor);
                }
            }
            Norms::OfInputs(norms) => {
                let kernel = row / norms.len().max(1);
                let mut sums = vec![0f64; norms.len()];
                for own in weight.data.chunks_exact(row.max(1)) {
                    let inputs = own.chunks_exact(kernel.max(1));
                    sums.iter_mut().zip(inputs).for_each(|(sum, values)| *sum += squares(values.iter()));
                }
                let factors: Vec<f32> =
                    norms.iter().zip(sums).map(|(norm, sum)| factor(*norm, sum)).collect();
                for own in weight.data.chunks_exact_mut(row.max(1)) {
                    for (values, factor) in own.chunks_exact_mut(kernel.max(1)).zip(&factors) {
                        values.iter_mut().for_each(|value| *value *= factor);
                    }
                }
            }
        }
    }
}

fn squares<'a>(values: impl Iterator<Item = &'a f32>) -> f64 {
    values.map(|value| f64::from(*value) * f64::from(*value)).sum()
}

fn factor(norm: f32, squares: f64) -> f32 {
    if squares > 0. { (f64::from(norm) / squares.sqrt()) as f32 } else { 1. }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919) % 101) as f32 / 50. - 1.).collect()
    }

    #[test]
    fn threads_change_nothing() {
        let (outputs, inputs, rank) = (70, 1100, 61);
        let low = LowRank {
            down: ramp(rank * inputs),
            up: ramp(outputs * rank),
            rank,
            scale: 0.5,
            strength: 1.,
            norms: None,
        };
        assert!(outputs * rank * inputs > FEW);
        let mut whole = ramp(outputs * inputs);
        let base = whole.clone();
        low.add(&mut whole, 0.5);
        for (at, own) in whole.iter().enumerate() {
            let [o, i] = [at / inputs, at % inputs];
            let sum: f64 = (0..rank)
                .map(|k| f64::from(low.up[o * rank + k]) * f64::from(low.down[k * inputs + i]))
                .sum();
            assert!((f64::from(*own) - f64::from(base[at]) - 0.5 * sum).abs() < 1e-4, "{o} {i}");
        }
        let mut rows = base;
        for (own, up) in rows.chunks_exact_mut(inputs).zip(low.up.chunks_exact(rank)) {
            LowRank { up: up.to_vec(), ..low.clone() }.add(own, 0.5);
        }
        assert_eq!(rows, whole);
    }

    #[test]
    fn norms_are_of_rows_or_columns() {
        let change = |norms, strength| {
            let low = LowRank {
                down: vec![1., 0.],
                up: vec![1., 2.],
                rank: 1,
                scale: 2.,
                strength,
                norms: Some(norms),
            };
            let mut weight = Weight { shape: vec![2, 2], data: vec![1., 4., 0., 3.] };
            Change::LowRank(low).apply(&mut weight);
            weight.data
        };
        // V = [[3, 4], [4, 3]].
        assert_eq!(change(Norms::OfOutputs(vec![10., 5.]), 1.), [6., 8., 4., 3.]);
        assert_eq!(change(Norms::OfInputs(vec![10., 5.]), 1.), [6., 4., 8., 3.]);
        assert_eq!(change(Norms::OfOutputs(vec![10., 5.]), 0.5), [3.5, 6., 2., 3.]);
        let mut kernel = Weight { shape: vec![1, 2, 1, 2], data: vec![3., 4., 0., 0.] };
        Norms::OfInputs(vec![10., 1.]).fix(&mut kernel);
        assert_eq!(kernel.data, [6., 8., 0., 0.]);
    }
}
