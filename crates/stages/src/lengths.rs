//! Lengths that a model's head fixes, for the check of a graph.

use wuerst_core::{Args, Error, KnownLength, Model, Result};
use wuerst_runtime::{Contract, ModelCache};

/// The named dimensions of a node's signature, which are called as in the contract, that its `model` fixes.
pub(crate) fn of_model(models: &ModelCache, known: &Args<'_>, contract: Contract) -> Vec<KnownLength> {
    // Why a model cannot be used is said by the node's check.
    let lengths = known.model("model").and_then(|model| models.lengths(model, contract)).unwrap_or_default();
    lengths.into_iter().map(|(dim, length)| KnownLength::new(&dim, length, "model")).collect()
}

/// Whether a model takes what it will be fed with, as far as that is known; `port` is to blame.
pub(crate) fn fit(
    models: &ModelCache,
    (model, contract): (&Model, Contract),
    (port, input): (&str, &str),
    lengths: &[Option<usize>],
) -> Result<()> {
    match models.misfit(model, contract, input, lengths)? {
        Some(why) => Err(Error::invalid(port, why)),
        None => Ok(()),
    }
}

/// The lengths of an argument, of which a model gets one picture at a time.
pub(crate) fn of_one<const N: usize>(known: &Args<'_>, port: &str) -> [Option<usize>; N] {
    let mut axis = 0;
    [(); N].map(|()| {
        let length = if axis == 0 { None } else { known.length(port, axis) };
        axis += 1;
        length
    })
}
