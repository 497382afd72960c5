//! Checks arguments and results of nodes against their signatures while a graph runs.
//!
//! Everything known earlier is checked earlier. Remaining checks are lengths known only from values, numbers that nodes
//! compute, and nodes that violate their signature.

use std::collections::BTreeMap;

use wuerst_core::{Error, NotFinite, Port, Result, Signature, Value};

use crate::graph::BoundaryCheck;

/// Lengths bound to the named dimensions of a signature.
pub(crate) type Lengths = BTreeMap<String, usize>;

/// Checks the arguments that are known.
pub(crate) fn arguments(ports: &[Port], values: &[Option<Value>]) -> Result<Lengths> {
    let mut lengths = Lengths::new();
    for (port, value) in ports.iter().zip(values) {
        let Some(value) = value else { continue };
        argument(port, value, &mut lengths)?;
    }
    Ok(lengths)
}

/// Checks an argument, given the lengths bound to dimension names so far.
pub(crate) fn argument(port: &Port, value: &Value, lengths: &mut Lengths) -> Result<()> {
    bind(port, value, lengths, &port.name)?;
    port.allows(value).map_err(|message| Error::invalid(&port.name, message))
}

/// Checks known arguments against the inputs of nested graphs through which they passed.
pub(crate) fn boundaries(boundaries: &[BoundaryCheck], values: &[Option<Value>]) -> Result<()> {
    for BoundaryCheck { arg, name, port, .. } in boundaries {
        let Some(value) = &values[*arg] else { continue };
        // The value has the type of the node's port, which may be wider.
        if !value.ty().accepts(&port.ty) {
            let (want, got) = (port.ty.to_string(), value.ty().to_string());
            return Err(Error::Type { what: name.clone(), want, got });
        }
        port.allows(value).map_err(|message| Error::invalid(name, message))?;
    }
    Ok(())
}

/// Checks the results of a node.
pub(crate) fn results(signature: &Signature, values: &[Value], mut lengths: Lengths) -> Result<()> {
    let ports = &signature.outputs;
    if ports.len() != values.len() {
        let message = format!("declares {} and returned {}", ports.len(), values.len());
        return Err(Error::invalid("outputs", message));
    }
    for (port, value) in ports.iter().zip(values) {
        let what = format!("output `{}`", port.name);
        bind(port, value, &mut lengths, &what)?;
        finite(value).map_err(|odd| Error::invalid(what, odd.to_string()))?;
    }
    Ok(())
}

/// Refuses NaN and infinities, which would spread unnoticed and end in a black picture.
pub(crate) fn finite(value: &Value) -> Result<(), NotFinite> {
    match value {
        Value::Tensor(tensor) => tensor.not_finite().map_or(Ok(()), Err),
        _ => Ok(()),
    }
}

fn bind(port: &Port, value: &Value, lengths: &mut Lengths, what: &str) -> Result<()> {
    if port.ty.binds(value, lengths) {
        return Ok(());
    }
    let want = port.ty.with_lengths(|name| lengths.get(name).copied());
    Err(Error::Type { what: what.to_owned(), want, got: value.ty().to_string() })
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn lengths_of_arguments_hold_for_results() {
        let signature: Signature = "a: f32[b,4], n: int {1..9} -> c: u8[b,2]".parse().unwrap();
        let args = |n: i64| [Some(Value::from(Array2::<f32>::zeros((3, 4)))), Some(Value::from(n))];
        let lengths = arguments(&signature.inputs, &args(1)).unwrap();
        let give = |shape| results(&signature, &[Value::from(Array2::<u8>::zeros(shape))], lengths.clone());
        assert!(give((3, 2)).is_ok());
        assert_eq!(give((1, 2)).unwrap_err().to_string(), "output `c`: wants u8[b=3,2], got u8[1,2]");
        let none = results(&signature, &[], lengths).unwrap_err();
        assert_eq!(none.to_string(), "outputs: declares 1 and returned 0");
        assert_eq!(arguments(&signature.inputs, &args(0)).unwrap_err().to_string(), "n: 0 is outside 1..9");
    }

    #[test]
    fn results_are_finite() {
        let signature: Signature = "-> c: f32[b]".parse().unwrap();
        let give = |x: f32| results(&signature, &[Value::from(ndarray::arr1(&[0., x]))], Lengths::new());
        assert!(give(f32::MAX).is_ok());
        let said = give(f32::NAN).unwrap_err().to_string();
        assert_eq!(said, "output `c`: holds NaN at [1]; 1 of its 2 numbers is not finite");
        assert!(give(f32::INFINITY).is_err());
    }
}
