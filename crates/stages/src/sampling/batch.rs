//! Batches, of which a stage gets one picture at a time, so that each is what it would be alone.

use wuerst_core::{Args, Error, Result, Tensor};

/// The f32 argument `port` of one picture, `[1,…]`.
///
/// # Errors
/// When it is a batch of nothing, or of several that nobody has parted.
pub(crate) fn one(args: &Args<'_>, port: &str) -> Result<Tensor> {
    let tensor = Tensor::from(args.tensor_f32(port)?);
    alone(port, &tensor)?;
    Ok(tensor)
}

/// Whether a tensor is of one picture.
pub(crate) fn alone(port: &str, tensor: &Tensor) -> Result<()> {
    match tensor.shape().first() {
        None | Some(0) => Err(Error::invalid(port, "is a batch of nothing")),
        Some(1) => Ok(()),
        Some(count) => Err(Error::invalid(port, format!("has a batch of {count}, where 1 is wanted"))),
    }
}
