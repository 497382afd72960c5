//! Cost of a model's evaluations.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use wuerst_core::Tensor;
use wuerst_model::contract::Sizes;
use wuerst_model::count::{self, Cost, WrittenAs};
use wuerst_model::network::Network;

use crate::model_header::ModelHeader;

/// Maximum number of remembered sizes.
const SIZES: usize = 256;

/// Cost counts for the sizes that a model is evaluated with, each counted once.
#[derive(Debug)]
pub(crate) struct CostModel {
    network: Option<Network>,
    written: WrittenAs,
    known: Mutex<HashMap<Sizes, Option<Counted>>>,
}

/// The cost of an evaluation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// Of the whole network.
    pub(crate) cost: Cost,
    /// The part of the MACs that only the first step of a picture needs.
    pub(crate) invariant: u64,
}

impl CostModel {
    pub(crate) fn new(header: &ModelHeader) -> CostModel {
        CostModel { network: header.network(), written: header.written_as(), known: Mutex::default() }
    }

    /// Cost of an evaluation, `None` if the model does not state its network; and whether this is the first evaluation
    /// with these sizes. `once` tells whether a parameter belongs to the part that only the first step evaluates.
    pub(crate) fn cost(
        &self,
        feeds: &[(&str, &Tensor)],
        invariant: impl Fn(&str) -> bool,
    ) -> (Option<Counted>, bool) {
        let sizes = Sizes::of_inputs(feeds.iter().map(|(name, tensor)| (*name, tensor.shape())));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SIZES {
            known.clear();
        }
        match known.entry(sizes) {
            Entry::Occupied(known) => (*known.get(), false),
            Entry::Vacant(new) => (*new.insert(self.counted(&sizes, invariant)), true),
        }
    }

    fn counted(&self, sizes: &Sizes, invariant: impl Fn(&str) -> bool) -> Option<Counted> {
        let graph = self.network.as_ref()?.graph(sizes).ok()?;
        Some(Counted {
            cost: count::cost_as(&graph, self.written),
            invariant: count::invariant(&graph, invariant),
        })
    }
}

#[cfg(test)]
mod tests {
    use wuerst_model::prior::PriorConfig;

    use super::*;

    #[test]
    fn batch_of_two_doubles_work() {
        let network =
            Network::Prior(PriorConfig { c: 64, c_cond: 32, depth: 2, nhead: 4, ..PriorConfig::default() });
        let of = |properties| CostModel::new(&ModelHeader { properties, ..ModelHeader::default() });
        let count = |work: &CostModel, batch: usize| {
            let zeros =
                |shape: &[usize]| Tensor::from_vec(shape, vec![0f32; shape.iter().product()]).unwrap();
            let (latents, text) = (zeros(&[batch, 16, 6, 6]), zeros(&[batch, 7, 32]));
            let feeds = [("latents", &latents), ("timestep", &zeros(&[batch])), ("text", &text)];
            work.cost(&feeds, |_| false).0.map(|counted| counted.cost.macs)
        };
        let known = of(vec![network.pair()]);
        assert!(count(&known, 1) > Some(1_000_000));
        assert_eq!(count(&known, 2), count(&known, 1).map(|one| 2 * one));
        assert_eq!(count(&of(vec![]), 1), None);
        assert!(known.cost(&[], |_| false).1 && !known.cost(&[], |_| false).1, "only the first time");
    }
}
