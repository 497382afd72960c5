//! A node's arguments, by port name.

use half::f16;

use crate::{ArcArrayD, Dim, Element, Error, File, Model, Port, Result, Tensor, Ty, Value, effective_seed};

/// The arguments of one run of a node, in the order of its signature's inputs and asked for by name.
///
/// The run has already checked types and ranges, so a getter fails only when the node asks for a port
/// that its signature does not have, or for an optional one that was left out: ask [`Args::has`] first.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    ports: &'a [Port],
    values: &'a [Option<Value>],
    /// In a check, whether there will be a value, as far as that is certain.
    given: &'a [Option<bool>],
    /// In a check, the types of what is still to be computed, with the lengths that are known.
    types: &'a [Option<Ty>],
}

impl<'a> Args<'a> {
    /// Arguments for `ports`; `None` where an optional one is left out or, in a check, not yet known.
    pub fn new(ports: &'a [Port], values: &'a [Option<Value>]) -> Args<'a> {
        Args { ports, values, given: &[], types: &[] }
    }

    /// Arguments of a check: `given` says of each port whether it will have a value when the node runs; `None` where that
    /// depends on who runs the graph.
    pub fn in_check(ports: &'a [Port], values: &'a [Option<Value>], given: &'a [Option<bool>]) -> Args<'a> {
        Args { ports, values, given, types: &[] }
    }

    /// The same with the types of what is still to be computed, in the order of the ports.
    #[must_use]
    pub fn with_types(self, types: &'a [Option<Ty>]) -> Args<'a> {
        Args { types, ..self }
    }

    /// The length of a tensor's dimension, of one that is still to be computed as far as it is known.
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

    /// Whether there is a value for `name`.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value for `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let index = self.ports.iter().position(|p| p.name == name)?;
        self.values.get(index)?.as_ref()
    }

    /// The value for `name`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
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
    /// When there is none, or it is of another type; so for every getter below.
    pub fn bool(&self, name: &str) -> Result<bool> {
        match self.value(name)? {
            Value::Bool(x) => Ok(*x),
            other => Err(wrong(name, "bool", other)),
        }
    }

    /// An `int` argument. One beyond 64 bits with a sign, as a seed may be, is an error: see [`Args::seed`].
    pub fn int(&self, name: &str) -> Result<i64> {
        let number = self.whole(name)?;
        i64::try_from(number)
            .map_err(|_| Error::invalid(name, format!("{number} is larger than {}", i64::MAX)))
    }

    /// An `int` argument that starts random numbers: the part of it that counts, see [`effective_seed`].
    pub fn seed(&self, name: &str) -> Result<u32> {
        Ok(effective_seed(self.whole(name)?))
    }

    fn whole(&self, name: &str) -> Result<i128> {
        match self.value(name)? {
            Value::Int(x) => Ok(*x),
            other => Err(wrong(name, "int", other)),
        }
    }

    /// An `int` argument that counts something: as [`Args::int`], and not negative.
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

    /// An f32 tensor; f16 is widened. Shares the elements where it can.
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
    fn getters_find_by_name_and_say_what_is_wrong() {
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
