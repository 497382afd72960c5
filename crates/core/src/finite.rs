//! NaN and infinities in tensors, found in one pass.

use std::fmt;

use half::f16;

use crate::{DType, Tensor};

/// Number of values checked together without branches.
const BLOCK: usize = 4096;

/// Some values of a tensor are not finite. Displays as a predicate, without the tensor as its subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NotFinite {
    /// First non-finite value: `NaN`, `inf` or `-inf`.
    first: String,
    /// Index of the first non-finite value.
    index: Vec<usize>,
    /// Number of non-finite values.
    count: usize,
    /// Number of all values.
    of: usize,
}

impl NotFinite {
    /// Finds the non-finite values of an array in row-major order; `None` if all are finite.
    pub fn among<T: Copy + Into<f32>>(values: &[T], shape: &[usize]) -> Option<NotFinite> {
        let odd = |value: &T| !(*value).into().is_finite();
        let any = |block: &[T]| block.iter().fold(false, |found, value| found | odd(value));
        let block = values.chunks(BLOCK).position(any)? * BLOCK;
        let mut at = block + values[block..].iter().position(odd)?;
        let first = values[at].into().to_string();
        let count = values[at..].iter().filter(|value| odd(value)).count();
        let mut index = vec![0; shape.len()];
        for (index, length) in index.iter_mut().zip(shape).rev() {
            *index = at % length;
            at /= length;
        }
        Some(NotFinite { first, index, count, of: values.len() })
    }
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotFinite { first, index, count, of } = self;
        let are = if *count == 1 { "is" } else { "are" };
        write!(f, "holds {first} at {index:?}; {count} of its {of} numbers {are} not finite")
    }
}

impl Tensor {
    /// Finds the tensor's non-finite values; `None` if all are finite. Takes one pass over f32 and f16, and none over
    /// integers.
    pub fn not_finite(&self) -> Option<NotFinite> {
        match self.dtype() {
            DType::F32 => NotFinite::among(self.values::<f32>()?, self.shape()),
            DType::F16 => NotFinite::among(self.values::<f16>()?, self.shape()),
            DType::I64 | DType::U8 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_odd_number_is_named() {
        let mut values = vec![0f32; 3 * 5000];
        let tensor = |values: &[f32]| Tensor::from_vec(&[3, 50, 100], values.to_vec()).unwrap();
        assert_eq!(tensor(&values).not_finite(), None);
        values[5000 + 207] = f32::NEG_INFINITY;
        let said = tensor(&values).not_finite().unwrap().to_string();
        assert_eq!(said, "holds -inf at [1, 2, 7]; 1 of its 15000 numbers is not finite");
        values[14_999] = f32::NAN;
        values[4999] = f32::NAN;
        let said = tensor(&values).not_finite().unwrap().to_string();
        assert_eq!(said, "holds NaN at [0, 49, 99]; 3 of its 15000 numbers are not finite");
    }

    #[test]
    fn every_type_is_looked_at() {
        let half = Tensor::from_vec(&[2], vec![f16::ONE, f16::INFINITY]).unwrap();
        assert!(half.not_finite().unwrap().to_string().starts_with("holds inf at [1]"));
        assert_eq!(Tensor::from_vec(&[1], vec![i64::MAX]).unwrap().not_finite(), None);
        assert_eq!(Tensor::from_vec(&[0], Vec::<f32>::new()).unwrap().not_finite(), None);
        let alone = Tensor::from_vec(&[], vec![f32::NAN]).unwrap();
        assert!(alone.not_finite().unwrap().to_string().starts_with("holds NaN at []"));
    }
}
