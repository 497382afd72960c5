//! Lengths that a model's head fixes, for the check of a graph.

use wuerst_core::{Args, KnownLength};
use wuerst_runtime::{Contract, ModelCache};

/// The named dimensions of a node's signature, which are called as in the contract, that its `model` fixes.
pub(crate) fn of_model(models: &ModelCache, known: &Args<'_>, contract: Contract) -> Vec<KnownLength> {
    // Why a model cannot be used is said by the node's check.
    let lengths = known.model("model").and_then(|model| models.lengths(model, contract)).unwrap_or_default();
    let known = |(dim, length)| KnownLength { dim, length, port: "model".to_owned() };
    lengths.into_iter().map(known).collect()
}
