//! Results remembered between runs.
//!
//! Two tables, as in a build system. The *memo* maps a digest of a node's arguments to digests of its results: many tiny
//! entries. The *store* maps digests to values: large, with eviction by bytes. The memo can therefore prove that nothing
//! changed long after the values were evicted. Nothing is ever invalidated, since changed arguments have another digest.

mod costs;
mod flight;
mod folder;
mod last;
mod record;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use wuerst_core::{CancellationToken, Digest, Result, Value};

pub(crate) use costs::Cost;
use costs::Costs;
use flight::{Claim, Flights};
pub use folder::Folder;
pub(crate) use last::Arguments;
use last::Last;
use record::Stored;

/// Entries of the memo: about 4 MB at most. Its table is allocated at once, and this many fit into half a mebibyte: a
/// larger block would not fit the reserve for small allocations, and would end the process when memory has run out.
const MEMO_ENTRIES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(28_671);

/// Remembered results. Clones share them, also between threads.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    tables: Mutex<Tables>,
    flights: Flights,
    folder: Option<Folder>,
    /// Whether a failure of the folder was reported, which happens once.
    warned: AtomicBool,
}

struct Tables {
    memo: LruCache<Digest, Results>,
    last: Last,
    costs: Costs,
    /// Values that runs hold, with their number of uses. Never evicted.
    in_use: HashMap<Digest, (Value, usize)>,
    /// All other values, in order of use.
    idle: LruCache<Digest, Value>,
    /// Size of both together.
    bytes: usize,
    budget: usize,
}

/// Results for a node's key.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    /// Digests of the results, in the order of the node's outputs.
    pub(crate) digests: Arc<[Digest]>,
    /// Length of the first dimension of each result; 0 for values without one.
    pub(crate) rows: Arc<[usize]>,
    /// Their size together.
    pub(crate) bytes: usize,
    /// Warnings that the node gave.
    pub(crate) warnings: Arc<[String]>,
}

/// The length of a value's first dimension.
pub(crate) fn rows(value: &Value) -> usize {
    match value {
        Value::Tensor(tensor) => tensor.shape().first().copied().unwrap_or(0),
        _ => 0,
    }
}

impl Cache {
    /// An empty cache that keeps at most `budget` bytes of values, apart from those in use.
    pub fn new(budget: usize) -> Cache {
        Cache::made(budget, None)
    }

    /// Like [`Cache::new`], with a folder that keeps some results beyond the process.
    pub fn with_folder(budget: usize, folder: Folder) -> Cache {
        Cache::made(budget, Some(folder))
    }

    fn made(budget: usize, folder: Option<Folder>) -> Cache {
        let tables = Mutex::new(Tables {
            memo: LruCache::new(MEMO_ENTRIES),
            last: Last::new(),
            costs: Costs::new(),
            in_use: HashMap::new(),
            idle: LruCache::unbounded(),
            bytes: 0,
            budget,
        });
        Cache(Arc::new(Inner { tables, flights: Flights::default(), folder, warned: AtomicBool::new(false) }))
    }

    /// Changes the budget, and evicts values beyond it.
    pub fn set_budget(&self, budget: usize) {
        let mut tables = self.tables();
        tables.budget = budget;
        tables.evict();
    }

