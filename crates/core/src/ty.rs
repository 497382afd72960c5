//! Types of ports and wires.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::colour::byte;
use crate::{DType, Error, File, Model, Result, Tensor, Value, memory};

/// The type of a port or of a wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ty {
    /// True or false.
    Bool,
    /// A signed 64-bit integer.
    Int,
    /// A 64-bit floating-point number; accepts an `int`.
    Float,
    /// A string.
    Text,
    /// A model on disk, named by a string.
    Model,
    /// A file to read, named by a string.
    File,
    /// An array.
    Tensor {
        /// Element type. A port of `f32` accepts `f16`, widened; a port for pictures accepts `u8` from 0 to 255 and floats
        /// from 0 to 1.
        dtype: DType,
        /// Dimensions, slowest first.
        dims: Vec<Dim>,
    },
}

/// One dimension of a tensor type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dim {
    /// Exactly this length.
    Fixed(usize),
    /// Any length, equal for all uses of the name within one signature.
    Named(String),
}

impl Ty {
    /// The type of this tensor, with its exact shape.
    pub fn of_tensor(tensor: &Tensor) -> Ty {
        let dims = tensor.shape().iter().map(|&d| Dim::Fixed(d)).collect();
        Ty::Tensor { dtype: tensor.dtype(), dims }
    }

    /// The model or file at a path, which need not be UTF-8; its name is the displayed path.
    ///
    /// # Errors
    /// [`Error::Model`], [`Error::File`], or [`Error::Type`] for another type.
    pub fn at_path(&self, path: &Path) -> Result<Value> {
        let name = path.to_string_lossy();
        match self {
            Ty::Model => Model::open(&name, path).map(Value::Model),
            Ty::File => File::open(&name, path).map(Value::File),
            other => {
                let got = format!("the path {}", path.display());
                Err(Error::Type { what: "value".to_owned(), want: other.to_string(), got })
            }
        }
    }

    /// Whether a port of this type accepts a value of type `from`.
    ///
    /// Includes conversions: `int` to `float`, `f16` to `f32`, and pictures, whose last dimension is 3, between `u8` and
    /// floats, with rounding. Named dimensions fit any length here; the check of the whole graph tells whether they agree.
    pub fn accepts(&self, from: &Ty) -> bool {
        match (self, from) {
            (Ty::Float, Ty::Int) => true,
            (Ty::Tensor { dtype, dims }, Ty::Tensor { dtype: from_dtype, dims: from_dims }) => {
                (dtype == from_dtype
                    || (*dtype == DType::F32 && *from_dtype == DType::F16)
                    || pictures((*dtype, dims), (*from_dtype, from_dims)))
                    && dims.len() == from_dims.len()
                    && dims.iter().zip(from_dims).all(|pair| match pair {
                        (Dim::Fixed(a), Dim::Fixed(b)) => a == b,
                        _ => true,
                    })
            }
            _ => self == from,
        }
    }

    /// Whether `value` has exactly this type, where equal dimension names require equal lengths.
    pub fn holds(&self, value: &Value) -> bool {
        self.binds(value, &mut BTreeMap::new())
    }

    /// Whether `value` has exactly this type, given the lengths already bound to the signature's dimension names. Binds
    /// names that occur first in this type; none if the value has another type.
    pub fn binds(&self, value: &Value, lengths: &mut BTreeMap<String, usize>) -> bool {
        match (self, value) {
            (Ty::Tensor { dtype, dims }, Value::Tensor(tensor)) => {
                *dtype == tensor.dtype()
                    && dims.len() == tensor.shape().len()
                    && self.binds_lengths(tensor.shape().iter().copied().map(Some), lengths)
            }
            (Ty::Tensor { .. }, _) | (_, Value::Tensor(_)) => false,
            _ => *self == value.ty(),
        }
    }

    /// Like [`Ty::binds`], for the shape of a tensor of which some lengths are not known yet: those are `None`. True for
    /// other types.
    pub fn binds_lengths(
        &self,
        shape: impl IntoIterator<Item = Option<usize>>,
        lengths: &mut BTreeMap<String, usize>,
    ) -> bool {
        let Ty::Tensor { dims, .. } = self else { return true };
        let mut new: Vec<&str> = Vec::new();
        let fits = dims.iter().zip(shape).all(|pair| match pair {
            (_, None) => true,
            (Dim::Fixed(fixed), Some(length)) => *fixed == length,
            (Dim::Named(name), Some(length)) => match lengths.get(name) {
                Some(bound) => *bound == length,
                None => {
                    lengths.insert(name.clone(), length);
                    new.push(name);
                    true
                }
            },
        });
        if !fits {
            lengths.retain(|name, _| !new.contains(&name.as_str()));
        }
        fits
    }

    /// The type as messages write it, with known lengths after the names: `f32[b=1,16,h,w]`.
    pub fn with_lengths(&self, length: impl Fn(&str) -> Option<usize>) -> String {
        let Ty::Tensor { dtype, dims } = self else { return self.to_string() };
        let dim = |dim: &Dim| match dim {
            Dim::Named(name) => {
                length(name).map_or_else(|| name.clone(), |length| format!("{name}={length}"))
            }
            Dim::Fixed(length) => length.to_string(),
        };
        format!("{dtype}[{}]", dims.iter().map(dim).collect::<Vec<_>>().join(","))
    }

