//! Values that nodes exchange.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array, Dimension};

use crate::{ArcArrayD, CancellationToken, Digest, Element, File, Hasher, Model, Result, Tensor, Ty};

/// An immutable value in host memory, an input or output of a node. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number, from -2⁶³ to 2⁶⁴-1: see [`whole`](crate::whole).
    Int(i128),
    /// A 64-bit floating-point number.
    Float(f64),
    /// A string.
    Text(Arc<str>),
    /// A model on disk.
    Model(Model),
    /// A file to read.
    File(File),
    /// An array.
    Tensor(Tensor),
}

impl Value {
    /// The digest of the value's content. Equal content has an equal digest in every run and on every machine. An
    /// unreadable model or file gets a unique one.
    pub fn digest(&self) -> Digest {
        match self {
            Value::Bool(x) => Hasher::new("bool").number(u64::from(*x)).finish(),
            Value::Int(x) => Hasher::new("int").bytes(&x.to_le_bytes()).finish(),
            Value::Float(x) => Hasher::new("float").number(x.to_bits()).finish(),
            Value::Text(x) => Hasher::new("text").bytes(x.as_bytes()).finish(),
            Value::Model(x) => x.digest(),
            Value::File(x) => x.digest(),
            Value::Tensor(x) => x.digest(),
        }
    }

    /// The digest, or the error for an unreadable model or file; see [`Model::identify`].
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model), [`Error::File`](crate::Error::File), [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn identify(&self, cancel: &CancellationToken) -> Result<Digest> {
        match self {
            Value::Model(x) => x.identify(cancel),
            Value::File(x) => x.identify(cancel),
            other => Ok(other.digest()),
        }
    }

    /// Size in memory in bytes, as counted against a cache's budget.
    pub fn bytes(&self) -> usize {
        let payload = match self {
            Value::Text(x) => x.len(),
            Value::Tensor(x) => x.len() * x.dtype().size(),
            _ => 0,
        };
        size_of::<Value>() + payload
    }

    /// The value's type; a tensor's dimensions are all fixed.
    pub fn ty(&self) -> Ty {
        match self {
            Value::Bool(_) => Ty::Bool,
            Value::Int(_) => Ty::Int,
            Value::Float(_) => Ty::Float,
            Value::Text(_) => Ty::Text,
            Value::Model(_) => Ty::Model,
            Value::File(_) => Ty::File,
            Value::Tensor(x) => Ty::of_tensor(x),
        }
    }
}

/// Writes the value as signatures and messages do: text in quotes, a tensor as its type.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(x) => write!(f, "{x}"),
            Value::Int(x) => write!(f, "{x}"),
            Value::Float(x) => write!(f, "{x:?}"),
            Value::Text(x) => crate::syntax::quote(f, x),
            Value::Model(x) => f.write_str(x.name()),
            Value::File(x) => f.write_str(x.name()),
            Value::Tensor(_) => write!(f, "{}", self.ty()),
        }
    }
}

impl From<bool> for Value {
    fn from(x: bool) -> Value {
        Value::Bool(x)
    }
}

macro_rules! from_whole {
    ($($ty:ty),*) => {$(
        impl From<$ty> for Value {
            fn from(x: $ty) -> Value {
                Value::Int(x.into())
            }
        }
    )*};
}
from_whole!(i32, i64, u32, u64);

impl From<f64> for Value {
    fn from(x: f64) -> Value {
        Value::Float(x)
    }
}

impl From<&str> for Value {
    fn from(x: &str) -> Value {
        Value::Text(x.into())
    }
}

impl From<String> for Value {
    fn from(x: String) -> Value {
        Value::Text(x.into())
    }
}

impl From<Model> for Value {
    fn from(x: Model) -> Value {
        Value::Model(x)
    }
}

impl From<File> for Value {
    fn from(x: File) -> Value {
        Value::File(x)
    }
}

impl From<Tensor> for Value {
    fn from(x: Tensor) -> Value {
        Value::Tensor(x)
    }
}

impl<T: Element, D: Dimension> From<Array<T, D>> for Value {
    fn from(x: Array<T, D>) -> Value {
        Value::Tensor(x.into())
    }
}

impl<T: Element> From<ArcArrayD<T>> for Value {
    fn from(x: ArcArrayD<T>) -> Value {
        Value::Tensor(x.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_different_types_have_different_digests() {
        let values = [
            Value::from(true),
            1i64.into(),
            u64::MAX.into(),
            (-1i64).into(),
            1.0.into(),
            "1".into(),
            "".into(),
        ];
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                assert_eq!(a.digest() == b.digest(), i == j, "{a} and {b}");
            }
        }
    }

    #[test]
    fn bytes_follow_payload() {
        let tensor = Value::from(ndarray::Array2::<f32>::zeros((16, 16)));
        assert_eq!(tensor.bytes() - Value::from(1i64).bytes(), 1024);
    }
}
