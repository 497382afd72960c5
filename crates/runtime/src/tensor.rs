//! Conversion of tensors to and from ONNX Runtime, and detection of its out-of-memory errors.

use half::f16;
use ort::session::SessionInputValue;
use ort::value::{DynValue, PrimitiveTensorElementType, TensorElementType, TensorRef};
use wuerst_core::{DType, Element, Error, Result, Tensor, memory};

/// Phrases of messages that mean that memory ran out. ONNX Runtime uses one code for all errors, and providers word this one
/// differently: the C++ library, the arena within its limit and beyond, CUDA and the system, cuBLAS, and cuDNN. The
/// system's also stands for files that cannot be mapped.
const OUT_OF_MEMORY: [&str; 7] = [
    "bad_alloc",
    "Failed to allocate memory",
    "is smaller than requested bytes",
    "out of memory",
    "Cannot allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
];

/// Whether a message of ONNX Runtime means that memory ran out.
pub(crate) fn ran_out(message: &str) -> bool {
    OUT_OF_MEMORY.iter().any(|sign| message.contains(sign))
}

/// Whether a message of ONNX Runtime means that the device is gone: reset, removed, or in a state that only another process
/// leaves.
pub(crate) fn lost(message: &str) -> bool {
    let signs = [
        "CUDA failure",
        "CUDA error",
        "cudaError",
        "DEVICE_REMOVED",
        "887A0005",
        "887A0006",
        "887A0007",
        "device lost",
    ];
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

#[cfg(test)]
mod tests {
    use super::ran_out;

    #[test]
    fn messages_about_memory_are_recognised() {
        for said in [
            "std::bad_alloc",
            "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:359 void* \
             onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Available memory of 454144 is \
             smaller than requested bytes of 2359296",
            "BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested \
             buffer of size 46881792",
            "CUDA failure 2: out of memory ; GPU=0 ; hostname=a ; expr=cudaMalloc((void**)&p, size)",
            "mmap: Cannot allocate memory",
        ] {
            assert!(ran_out(said), "{said}");
        }
        for said in [
            "CUDA failure 100: no CUDA-capable device is detected",
            "Non-zero status code returned while running Gelu node",
        ] {
            assert!(!ran_out(said), "{said}");
        }
    }
}