    /// Converts a value to this type where a port accepts it (see [`Ty::accepts`]); otherwise returns it unchanged.
    pub fn widen(&self, value: Value) -> Value {
        match (self, value) {
            (Ty::Float, Value::Int(x)) => Value::Float(x as f64),
            (Ty::Tensor { dtype: DType::F32, .. }, Value::Tensor(x)) if x.dtype() == DType::F16 => {
                x.to_f32().map_or(Value::Tensor(x), Value::from)
            }
            (Ty::Tensor { dtype, dims }, Value::Tensor(x)) => match Ty::of_tensor(&x) {
                Ty::Tensor { dtype: from, dims: from_dims }
                    if pictures((*dtype, dims), (from, &from_dims)) =>
                {
                    repainted(&x, *dtype).unwrap_or(x).into()
                }
                _ => Value::Tensor(x),
            },
            (_, value) => value,
        }
    }
}

/// Whether both types are pictures or lists of pictures, one as bytes and the other as floats.
fn pictures((dtype, dims): (DType, &[Dim]), (from, from_dims): (DType, &[Dim])) -> bool {
    let colours = |dims: &[Dim]| [3, 4].contains(&dims.len()) && dims.last() == Some(&Dim::Fixed(3));
    let differ = matches!((dtype, from), (DType::U8, DType::F32 | DType::F16) | (DType::F32, DType::U8));
    differ && dims.len() == from_dims.len() && colours(dims) && colours(from_dims)
}

/// Converts a picture between bytes and floats; `None` if memory is short.
fn repainted(picture: &Tensor, dtype: DType) -> Option<Tensor> {
    match dtype {
        DType::U8 => {
            let floats = picture.to_f32()?;
            let bytes = memory::collected(floats.iter().map(|colour| byte(*colour))).ok()?;
            Tensor::from_vec(picture.shape(), bytes).ok()
        }
        _ => {
            let bytes = picture.values::<u8>()?.iter();
            let floats = memory::collected(bytes.map(|colour| f32::from(*colour) / 255.)).ok()?;
            Tensor::from_vec(picture.shape(), floats).ok()
        }
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Bool => f.write_str("bool"),
            Ty::Int => f.write_str("int"),
            Ty::Float => f.write_str("float"),
            Ty::Text => f.write_str("text"),
            Ty::Model => f.write_str("model"),
            Ty::File => f.write_str("file"),
            Ty::Tensor { dtype, dims } => {
                write!(f, "{dtype}[")?;
                for (i, dim) in dims.iter().enumerate() {
                    write!(f, "{}{dim}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Fixed(length) => write!(f, "{length}"),
            Dim::Named(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn tensor(dtype: DType, dims: &[&str]) -> Ty {
        let dim = |d: &&str| d.parse().map_or_else(|_| Dim::Named(d.to_string()), Dim::Fixed);
        Ty::Tensor { dtype, dims: dims.iter().map(dim).collect() }
    }

    #[test]
    fn widening_is_accepted_and_narrowing_is_not() {
        assert!(Ty::Float.accepts(&Ty::Int) && !Ty::Int.accepts(&Ty::Float));
        let (wide, narrow) = (tensor(DType::F32, &["b", "4"]), tensor(DType::F16, &["1", "c"]));
        assert!(wide.accepts(&narrow) && !narrow.accepts(&wide));
        assert_eq!(Ty::Float.widen(Value::Int(3)), Value::Float(3.0));
        let half = Value::from(Array2::from_elem((1, 4), half::f16::ONE));
        assert!(wide.holds(&wide.widen(half.clone())) && !wide.holds(&half));
    }

    #[test]
    fn pictures_are_bytes_or_floats() {
        let (bytes, floats) = (tensor(DType::U8, &["h", "w", "3"]), tensor(DType::F32, &["h", "w", "3"]));
        assert!(bytes.accepts(&floats) && floats.accepts(&bytes));
        assert!(bytes.accepts(&tensor(DType::F16, &["2", "2", "3"])));
        assert!(!bytes.accepts(&tensor(DType::F32, &["h", "w", "c"])), "no picture");
        assert!(!tensor(DType::U8, &["b", "4"]).accepts(&tensor(DType::F32, &["b", "4"])));
        assert!(!tensor(DType::U8, &["n", "h", "w", "3"]).accepts(&floats));
        let picture = |colours: Vec<f32>| Value::from(Tensor::from_vec(&[1, 2, 3], colours).unwrap());
        let stored = Value::from(Tensor::from_vec(&[1, 2, 3], vec![0u8, 51, 255, 0, 0, 255]).unwrap());
        assert_eq!(bytes.widen(picture(vec![0., 0.2, 1., -3., 0.001, 9.])), stored);
        assert_eq!(floats.widen(stored), picture(vec![0., 0.2, 1., 0., 0., 1.]));
    }

    #[test]
    fn rank_and_fixed_lengths_must_agree() {
        assert!(!tensor(DType::F32, &["b", "4"]).accepts(&tensor(DType::F32, &["b", "5"])));
        assert!(!tensor(DType::F32, &["b", "4"]).accepts(&tensor(DType::F32, &["b"])));
    }

    #[test]
    fn name_used_twice_means_one_length() {
        let square = tensor(DType::U8, &["n", "n"]);
        assert!(square.holds(&Value::from(Array2::<u8>::zeros((3, 3)))));
        assert!(!square.holds(&Value::from(Array2::<u8>::zeros((3, 4)))));
    }
}
