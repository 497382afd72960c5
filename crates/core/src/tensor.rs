//! Tensors: immutable arrays in host memory.

use std::borrow::Cow;
use std::fmt;

use half::f16;
use ndarray::{ArcArray, Array, Axis, Dimension, IxDyn};

use crate::{Digest, Error, Hasher, Result, Ty, memory};

/// A reference-counted array of any rank. Cloning it copies no elements.
pub type ArcArrayD<T> = ArcArray<T, IxDyn>;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DType {
    /// 32-bit IEEE floating point.
    F32,
    /// 16-bit IEEE floating point.
    F16,
    /// Signed 64-bit integers.
    I64,
    /// Unsigned bytes.
    U8,
}

impl DType {
    /// The name used in signatures.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::I64 => "i64",
            DType::U8 => "u8",
        }
    }

    /// The size of one element in bytes.
    pub fn size(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F16 => 2,
            DType::I64 => 8,
            DType::U8 => 1,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An element type of tensors.
pub trait Element: bytemuck::Pod {
    /// The corresponding run-time type.
    const DTYPE: DType;
    /// Wraps an array in row-major order.
    #[doc(hidden)]
    fn wrap(array: ArcArrayD<Self>) -> Tensor;
    /// The tensor's array, if its elements have this type.
    #[doc(hidden)]
    fn view(tensor: &Tensor) -> Option<&ArcArrayD<Self>>;
}

macro_rules! elements {
    ($($ty:ty => $variant:ident),*) => {$(
        impl Element for $ty {
            const DTYPE: DType = DType::$variant;
            fn wrap(array: ArcArrayD<Self>) -> Tensor {
                Tensor(Data::$variant(array))
            }
            fn view(tensor: &Tensor) -> Option<&ArcArrayD<Self>> {
                match &tensor.0 {
                    Data::$variant(array) => Some(array),
                    _ => None,
                }
            }
        }
    )*};
}
elements!(f32 => F32, f16 => F16, i64 => I64, u8 => U8);

/// An immutable array in host memory, always row-major and contiguous. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor(Data);

#[derive(Clone, Debug, PartialEq)]
enum Data {
    F32(ArcArrayD<f32>),
    F16(ArcArrayD<f16>),
    I64(ArcArrayD<i64>),
    U8(ArcArrayD<u8>),
}

/// Runs an expression on the array of any element type.
macro_rules! each {
    ($tensor:expr, $array:ident => $body:expr) => {
        match &$tensor.0 {
            Data::F32($array) => $body,
            Data::F16($array) => $body,
            Data::I64($array) => $body,
            Data::U8($array) => $body,
        }
    };
}

impl Tensor {
    /// Makes a tensor from `values` in row-major order.
    ///
    /// # Errors
    /// If the number of values differs from the number of elements of `shape`.
    pub fn from_vec<T: Element>(shape: &[usize], values: Vec<T>) -> Result<Tensor> {
        let got = values.len();
        let wrong = || Error::Invalid {
            what: format!("a tensor of shape {shape:?}"),
            message: format!("does not hold {got} values"),
        };
        // Checked here because an overflowing product would wrap in release builds.
        shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&n| n == got).ok_or_else(wrong)?;
        let array = Array::from_shape_vec(IxDyn(shape), values).map_err(|_| wrong())?;
        Ok(T::wrap(array.into_shared()))
    }

    /// Concatenates tensors along the first dimension.
    ///
    /// # Errors
    /// If there are none, if they differ in type or in other dimensions, or if memory is short.
    pub fn joined(parts: &[&Tensor]) -> Result<Tensor> {
        fn join<T: Element>(parts: &[&Tensor], rows: usize, rest: &[usize]) -> Result<Tensor> {
            let values = || parts.iter().filter_map(|part| part.values::<T>());
            let mut all = memory::room(values().map(<[T]>::len).sum())?;
            values().for_each(|values| all.extend_from_slice(values));
            Tensor::from_vec(&[&[rows], rest].concat(), all)
        }
        let first = parts.first().ok_or_else(|| Error::invalid("a batch", "is empty"))?;
        let rest = first.shape().get(1..);
        let alike = |part: &&Tensor| part.dtype() == first.dtype() && part.shape().get(1..) == rest;
        let Some(rest) = rest.filter(|_| parts.iter().all(alike)) else {
            let types: Vec<String> = parts.iter().map(|part| Ty::of_tensor(part).to_string()).collect();
            let message = format!("is of {}, which cannot be joined", types.join(", "));
            return Err(Error::invalid("a batch", message));
        };
        memory::check(parts.iter().map(|part| part.as_bytes().len()).sum())?;
        let rows = parts.iter().map(|part| part.shape()[0]).sum();
        match first.dtype() {
            DType::F32 => join::<f32>(parts, rows, rest),
            DType::F16 => join::<f16>(parts, rows, rest),
            DType::I64 => join::<i64>(parts, rows, rest),
            DType::U8 => join::<u8>(parts, rows, rest),
        }
    }

    /// A tensor with equal elements in another shape, which shares memory.
    ///
    /// # Errors
    /// If the shape has another number of elements.
    pub fn reshaped(&self, shape: &[usize]) -> Result<Tensor> {
        fn shaped<T: Element>(array: &ArcArrayD<T>, shape: &[usize]) -> Result<Tensor> {
            let reshaped = array.clone().into_shape_with_order(IxDyn(shape));
            let wrong = |_| Error::invalid("shape", format!("{shape:?} has not {} elements", array.len()));
            Ok(T::wrap(reshaped.map_err(wrong)?))
        }
        each!(self, array => shaped(array, shape))
    }

    /// The rows of the first dimension in `range`; `None` if the range exceeds it or there is no dimension.
    pub fn rows(&self, range: std::ops::Range<usize>) -> Option<Tensor> {
        fn cut<T: Element>(array: &ArcArrayD<T>, range: std::ops::Range<usize>) -> Tensor {
            T::wrap(array.slice_axis(Axis(0), range.into()).to_owned().into_shared())
        }
        let fits = range.start <= range.end && *self.shape().first()? >= range.end;
        fits.then(|| each!(self, array => cut(array, range)))
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        match &self.0 {
            Data::F32(_) => DType::F32,
            Data::F16(_) => DType::F16,
            Data::I64(_) => DType::I64,
            Data::U8(_) => DType::U8,
        }
    }

    /// The length of every dimension, slowest first.
    pub fn shape(&self) -> &[usize] {
        each!(self, array => array.shape())
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        each!(self, array => array.len())
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The array, if its elements have type `T`.
    pub fn array<T: Element>(&self) -> Option<&ArcArrayD<T>> {
        T::view(self)
    }

    /// The elements in row-major order, if they are of type `T`.
    pub fn values<T: Element>(&self) -> Option<&[T]> {
        // Every constructor makes the array row-major, so this is `Some` for the right `T`.
        T::view(self).and_then(|array| array.as_slice())
    }

    /// The elements' bytes in row-major order, in the machine's byte order.
    pub fn as_bytes(&self) -> Cow<'_, [u8]> {
        each!(self, array => match array.as_slice() {
            Some(values) => Cow::Borrowed(bytemuck::cast_slice(values)),
            None => Cow::Owned(array.iter().flat_map(|x| bytemuck::bytes_of(x).to_vec()).collect()),
        })
    }

    /// The elements as f32. f16 is widened; `None` for integers.
    pub fn to_f32(&self) -> Option<ArcArrayD<f32>> {
        match &self.0 {
            Data::F32(array) => Some(array.clone()),
            Data::F16(array) => Some(array.mapv(f16::to_f32).into_shared()),
            Data::I64(_) | Data::U8(_) => None,
        }
    }

    /// A digest of type, shape and elements. It compares bits, not numbers: 0.0 and -0.0 differ.
    pub fn digest(&self) -> Digest {
        let start = Hasher::new("tensor").bytes(self.dtype().name().as_bytes());
        let shape =
            self.shape().iter().fold(start.number(self.shape().len() as u64), |h, &d| h.number(d as u64));
        shape.bytes(&self.as_bytes()).finish()
    }
}

