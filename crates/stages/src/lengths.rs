//! Lengths fixed by a model's header, for the check of a graph.

use wuerst_core::{Args, Error, KnownLength, Model, Result};
use wuerst_runtime::{Contract, ModelCache};

/// Lengths fixed by a node's `model`, for dimensions of its signature that have the contract's names.
pub(crate) fn of_model(models: &ModelCache, known: &Args<'_>, contract: Contract) -> Vec<KnownLength> {
    // The node's check reports why a model cannot be used.
    let lengths = known.model("model").and_then(|model| models.lengths(model, contract)).unwrap_or_default();
    lengths.into_iter().map(|(dim, length)| KnownLength::new(&dim, length, "model")).collect()
}

/// Checks whether a model accepts its inputs, as far as their sizes are known; `port` is to blame.
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

/// Lengths of an argument of which the model gets one picture at a time.
pub(crate) fn of_one<const N: usize>(known: &Args<'_>, port: &str) -> [Option<usize>; N] {
    let mut axis = 0;
    [(); N].map(|()| {
        let length = if axis == 0 { None } else { known.length(port, axis) };
        axis += 1;
        length
    })
}
