//! Models ONNX Runtime's arena to predict memory use.
//!
//! The arena of its CPU provider takes memory from the system in regions, each at least twice as large as the last, and
//! hands out chunks: the best fit, unsplit unless it is at least twice as large as requested. So it holds more than was
//! requested, and never returns regions. (The algorithm is TensorFlow's best fit with coalescing; numbers are ONNX
//! Runtime's defaults.)

use std::collections::{BTreeMap, BTreeSet};

/// All sizes are multiples of this.
const GRAIN: u64 = 256;

/// Minimum size of a region, and the size up to which regions grow on their own.
const REGION: std::ops::Range<u64> = 1 << 20..1 << 30;

/// Maximum unused rest of a chunk that is handed out unsplit.
const LEFT_OVER: u64 = 128 << 20;

/// The model: addresses stand for memory, region after region.
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// Size of each chunk, by address; a region ends at the end of a chunk, and regions never touch.
    chunks: BTreeMap<u64, u64>,
    /// Free chunks, by size and address.
    free: BTreeSet<(u64, u64)>,
    /// Size of the next region, if that is enough.
    next: u64,
    /// Address of the next region.
    end: u64,
    held: u64,
    /// Bytes in use all along, which do not count.
    before: u64,
    /// Peak total size of chunks in use.
    pub(super) most: u64,
    /// Bytes taken from the system.
    pub(super) taken: u64,
}

/// A chunk in use, by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk(u64);

impl Arena {
    /// An arena with this many bytes in use already, which do not count.
    pub(super) fn with(bytes: u64) -> Arena {
        let mut arena = Arena::default();
        if bytes > 0 {
            arena.take(bytes);
            arena.before = arena.held;
            arena.most = 0;
        }
        arena
    }

    /// Hands out a chunk of this size.
    pub(super) fn take(&mut self, bytes: u64) -> Chunk {
        let wanted = bytes.max(1).next_multiple_of(GRAIN);
        let fit = self.free.range((wanted, 0)..).next().copied();
        let (size, address) = fit.unwrap_or_else(|| self.extend(wanted));
        self.free.remove(&(size, address));
        let mut size = size;
        if size >= 2 * wanted || size - wanted >= LEFT_OVER {
            self.chunks.insert(address + wanted, size - wanted);
            self.free.insert((size - wanted, address + wanted));
            size = wanted;
        }
        self.chunks.insert(address, size);
        self.held += size;
        self.most = self.most.max(self.held - self.before);
        Chunk(address)
    }

    /// Adds a region with enough room.
    fn extend(&mut self, wanted: u64) -> (u64, u64) {
        self.next = self.next.max(REGION.start);
        let large = wanted > self.next;
        while wanted > self.next {
            self.next *= 2;
        }
        let (size, address) = (self.next, self.end);
        if !large {
            self.next = (2 * self.next).min(REGION.end);
        }
        // A gap, so that regions do not count as neighbours.
        self.end += size + GRAIN;
        self.taken += size;
        self.chunks.insert(address, size);
        self.free.insert((size, address));
        (size, address)
    }

    /// Frees a chunk, and merges it with free neighbours.
    pub(super) fn give_back(&mut self, Chunk(mut address): Chunk) {
        let Some(mut size) = self.chunks.get(&address).copied() else { return };
        self.held -= size;
        let after = address + size;
        if let Some(&behind) = self.chunks.get(&after)
            && self.free.remove(&(behind, after))
        {
            self.chunks.remove(&after);
            size += behind;
        }
        if let Some((&before, &length)) = self.chunks.range(..address).next_back()
            && before + length == address
            && self.free.remove(&(length, before))
        {
            self.chunks.remove(&address);
            (address, size) = (before, length + size);
        }
        self.chunks.insert(address, size);
        self.free.insert((size, address));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn arena_regions_grow() {
        let mut arena = Arena::default();
        let small = arena.take(1000);
        assert_eq!((arena.most, arena.taken), (1024, MIB));
        let large = arena.take(5 * MIB);
        // The whole region: less than twice of what was asked for.
        assert_eq!((arena.most, arena.taken), (1024 + 8 * MIB, 9 * MIB));
        arena.give_back(large);
        arena.give_back(small);
        let again = arena.take(3 * MIB);
        assert_eq!(arena.taken, 9 * MIB);
        arena.take(5 * MIB);
        assert_eq!(arena.taken, 9 * MIB, "the rest of the region is large enough");
        arena.give_back(again);
        arena.take(4 * MIB);
        assert_eq!(arena.taken, 17 * MIB, "three are free, and one in another region");
    }

    #[test]
    fn neighbours_are_joined_within_their_region() {
        let mut arena = Arena::default();
        let chunks = [0; 4].map(|_| arena.take(MIB / 4));
        assert_eq!(arena.taken, MIB);
        for at in [1, 3, 2, 0] {
            arena.give_back(chunks[at]);
        }
        assert_eq!((arena.free.len(), arena.held), (1, 0));
        let whole = arena.take(MIB);
        assert_eq!(arena.taken, MIB);
        let other = arena.take(2 * MIB);
        arena.give_back(whole);
        arena.give_back(other);
        assert_eq!(arena.free.len(), 2, "of two regions");
    }
}
