//! How much a run has saved so far.

use std::cell::Cell;
use std::rc::Rc;

/// The files that the nodes of one run have saved, and their bytes. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Saved(Rc<Cell<(u64, u64)>>);

impl Saved {
    /// How many files there are.
    pub fn files(&self) -> u64 {
        self.0.get().0
    }

    /// How many bytes they have together.
    pub fn bytes(&self) -> u64 {
        self.0.get().1
    }

    /// Counts one more file.
    pub fn add(&self, bytes: u64) {
        let (files, before) = self.0.get();
        self.0.set((files + 1, before.saturating_add(bytes)));
    }
}
