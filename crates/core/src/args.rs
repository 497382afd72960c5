//! A node's arguments, by port name.

use half::f16;

use crate::{ArcArrayD, Dim, Element, Error, File, Model, Port, Result, Tensor, Ty, Value, effective_seed};

/// The arguments of one run of a node, looked up by port name, in the order of the signature's inputs.
///
/// The run has already checked types and ranges, so a getter fails only for a port that the signature does not have, or
/// for an optional input that was left out: ask [`Args::has`] first.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    ports: &'a [Port],
    values: &'a [Option<Value>],
    /// During a check: whether each port will have a value; `None` where that is not certain.
    given: &'a [Option<bool>],
    /// During a check: types of the values still to be computed, with the lengths known so far.
    types: &'a [Option<Ty>],
}

impl<'a> Args<'a> {
    /// Arguments for `ports`. `None` stands for an optional input left out or, in a check, for a value not yet known.
    pub fn new(ports: &'a [Port], values: &'a [Option<Value>]) -> Args<'a> {
        Args { ports, values, given: &[], types: &[] }
    }

    /// Arguments of a check. `given` states for each port whether it will have a value when the node runs; `None` where
    /// that depends on the caller of the graph.
    pub fn in_check(ports: &'a [Port], values: &'a [Option<Value>], given: &'a [Option<bool>]) -> Args<'a> {
        Args { ports, values, given, types: &[] }
    }

    /// Adds the types of values that are still to be computed, in the order of the ports.
    #[must_use]
    pub fn with_types(self, types: &'a [Option<Ty>]) -> Args<'a> {
        Args { types, ..self }
    }

    /// The length of dimension `axis` of a tensor; for a tensor still to be computed, `None` if not yet known.
    pub fn length(&self, name: &str, axis: usize) -> Option<usize> {
        let index = self.ports.iter().position(|p| p.name == name)?;
        match (self.values.get(index)?, self.types.get(index)) {
            (Some(Value::Tensor(tensor)), _) => tensor.shape().get(axis).copied(),
            (None, Some(Some(Ty::Tensor { dims, .. }))) => match dims.get(axis)? {
                Dim::Fixed(length) => Some(*length),
                Dim::Named(_) => None,
            },
            _ => None,
        }
    }

    /// Whether `name` has a value or, in a check, will have one; `None` where that is not known yet.
    pub fn given(&self, name: &str) -> Option<bool> {
        let index = self.ports.iter().position(|p| p.name == name)?;
        match self.values.get(index)? {
            Some(_) => Some(true),
            None => self.given.get(index).copied().flatten(),
        }
    }

    /// The values in the order of the signature.
    pub fn values(&self) -> &'a [Option<Value>] {
        self.values
    }

    /// Whether `name` has a value now.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of `name`, if present.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let index = self.ports.iter().position(|p| p.name == name)?;
        self.values.get(index)?.as_ref()
    }

    /// The value of `name`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it has none.
    pub fn value(&self, name: &str) -> Result<&'a Value> {
        self.get(name).ok_or_else(|| {
            let declared = self.ports.iter().any(|p| p.name == name);
            let hint = if declared { ": it was left out" } else { ": the signature does not have it" };
            Error::NotFound { what: "argument", name: name.to_owned(), hint: hint.to_owned() }
        })
    }

    /// A `bool` argument.
    ///
    /// # Errors
    /// When there is no value or it has another type. The other getters fail in this way too.
    pub fn bool(&self, name: &str) -> Result<bool> {
        match self.value(name)? {
            Value::Bool(x) => Ok(*x),
            other => Err(wrong(name, "bool", other)),
        }
    }

    /// An `int` argument. A number beyond signed 64 bits is an error; for seeds use [`Args::seed`].
    pub fn int(&self, name: &str) -> Result<i64> {
        let number = self.whole(name)?;
        i64::try_from(number)
            .map_err(|_| Error::invalid(name, format!("{number} is larger than {}", i64::MAX)))
    }

    /// An `int` argument used as a seed, reduced to its effective 32 bits; see [`effective_seed`].
    pub fn seed(&self, name: &str) -> Result<u32> {
        Ok(effective_seed(self.whole(name)?))
    }

    fn whole(&self, name: &str) -> Result<i128> {
        match self.value(name)? {
            Value::Int(x) => Ok(*x),
            other => Err(wrong(name, "int", other)),
        }
    }

    /// An `int` argument used as a count: like [`Args::int`], and never negative.
    pub fn count(&self, name: &str) -> Result<usize> {
        let count = self.int(name)?;
        usize::try_from(count).map_err(|_| Error::invalid(name, format!("{count} is negative")))
    }

    /// A `float` argument.
    pub fn float(&self, name: &str) -> Result<f64> {
        match self.value(name)? {
            Value::Float(x) => Ok(*x),
            Value::Int(x) => Ok(*x as f64),
            other => Err(wrong(name, "float", other)),
        }
    }

    /// A `text` argument.
    pub fn text(&self, name: &str) -> Result<&'a str> {
        match self.value(name)? {
            Value::Text(x) => Ok(x),
            other => Err(wrong(name, "text", other)),
        }
    }

    /// A `model` argument.
    pub fn model(&self, name: &str) -> Result<&'a Model> {
        match self.value(name)? {
            Value::Model(x) => Ok(x),
            other => Err(wrong(name, "model", other)),
        }
    }

    /// A `file` argument.
    pub fn file(&self, name: &str) -> Result<&'a File> {
        match self.value(name)? {
            Value::File(x) => Ok(x),
            other => Err(wrong(name, "file", other)),
        }
    }

    /// A tensor argument of any element type.
    pub fn tensor(&self, name: &str) -> Result<&'a Tensor> {
        match self.value(name)? {
            Value::Tensor(x) => Ok(x),
            other => Err(wrong(name, "tensor", other)),
        }
    }

    /// An f32 tensor; f16 is widened. Elements are shared, not copied, where possible.
    pub fn tensor_f32(&self, name: &str) -> Result<ArcArrayD<f32>> {
        let tensor = self.tensor(name)?;
        tensor.to_f32().ok_or_else(|| wrong(name, "f32 tensor", &Value::Tensor(tensor.clone())))
    }

    /// An f16 tensor. Shares the elements.
    pub fn tensor_f16(&self, name: &str) -> Result<ArcArrayD<f16>> {
        self.array(name)
    }

    /// An i64 tensor. Shares the elements.
    pub fn tensor_i64(&self, name: &str) -> Result<ArcArrayD<i64>> {
        self.array(name)
    }

    /// A u8 tensor. Shares the elements.
    pub fn tensor_u8(&self, name: &str) -> Result<ArcArrayD<u8>> {
        self.array(name)
    }

    fn array<T: Element>(&self, name: &str) -> Result<ArcArrayD<T>> {
        let tensor = self.tensor(name)?;
        let array = tensor.array::<T>().cloned();
        array.ok_or_else(|| wrong(name, &format!("{} tensor", T::DTYPE), &Value::Tensor(tensor.clone())))
    }
}

