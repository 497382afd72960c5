//! Weights that a session uses where they are, in memory of the host, without a copy.
#![allow(unsafe_code, reason = "ONNX Runtime is given pointers into memory that outlives the session")]

use std::ffi::CString;
use std::fmt::Debug;

use half::{bf16, f16};
use ort::AsPointer;
use ort::memory::MemoryInfo;
use ort::session::builder::SessionBuilder;
use ort::value::{DynValue, DynValueRefMut, PrimitiveTensorElementType, Shape, TensorRefMut};
use wuerst_core::{ModelMemory, memory};
use wuerst_model::onnx::{Head, Place, Tensor};

/// Values over memory of the host. Dropped after the session that uses them.
pub(crate) struct InPlace {
    _values: Vec<Held>,
    _memory: ModelMemory,
}

enum Held {
    InPlace(DynValueRefMut<'static>),
    Copied(DynValue),
}

impl Held {
    fn ptr(&self) -> *const ort::sys::OrtValue {
        match self {
            Held::InPlace(value) => value.ptr(),
            Held::Copied(value) => value.ptr(),
        }
    }
}

// SAFETY: nothing reads the values but ONNX Runtime, whose values any thread may use; they are dropped once.
unsafe impl Send for InPlace {}
// SAFETY: see `Send`.
unsafe impl Sync for InPlace {}

impl InPlace {
    /// Makes a session of a model, or of a part of it, use the weights in external data where they are. Misaligned ones are
    /// copied.
    ///
    /// # Errors
    /// ONNX Runtime's.
    pub(super) fn add(
        part: &[u8],
        memory: &ModelMemory,
        builder: &mut SessionBuilder,
    ) -> ort::Result<InPlace> {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        // Damage is for ONNX Runtime to name.
        for tensor in Head::of_bytes(part).map_or_else(|_| Vec::new(), |head| head.tensors) {
            let Some((value, name)) =
                bytes(&tensor, memory).and_then(|bytes| over(&tensor, bytes)).zip(name(&tensor))
            else {
                continue;
            };
            names.push(name);
            values.push(value?);
        }
        let pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let given: Vec<_> = values.iter().map(Held::ptr).collect();
        if !given.is_empty() {
            // SAFETY: both lists have this length; names are copied; the values live as long as `self`, which is kept until
            // the session is dropped.
            let status = unsafe {
                (ort::api().AddExternalInitializers)(
                    builder.ptr_mut(),
                    pointers.as_ptr(),
                    given.as_ptr(),
                    given.len(),
                )
            };
            // SAFETY: a status of this library, taken once.
            unsafe { ort::Error::result_from_status(status)? };
        }
        Ok(InPlace { _values: values, _memory: memory.clone() })
    }
}

fn name(tensor: &Tensor) -> Option<CString> {
    CString::new(tensor.name.as_str()).ok()
}

/// The bytes of a tensor in external data.
fn bytes<'m>(tensor: &Tensor, memory: &'m ModelMemory) -> Option<&'m [u8]> {
    let Place::Outside { location, offset, length } = &tensor.place else { return None };
    let (_, data) = memory.data.iter().find(|(name, _)| name == location)?;
    let (from, count) = (usize::try_from(*offset).ok()?, usize::try_from(*length).ok()?);
    data.get(from..from.checked_add(count)?)
}

fn over(tensor: &Tensor, bytes: &[u8]) -> Option<ort::Result<Held>> {
    // `TensorProto.DataType`.
    match tensor.element {
        1 => over_as::<f32>(tensor, bytes),
        2 => over_as::<u8>(tensor, bytes),
        3 => over_as::<i8>(tensor, bytes),
        6 => over_as::<i32>(tensor, bytes),
        7 => over_as::<i64>(tensor, bytes),
        10 => over_as::<f16>(tensor, bytes),
        16 => over_as::<bf16>(tensor, bytes),
        _ => None,
    }
}

fn over_as<T: PrimitiveTensorElementType + Debug + Clone + 'static>(
    tensor: &Tensor,
    bytes: &[u8],
) -> Option<ort::Result<Held>> {
    let shape = tensor.dims.iter().map(|&length| i64::try_from(length).ok()).collect::<Option<Vec<i64>>>()?;
    let count = tensor.elements();
    if !u64::try_from(bytes.len() / size_of::<T>()).is_ok_and(|held| held == count) {
        return None;
    }
    let values = bytes.as_ptr().cast::<T>();
    if !values.is_aligned() {
        let count = bytes.len() / size_of::<T>();
        // SAFETY: memory of this many elements, valid for any bits.
        let copy = (0..count).map(|at| unsafe { values.add(at).read_unaligned() });
        let copy = memory::collected(copy).ok()?;
        return Some(
            ort::value::Tensor::from_array((shape, copy)).map(|value| Held::Copied(value.into_dyn())),
        );
    }
    // SAFETY: aligned memory of this many elements, valid for any bits, which lives until the value is dropped: see
    // `InPlace`. ONNX Runtime only reads initialisers.
    let value = unsafe {
        TensorRefMut::<T>::from_raw(MemoryInfo::default(), values.cast_mut().cast(), Shape::new(shape))
    };
    Some(value.map(|value| Held::InPlace(value.into_dyn())))
}
