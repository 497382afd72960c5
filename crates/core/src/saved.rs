//! Counter of files saved by a run.

use std::cell::Cell;
use std::rc::Rc;

/// Number and size of the files that the nodes of one run have saved. Clones share the counter.
#[derive(Clone, Debug, Default)]
pub struct Saved(Rc<Cell<(u64, u64)>>);

impl Saved {
    /// Number of files.
    pub fn files(&self) -> u64 {
        self.0.get().0
    }

    /// Total size in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.get().1
    }

    /// Counts one more file.
    pub fn add(&self, bytes: u64) {
        let (files, before) = self.0.get();
        self.0.set((files + 1, before.saturating_add(bytes)));
    }
}
