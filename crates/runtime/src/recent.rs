//! Objects made from files, remembered within a budget: the longest unused is evicted first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use wuerst_core::{CancellableMutex, CancellationToken, Result};

/// Values by key. Concurrent requests for one key make the value once.
pub(crate) struct Recent<K: Hash + Eq, V> {
    kept: Mutex<Kept<K, V>>,
    /// Locks values being made. A slow one only delays requests for the same key.
    making: Keyed<K>,
}

struct Kept<K: Hash + Eq, V> {
    values: LruCache<K, (Arc<V>, usize)>,
    bytes: usize,
    most: usize,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    /// A cache with a budget in bytes.
    pub(crate) fn new(most: usize) -> Recent<K, V> {
        let kept = Kept { values: LruCache::unbounded(), bytes: 0, most };
        Recent { kept: Mutex::new(kept), making: Keyed::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept<K, V>> {
        // A panic of another thread leaves it consistent.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &K) -> Option<Arc<V>> {
        self.kept().values.get(key).map(|(value, _)| Arc::clone(value))
    }

    /// The value of a key. A missing one is made by `make`, which also returns its size in bytes. Without a key the value
    /// is not remembered.
    ///
    /// # Errors
    /// Errors of `make`, which are not remembered; and [`wuerst_core::Error::Cancelled`] while another thread makes it.
    pub(crate) fn get(
        &self,
        key: Option<&K>,
        cancel: &CancellationToken,
        make: impl FnOnce() -> Result<(V, usize)>,
    ) -> Result<Arc<V>> {
        let Some(key) = key else { return make().map(|(value, _)| Arc::new(value)) };
        if let Some(value) = self.find(key) {
            return Ok(value);
        }
        self.making.hold(key, |mutex| {
            let _guard = mutex.lock(cancel)?;
            if let Some(value) = self.find(key) {
                return Ok(value);
            }
            let (value, bytes) = make()?;
            let value = Arc::new(value);
            self.keep(key, &value, bytes);
            Ok(value)
        })
    }

    fn keep(&self, key: &K, value: &Arc<V>, bytes: usize) {
        let mut kept = self.kept();
        if bytes > kept.most {
            return;
        }
        if let Some((_, (_, old))) = kept.values.push(key.clone(), (Arc::clone(value), bytes)) {
            kept.bytes -= old;
        }
        kept.bytes += bytes;
        while kept.bytes > kept.most
            && let Some((_, (_, old))) = kept.values.pop_lru()
        {
            kept.bytes -= old;
        }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        let mut kept = self.kept();
        kept.values.clear();
        kept.bytes = 0;
    }
}

impl<K: Hash + Eq, V> std::fmt::Debug for Recent<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Recent({} of {} bytes)", kept.values.len(), kept.bytes)
    }
}

/// A mutex for each key, kept while it is held or waited for.
#[derive(Debug)]
pub(crate) struct Keyed<K>(Mutex<HashMap<K, CancellableMutex>>);

impl<K> Default for Keyed<K> {
    fn default() -> Keyed<K> {
        Keyed(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    /// Works with the mutex of a key.
    pub(crate) fn hold<T>(&self, key: &K, work: impl FnOnce(&CancellableMutex) -> T) -> T {
        let all = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mutex = all().entry(key.clone()).or_default().clone();
        let done = work(&mutex);
        let mut all = all();
        drop(mutex);
        if all.get(key).is_some_and(CancellableMutex::is_unused) {
            all.remove(key);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use wuerst_core::Error;

    use super::*;

    #[test]
    fn values_stay_within_their_budget() {
        let recent = Recent::new(100);
        let get =
            |key: u32, bytes| recent.get(Some(&key), &CancellationToken::new(), || Ok((key, bytes))).unwrap();
        for key in 0..1000 {
            assert_eq!(*get(key, 30), key);
        }
        assert_eq!(format!("{recent:?}"), "Recent(3 of 90 bytes)");
        let unmade = |key: u32| {
            recent.get(Some(&key), &CancellationToken::new(), || Err(Error::Internal(String::new())))
        };
        assert!(unmade(999).is_ok() && unmade(997).is_ok() && unmade(996).is_err());
        get(2000, 101);
        assert!(unmade(2000).is_err(), "larger than all of it");
        recent.clear();
        assert!(unmade(999).is_err());
        assert!(recent.making.0.lock().unwrap().is_empty());
    }

    #[test]
    fn values_are_made_once() {
        let recent = Recent::<u32, u32>::new(100);
        let (made, waiting) = (Mutex::new(0), mpsc::channel());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    recent.get(Some(&1), &CancellationToken::new(), || {
                        *made.lock().unwrap() += 1;
                        Ok((1, 1))
                    })
                });
            }
            // A slow value does not delay others.
            let (other, begun) = mpsc::channel();
            let recent = &recent;
            scope.spawn(move || {
                recent.get(Some(&2), &CancellationToken::new(), || {
                    other.send(()).unwrap();
                    waiting.1.recv().unwrap();
                    Ok((2, 1))
                })
            });
            begun.recv().unwrap();
            assert_eq!(*recent.get(Some(&3), &CancellationToken::new(), || Ok((3, 1))).unwrap(), 3);
            let cancel = CancellationToken::new();
            cancel.cancel();
            assert!(matches!(recent.get(Some(&2), &cancel, || Ok((2, 1))), Err(Error::Cancelled)));
            waiting.0.send(()).unwrap();
        });
        assert_eq!(made.into_inner().unwrap(), 1);
    }
}
