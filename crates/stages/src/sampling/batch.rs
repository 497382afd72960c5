//! Batches: a stage gets one picture at a time, so that each equals a picture made alone.

use wuerst_core::{Args, Error, Result, Tensor};

/// The f32 argument `port` of one picture, `[1,…]`.
///
/// # Errors
/// If the batch is empty, or has several pictures that were not split.
pub(crate) fn one(args: &Args<'_>, port: &str) -> Result<Tensor> {
    let tensor = Tensor::from(args.tensor_f32(port)?);
    alone(port, &tensor)?;
    Ok(tensor)
}

/// Checks that a tensor belongs to one picture.
pub(crate) fn alone(port: &str, tensor: &Tensor) -> Result<()> {
    match tensor.shape().first() {
        None | Some(0) => Err(Error::invalid(port, "is a batch of nothing")),
        Some(1) => Ok(()),
        Some(count) => Err(Error::invalid(port, format!("has a batch of {count}, where 1 is expected"))),
    }
}