impl<T: Element, D: Dimension> From<Array<T, D>> for Tensor {
    /// Takes the array; copies only if it is not in row-major order.
    fn from(array: Array<T, D>) -> Tensor {
        Tensor::from(array.into_dyn().into_shared())
    }
}

impl<T: Element> From<ArcArrayD<T>> for Tensor {
    /// Shares the array; copies only if it is not in row-major order.
    fn from(array: ArcArrayD<T>) -> Tensor {
        T::wrap(if array.is_standard_layout() {
            array
        } else {
            array.as_standard_layout().into_owned().into_shared()
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn digests_tell_type_shape_and_content_apart() {
        let flat = Tensor::from_vec(&[4], vec![1u8, 2, 3, 4]).unwrap();
        let square = Tensor::from_vec(&[2, 2], vec![1u8, 2, 3, 4]).unwrap();
        assert_ne!(flat.digest(), square.digest());
        let zeros = Tensor::from_vec(&[2], vec![0f32; 2]).unwrap();
        let other = Tensor::from_vec(&[2], vec![f16::ZERO; 2]).unwrap();
        assert_ne!(zeros.digest(), other.digest());
        assert_eq!(zeros.digest(), Tensor::from(ndarray::Array1::<f32>::zeros(2)).digest());
    }

    #[test]
    fn transposed_array_is_laid_out_again() {
        let turned = Tensor::from(array![[1i64, 2, 3], [4, 5, 6]].reversed_axes());
        assert_eq!(turned.shape(), [3, 2]);
        assert_eq!(turned.values::<i64>(), Some([1, 4, 2, 5, 3, 6].as_slice()));
        assert_eq!(turned.digest(), Tensor::from_vec(&[3, 2], vec![1i64, 4, 2, 5, 3, 6]).unwrap().digest());
    }

    #[test]
    fn wrong_count_of_values_is_refused() {
        assert!(Tensor::from_vec(&[2, 3], vec![0f32; 5]).is_err());
        assert!(Tensor::from_vec(&[usize::MAX, 2], vec![0f32; 2]).is_err());
        assert!(Tensor::from_vec(&[0, 3], Vec::<f32>::new()).is_ok());
    }

    #[test]
    fn half_precision_widens() {
        let half = Tensor::from_vec(&[1], vec![f16::from_f32(0.5)]).unwrap();
        assert_eq!(half.to_f32().unwrap()[[0]], 0.5);
        assert!(Tensor::from_vec(&[1], vec![1i64]).unwrap().to_f32().is_none());
    }
}
