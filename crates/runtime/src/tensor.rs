//! Conversion of tensors to and from ONNX Runtime, and detection of its out-of-memory errors.

use half::f16;
use ort::session::SessionInputValue;
use ort::value::{DynValue, PrimitiveTensorElementType, TensorElementType, TensorRef};
use wuerst_core::{DType, Element, Error, Result, Tensor, memory};

/// Whether a message of ONNX Runtime means that memory ran out. It uses one code for all errors, and providers word this
/// one differently; the last pattern is the system's, for files that cannot be mapped.
pub(crate) fn ran_out(message: &str) -> bool {
    let signs = ["bad_alloc", "Failed to allocate memory", "out of memory", "Cannot allocate memory"];
    signs.iter().any(|sign| message.contains(sign))
}

pub(crate) fn input(tensor: &Tensor) -> ort::Result<SessionInputValue<'_>> {
    match tensor.dtype() {
        DType::F32 => view::<f32>(tensor),
        DType::F16 => view::<f16>(tensor),
        DType::I64 => view::<i64>(tensor),
        DType::U8 => view::<u8>(tensor),
    }
}

fn view<T: Element + PrimitiveTensorElementType + std::fmt::Debug>(
    tensor: &Tensor,
) -> ort::Result<SessionInputValue<'_>> {
    let values = tensor.values::<T>().unwrap_or_default();
    Ok(TensorRef::from_array_view((tensor.shape(), values))?.into())
}

/// Converts a value to a tensor; `None` for element types that no stage uses.
pub(crate) fn tensor(value: &DynValue) -> Result<Option<Tensor>> {
    match value.dtype().tensor_type() {
        Some(TensorElementType::Float32) => copy::<f32>(value),
        Some(TensorElementType::Float16) => copy::<f16>(value),
        Some(TensorElementType::Int64) => copy::<i64>(value),
        Some(TensorElementType::Uint8) => copy::<u8>(value),
        _ => Ok(None),
    }
}

fn copy<T: Element + PrimitiveTensorElementType>(value: &DynValue) -> Result<Option<Tensor>> {
    let (shape, values) =
        value.try_extract_tensor::<T>().map_err(|e| Error::Runtime(e.message().to_owned()))?;
    let shape: Option<Vec<usize>> = shape.iter().map(|&length| usize::try_from(length).ok()).collect();
    let Some(shape) = shape else { return Ok(None) };
    Ok(Tensor::from_vec(&shape, memory::copied(values)?).ok())
}