fn wrong(name: &str, want: &str, got: &Value) -> Error {
    Error::Type { what: name.to_owned(), want: want.to_owned(), got: got.ty().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signature;

    #[test]
    fn getters_find_by_name_or_fail() {
        let signature: Signature =
            "steps: int, init: f32[n]?, text: f32[n], guidance: float ->".parse().unwrap();
        let half = Value::from(ndarray::Array1::from_elem(2, f16::ONE));
        let values = [Some(Value::Int(-3)), None, Some(half), Some(Value::Int(4))];
        let args = Args::new(&signature.inputs, &values);
        assert_eq!(args.int("steps").unwrap(), -3);
        assert_eq!(args.float("guidance").unwrap(), 4.0);
        assert_eq!(args.tensor_f32("text").unwrap().as_slice(), Some([1.0, 1.0].as_slice()));
        assert!(args.has("text") && !args.has("init"));
        let message = |e: Error| e.to_string();
        assert_eq!(args.text("steps").map_err(message), Err("steps: wants text, got int".into()));
        assert_eq!(args.count("steps").map_err(message), Err("steps: -3 is negative".into()));
        assert_eq!(
            args.tensor_i64("text").map_err(message),
            Err("text: wants i64 tensor, got f16[2]".into())
        );
        assert_eq!(args.bool("init").map_err(message), Err("no argument `init`: it was left out".into()));
        assert_eq!(
            args.bool("x").map_err(message),
            Err("no argument `x`: the signature does not have it".into())
        );
    }
}
