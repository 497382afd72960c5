//! Tensors as values of inputs, read from `.npy` files.

use std::io::Read;

use anyhow::{Result, anyhow, ensure};
use wuerst::Value;
use wuerst::core::{File, Port, Ty};
use wuerst::stages::npy;

/// Maximum file size in bytes.
const LARGEST: u64 = 256 << 20;

/// The value of an input: the tensor in a file where a tensor is wanted, otherwise the value itself.
pub(crate) fn value(port: &Port, value: &Value) -> Result<Value> {
    match (&port.ty, value) {
        (Ty::Tensor { .. }, Value::File(file)) => {
            tensor(file).map_err(|error| anyhow!("{}: {}: {error}", port.name, file.path().display()))
        }
        _ => Ok(value.clone()),
    }
}

fn tensor(file: &File) -> Result<Value> {
    ensure!(file.size() <= LARGEST, "has more than {} MiB", LARGEST >> 20);
    let mut bytes = vec![];
    file.content()?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(npy::read(&bytes)?.into_shared().into())
}
