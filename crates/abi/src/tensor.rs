//! `wst_tensor`: tensors as pointer, shape and element type.

use std::ffi::c_void;
use std::{ptr, slice};

use half::f16;
use wuerst_core::{DType, Element, Error, Result, Tensor, memory};
pub use wuerst_sys::Tensor as View;

use crate::list;

/// Maximum rank of a tensor: twice NumPy's.
const MOST_DIMENSIONS: usize = 128;

/// The lengths of a tensor's dimensions as C integers.
pub fn shape(tensor: &Tensor) -> Box<[i64]> {
    // No dimension exceeds isize::MAX, since memory does not.
    tensor.shape().iter().map(|&length| length as i64).collect()
}

/// A view of a tensor; `shape` must live as long as the view.
pub fn view(tensor: &Tensor, shape: &[i64]) -> View {
    let data = match tensor.dtype() {
        DType::F32 => start::<f32>(tensor),
        DType::F16 => start::<f16>(tensor),
        DType::I64 => start::<i64>(tensor),
        DType::U8 => start::<u8>(tensor),
    };
    View { dtype: number(tensor.dtype()), rank: shape.len() as u32, shape: shape.as_ptr(), data }
}

/// Copies the tensor.
///
/// # Safety
/// `shape` is NULL or points to `rank` lengths, and `data` is NULL or points to the number of elements that they give.
pub unsafe fn copy(view: &View) -> Result<Tensor> {
    let wrong = |message: &str| Error::invalid("tensor", message);
    let rank = view.rank as usize;
    // SAFETY: `rank` lengths, promised by the caller.
    let shape = unsafe { list::read("shape of the tensor", view.shape, rank, MOST_DIMENSIONS)? };
    let shape: Option<Vec<usize>> = shape.iter().map(|&length| length.try_into().ok()).collect();
    let shape = shape.ok_or_else(|| wrong("a length in its shape is negative"))?;
    // SAFETY: promised by the caller.
    unsafe {
        match dtype(view.dtype).map_err(|error| wrong(&format!("its {error}")))? {
            DType::F32 => elements::<f32>(view, &shape),
            DType::F16 => elements::<f16>(view, &shape),
            DType::I64 => elements::<i64>(view, &shape),
            DType::U8 => elements::<u8>(view, &shape),
        }
    }
}

/// # Safety
/// As [`copy`], with elements of type `T`.
unsafe fn elements<T: Element>(view: &View, shape: &[usize]) -> Result<Tensor> {
    let wrong = |message: &str| Error::invalid("tensor", message);
    let count = shape.iter().try_fold(1usize, |n, &length| n.checked_mul(length));
    let fits = |n: &usize| n.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    let count = count.filter(fits).ok_or_else(|| wrong("its shape is larger than memory can be"))?;
    let mut values = memory::room(count)?;
    if count > 0 {
        let data = view.data.cast::<T>();
        if data.is_null() {
            return Err(wrong("its data is NULL"));
        }
        if !data.is_aligned() {
            return Err(wrong("its data is not aligned to its elements"));
        }
        // SAFETY: not NULL, aligned, within isize; the caller promises `count` elements.
        values.extend_from_slice(unsafe { slice::from_raw_parts(data, count) });
    }
    Tensor::from_vec(shape, values)
}

fn start<T: Element>(tensor: &Tensor) -> *const c_void {
    tensor.values::<T>().map_or(ptr::null(), |values| values.as_ptr().cast())
}

/// The element type for a `wst_dtype`.
///
/// # Errors
/// If the number is unknown.
pub fn dtype(number: u32) -> Result<DType> {
    let all = [DType::F32, DType::F16, DType::I64, DType::U8];
    let found = all.into_iter().find(|dtype| self::number(*dtype) == number);
    let message = || format!("{number:#x} is none of WST_F32, WST_F16, WST_I64, WST_U8");
    found.ok_or_else(|| Error::invalid("dtype", message()))
}

/// The `wst_dtype` of an element type: DLPack's type code and the number of bits.
fn number(dtype: DType) -> u32 {
    const INT: u32 = 0;
    const UINT: u32 = 1;
    const FLOAT: u32 = 2;
    let code = match dtype {
        DType::F32 | DType::F16 => FLOAT,
        DType::I64 => INT,
        DType::U8 => UINT,
    };
    code | (dtype.size() as u32 * 8) << 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(dtype: u32, shape: &[i64], data: *const c_void) -> Result<Tensor> {
        let view = View { dtype, rank: shape.len() as u32, shape: shape.as_ptr(), data };
        // SAFETY: the tests below pass NULL, or as much data as they say.
        unsafe { super::copy(&view) }
    }

    #[test]
    fn tensors_survive_way_there_and_back() {
        let tensors = [
            Tensor::from_vec(&[2, 1], vec![0.5f32, -1.]).unwrap(),
            Tensor::from_vec(&[1], vec![f16::from_f32(0.5)]).unwrap(),
            Tensor::from_vec(&[3], vec![1i64, i64::MIN, 3]).unwrap(),
            Tensor::from_vec(&[], vec![7u8]).unwrap(),
            Tensor::from_vec(&[0, 3], Vec::<f32>::new()).unwrap(),
        ];
        for tensor in tensors {
            let shape = shape(&tensor);
            // SAFETY: the view is of a tensor that lives.
            assert_eq!(unsafe { super::copy(&view(&tensor, &shape)) }.unwrap(), tensor);
        }
    }

    #[test]
    fn wrong_tensors_are_refused() {
        let data = [1f32; 4];
        let data = data.as_ptr().cast::<c_void>();
        let said = |dtype, shape: &[i64], data| copy(dtype, shape, data).unwrap_err().to_string();
        assert!(said(0x2002, &[-1], data).contains("negative"));
        assert!(said(0x2002, &[4], ptr::null()).contains("NULL"));
        assert!(said(0x2003, &[4], data).contains("0x2003"));
        assert!(said(0x2002, &[i64::MAX, 4], data).contains("larger"));
        assert!(said(0x2002, &[1 << 61], data).contains("larger"));
        assert!(said(0x2002, &[1], data.wrapping_byte_add(1)).contains("aligned"));
    }
}