    /// Size of the values in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.tables().bytes
    }

    /// Forgets everything but values in use.
    pub fn clear(&self) {
        let mut tables = self.tables();
        tables.memo.clear();
        tables.last.clear();
        let budget = std::mem::replace(&mut tables.budget, 0);
        tables.evict();
        tables.budget = budget;
    }

    /// Waits until no other job computes the result of this key. Afterwards check again whether it is remembered.
    pub(crate) fn claim(&self, key: Digest, cancel: &CancellationToken) -> Result<Claim> {
        self.0.flights.claim(key, cancel)
    }

    /// The remembered results for a node's key.
    pub(crate) fn recall(&self, key: Digest) -> Option<Results> {
        self.tables().memo.get(&key).cloned()
    }

    pub(crate) fn remember(&self, key: Digest, results: Results) {
        self.tables().memo.put(key, results);
    }

    /// Records a node's arguments; returns the positions of those that changed since the last run, if there was one.
    pub(crate) fn note(&self, id: &str, kind: &str, arguments: Arguments) -> Option<Vec<usize>> {
        self.tables().last.note(id, kind, arguments)
    }

    /// Measured cost of one kind of work.
    pub(crate) fn cost(&self, sort: Digest) -> Option<Cost> {
        self.tables().costs.get(sort)
    }

    /// See [`Costs::slowness`].
    pub(crate) fn slowness(&self) -> f64 {
        self.tables().costs.slowness()
    }

    /// Records the run time of one kind of work.
    pub(crate) fn measure(&self, sort: Digest, took: Duration, steps: usize, declared_ms: f64) {
        self.tables().costs.measure(sort, took, steps, declared_ms);
    }

    /// Adds a value, which stays in use while the lease lives.
    pub(crate) fn keep(&self, value: Value) -> Lease {
        // Hashed before taking the lock, since this is the only slow operation here.
        let digest = value.digest();
        let mut tables = self.tables();
        if !tables.revive(digest) {
            tables.bytes += value.bytes();
            tables.in_use.insert(digest, (value.clone(), 1));
            tables.evict();
        }
        Lease { cache: self.clone(), digest, value }
    }

    /// Adds the results of a node, all in use.
    pub(crate) fn keep_all(&self, values: Vec<Value>) -> (Results, Vec<Option<Lease>>) {
        let bytes = values.iter().map(Value::bytes).sum();
        let rows = values.iter().map(rows).collect();
        let leases: Vec<Lease> = values.into_iter().map(|value| self.keep(value)).collect();
        let digests = leases.iter().map(Lease::digest).collect();
        (Results { digests, rows, bytes, warnings: Arc::default() }, leases.into_iter().map(Some).collect())
    }

    /// The value with this digest, if it is still stored; it stays in use while the lease lives.
    pub(crate) fn find(&self, digest: Digest) -> Option<Lease> {
        let mut tables = self.tables();
        let there = tables.revive(digest);
        let (value, _) = tables.in_use.get(&digest).filter(|_| there)?;
        Some(Lease { cache: self.clone(), digest, value: value.clone() })
    }

    /// Whether results are kept beyond the process.
    pub(crate) fn has_folder(&self) -> bool {
        self.0.folder.is_some()
    }

    /// Results and warnings for a key from the folder.
    pub(crate) fn restore(&self, key: Digest) -> Option<Stored> {
        self.0.folder.as_ref()?.read(key)
    }

    /// Stores results in the folder, if they took long enough to compute. The first failure gives a warning, later ones
    /// are silent.
    pub(crate) fn store(
        &self,
        key: Digest,
        results: (&[Value], &[String]),
        took: Duration,
    ) -> Option<String> {
        let folder = self.0.folder.as_ref()?;
        let error = folder.write(key, results, took).err()?;
        (!self.0.warned.swap(true, Ordering::SeqCst)).then(|| folder.problem(&error))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // No change of the tables can panic half-way, so poison means nothing.
        self.0.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// Adds one use of a value, if it is stored; returns whether it is.
    fn revive(&mut self, digest: Digest) -> bool {
        if let Some(value) = self.idle.pop(&digest) {
            self.in_use.insert(digest, (value, 0));
        }
        self.in_use.get_mut(&digest).map(|(_, uses)| *uses += 1).is_some()
    }

    fn evict(&mut self) {
        while self.bytes > self.budget {
            let Some((_, value)) = self.idle.pop_lru() else { return };
            self.bytes -= value.bytes();
        }
    }
}

/// A value in use, which the cache does not evict.
pub struct Lease {
    cache: Cache,
    digest: Digest,
    value: Value,
}

impl Lease {
    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Digest of the value.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut tables = self.cache.tables();
        let Some((_, uses)) = tables.in_use.get_mut(&self.digest) else { return };
        *uses -= 1;
        if *uses == 0
            && let Some((value, _)) = tables.in_use.remove(&self.digest)
        {
            tables.idle.put(self.digest, value);
            tables.evict();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kilobytes(n: usize, fill: u8) -> Value {
        Value::from(ndarray::Array1::from_elem(n * 1024, fill))
    }

    #[test]
    fn least_recently_used_is_evicted_first() {
        let cache = Cache::new(5 * 1024);
        let a = cache.keep(kilobytes(2, 1)).digest();
        let b = cache.keep(kilobytes(2, 2)).digest();
        drop(cache.find(a));
        let c = cache.keep(kilobytes(2, 3));
        assert!(cache.find(b).is_none() && cache.find(a).is_some());
        cache.set_budget(0);
        assert!(cache.find(a).is_none() && cache.find(c.digest()).is_some());
        assert_eq!(cache.bytes(), c.value().bytes());
        drop(c);
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn equal_values_are_held_once() {
        let cache = Cache::new(usize::MAX);
        let a = cache.keep(kilobytes(1, 7));
        let b = cache.keep(kilobytes(1, 7));
        assert_eq!(cache.bytes(), a.value().bytes());
        drop(a);
        cache.clear();
        assert!(cache.find(b.digest()).is_some());
        drop(b);
        cache.clear();
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn memo_is_bounded() {
        let cache = Cache::new(0);
        let key = |n: i64| Value::from(n).digest();
        let results = Results {
            digests: Arc::from([key(0)]),
            rows: Arc::from([0]),
            bytes: 0,
            warnings: Arc::default(),
        };
        let entries = MEMO_ENTRIES.get() as i64;
        (0..=entries).for_each(|n| cache.remember(key(n), results.clone()));
        assert!(cache.recall(key(0)).is_none() && cache.recall(key(entries)).is_some());
        // Two pointers and a byte for each place, of which an eighth stays free.
        let places = (MEMO_ENTRIES.get() * 8 / 7).next_power_of_two();
        assert!(places * (2 * size_of::<usize>() + 1) < 1 << 20);
    }

    #[test]
    fn threads_share_it() {
        let cache = Cache::new(64 * 1024);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..200u8 {
                        let lease = cache.keep(kilobytes(1, n));
                        assert_eq!(
                            cache.find(lease.digest()).map(|l| l.value() == lease.value()),
                            Some(true)
                        );
                    }
                });
            }
        });
        assert!(cache.bytes() <= 64 * 1024);
        cache.clear();
        assert_eq!(cache.bytes(), 0);
    }
}
