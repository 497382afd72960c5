//! `wst_value`: numbers, texts and tensors.

use std::ffi::c_int;

use wuerst_core::{Error, Result};

use crate::boundary::{Out, fallible, infallible, non_null};
use crate::error::{Failure, nothing};
use crate::tensor::{self, View};
use crate::text::{Read, Str};

/// A value held by C.
pub struct Value {
    value: wuerst_core::Value,
    /// A tensor's shape in C integers; empty for other values.
    shape: Box<[i64]>,
}

impl From<wuerst_core::Value> for Value {
    fn from(value: wuerst_core::Value) -> Value {
        let shape = match &value {
            wuerst_core::Value::Tensor(tensor) => tensor::shape(tensor),
            _ => Box::default(),
        };
        Value { value, shape }
    }
}

impl Value {
    /// The value itself.
    pub fn inner(&self) -> &wuerst_core::Value {
        &self.value
    }

    fn is_not(&self, want: &str) -> Error {
        let got = self.value.ty().to_string();
        Error::Type { what: "value".to_owned(), want: want.to_owned(), got }
    }
}

fn new(value: impl Into<wuerst_core::Value>) -> *mut Value {
    infallible(nothing(), || Box::into_raw(Box::new(Value::from(value.into()))))
}

/// `wst_value_bool`.
pub extern "C" fn value_bool(value: c_int) -> *mut Value {
    new(value != 0)
}

/// `wst_value_int`.
pub extern "C" fn value_int(value: i64) -> *mut Value {
    new(value)
}

/// `wst_value_uint`.
pub extern "C" fn value_uint(value: u64) -> *mut Value {
    new(value)
}

/// `wst_value_float`.
pub extern "C" fn value_float(value: f64) -> *mut Value {
    new(value)
}

/// `wst_value_text`.
pub extern "C" fn value_text(text: Str, out: Out<*mut Value>) -> *mut Failure {
    fallible(|| {
        let out = out.non_null()?;
        // SAFETY: the header requires a string valid during the call, and a writable output.
        unsafe {
            let text = text.read("text")?;
            out.give(wuerst_core::Value::from(text).into());
        }
        Ok(())
    })
}

/// `wst_value_tensor`.
pub extern "C" fn value_tensor(tensor: Option<&View>, out: Out<*mut Value>) -> *mut Failure {
    fallible(|| {
        let (tensor, out) = (non_null(tensor, "tensor")?, out.non_null()?);
        // SAFETY: the header requires a tensor that matches its description, and a writable output.
        unsafe {
            let tensor = tensor::copy(tensor)?;
            out.give(wuerst_core::Value::from(tensor).into());
        }
        Ok(())
    })
}

/// `wst_value_type`.
pub extern "C" fn value_type(value: Option<&Value>) -> u32 {
    infallible(0, || match value.map(Value::inner) {
        None => 0,
        Some(wuerst_core::Value::Bool(_)) => 1,
        Some(wuerst_core::Value::Int(_)) => 2,
        Some(wuerst_core::Value::Float(_)) => 3,
        Some(wuerst_core::Value::Text(_)) => 4,
        Some(wuerst_core::Value::Model(_)) => 5,
        Some(wuerst_core::Value::Tensor(_)) => 6,
        Some(wuerst_core::Value::File(_)) => 7,
    })
}

/// Writes the result of `read` to C, or an error that the value is not a `want`.
fn show<T>(
    value: Option<&Value>,
    out: Out<T>,
    want: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> *mut Failure {
    fallible(|| -> Result<()> {
        let (value, out) = (non_null(value, "value")?, out.non_null()?);
        let found = read(value).ok_or_else(|| value.is_not(want))?;
        // SAFETY: the header requires a writable output.
        unsafe { out.write(found) };
        Ok(())
    })
}

/// `wst_value_as_bool`.
pub extern "C" fn value_as_bool(value: Option<&Value>, out: Out<c_int>) -> *mut Failure {
    show(value, out, "bool", |value| match value.inner() {
        wuerst_core::Value::Bool(x) => Some(c_int::from(*x)),
        _ => None,
    })
}

/// A whole number as a C type; `other` is the function to call for numbers out of its range.
fn whole<T: TryFrom<i128>>(value: Option<&Value>, out: Out<T>, other: &str) -> *mut Failure {
    fallible(|| {
        let (value, out) = (non_null(value, "value")?, out.non_null()?);
        let wuerst_core::Value::Int(number) = value.inner() else { return Err(value.is_not("int")) };
        let beyond = |_| Error::invalid("value", format!("{number} is out of range: call {other}"));
        let number = T::try_from(*number).map_err(beyond)?;
        // SAFETY: the header requires a writable output.
        unsafe { out.write(number) };
        Ok(())
    })
}

/// `wst_value_as_int`.
pub extern "C" fn value_as_int(value: Option<&Value>, out: Out<i64>) -> *mut Failure {
    whole(value, out, "wst_value_as_uint")
}

/// `wst_value_as_uint`.
pub extern "C" fn value_as_uint(value: Option<&Value>, out: Out<u64>) -> *mut Failure {
    whole(value, out, "wst_value_as_int")
}

/// `wst_value_as_float`.
pub extern "C" fn value_as_float(value: Option<&Value>, out: Out<f64>) -> *mut Failure {
    show(value, out, "float", |value| match value.inner() {
        wuerst_core::Value::Float(x) => Some(*x),
        wuerst_core::Value::Int(x) => Some(*x as f64),
        _ => None,
    })
}

/// `wst_value_as_text`.
pub extern "C" fn value_as_text(value: Option<&Value>, out: Out<Str>) -> *mut Failure {
    show(value, out, "text", |value| match value.inner() {
        wuerst_core::Value::Text(text) => Some(Str::of(text)),
        wuerst_core::Value::Model(model) => Some(Str::of(model.name())),
        wuerst_core::Value::File(file) => Some(Str::of(file.name())),
        _ => None,
    })
}

/// `wst_value_as_tensor`.
pub extern "C" fn value_as_tensor(value: Option<&Value>, out: Out<View>) -> *mut Failure {
    show(value, out, "a tensor", |value| match value.inner() {
        wuerst_core::Value::Tensor(tensor) => Some(tensor::view(tensor, &value.shape)),
        _ => None,
    })
}

/// `wst_value_as_path`.
pub extern "C" fn value_as_path(value: Option<&Value>, out: Out<Str>) -> *mut Failure {
    show(value, out, "a model or file", |value| match value.inner() {
        wuerst_core::Value::Model(model) => model.path().to_str().map(Str::of),
        wuerst_core::Value::File(file) => file.path().to_str().map(Str::of),
        _ => None,
    })
}

/// `wst_value_clone`.
pub extern "C" fn value_clone(value: Option<&Value>) -> *mut Value {
    value.map_or(nothing(), |value| new(value.inner().clone()))
}

/// `wst_value_free`.
pub extern "C" fn value_free(value: Option<Box<Value>>) {
    infallible((), || drop(value));
}
