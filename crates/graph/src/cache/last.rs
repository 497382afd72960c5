//! The last arguments of each node, from which reports tell the changed ones.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use wuerst_core::{Digest, Hasher};

/// Maximum number of remembered nodes, over all graphs.
const NODES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(16_383);

/// Digests of a node's arguments, in the order of its signature, followed by its external state.
pub(crate) type Arguments = Arc<[Option<Digest>]>;

/// Arguments by the node's name and kind.
pub(super) struct Last(LruCache<Digest, Arguments>);

impl Last {
    pub(super) fn new() -> Last {
        Last(LruCache::new(NODES))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Records the arguments; returns the positions of those that changed since the last run, if there was one.
    pub(super) fn note(&mut self, id: &str, kind: &str, arguments: Arguments) -> Option<Vec<usize>> {
        let node = Hasher::new("place").bytes(id.as_bytes()).bytes(kind.as_bytes()).finish();
        let before = self.0.put(node, arguments.clone()).filter(|before| before.len() == arguments.len())?;
        let differ = (0..arguments.len()).filter(|&at| before[at] != arguments[at]);
        Some(differ.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_arguments_are_reported_per_node() {
        let mut last = Last::new();
        let number = |n: u64| Some(Hasher::new("n").number(n).finish());
        let arguments = |list: [Option<Digest>; 2]| Arguments::from(list);
        assert_eq!(last.note("prior", "wuerst.prior", arguments([number(1), number(2)])), None);
        assert_eq!(last.note("prior", "wuerst.prior", arguments([number(1), number(3)])), Some(vec![1]));
        assert_eq!(last.note("prior", "acme.prior", arguments([number(1), number(4)])), None);
        assert_eq!(last.note("prior", "wuerst.prior", arguments([None, number(3)])), Some(vec![0]));
        assert_eq!(last.note("prior", "wuerst.prior", arguments([None, number(3)])), Some(vec![]));
    }
}
