//! The arithmetic of a model's evaluations.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use wuerst_core::Tensor;
use wuerst_model::contract::Sizes;
use wuerst_model::count;
use wuerst_model::network::Network;

use crate::header::Header;

/// Counts multiply-adds at the sizes that a model is evaluated with, each size once.
#[derive(Debug)]
pub(crate) struct Work {
    network: Option<Network>,
    known: Mutex<HashMap<Sizes, u64>>,
}

impl Work {
    pub(crate) fn new(header: &Header) -> Work {
        let pairs = header.metadata.iter().map(|(key, value)| (&key[..], &value[..]));
        Work { network: Network::read(pairs), known: Mutex::default() }
    }

    /// Multiply-adds of an evaluation; 0 when the model does not say which network it holds.
    pub(crate) fn multiply_adds(&self, feeds: &[(&str, &Tensor)]) -> u64 {
        let Some(network) = &self.network else { return 0 };
        let sizes = Sizes::of_inputs(feeds.iter().map(|(name, tensor)| (*name, tensor.shape())));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known
            .entry(sizes)
            .or_insert_with(|| network.graph(&sizes).map_or(0, |graph| count::cost(&graph).multiply_adds))
    }
}

#[cfg(test)]
mod tests {
    use wuerst_model::prior::PriorConfig;

    use super::*;

    #[test]
    fn a_batch_of_two_is_twice_the_work() {
        let network =
            Network::Prior(PriorConfig { c: 64, c_cond: 32, depth: 2, nhead: 4, ..PriorConfig::default() });
        let of = |metadata| Work::new(&Header { metadata, ..Header::default() });
        let count = |work: &Work, batch: usize| {
            let zeros =
                |shape: &[usize]| Tensor::from_vec(shape, vec![0f32; shape.iter().product()]).unwrap();
            let (latents, text) = (zeros(&[batch, 16, 6, 6]), zeros(&[batch, 7, 32]));
            work.multiply_adds(&[("latents", &latents), ("timestep", &zeros(&[batch])), ("text", &text)])
        };
        let known = of(vec![network.pair()]);
        assert!(count(&known, 1) > 1_000_000);
        assert_eq!(count(&known, 2), 2 * count(&known, 1));
        assert_eq!(count(&of(vec![]), 1), 0);
    }
}
