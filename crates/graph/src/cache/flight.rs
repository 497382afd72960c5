//! Prevents concurrent computations of the same node result by several jobs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wuerst_core::{CancellableMutex, CancellableMutexGuard, CancellationToken, Digest, Result};

/// Results in computation, by key. Clones share the table.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<Digest, CancellableMutex>>>);

/// The exclusive right to compute a result, released when dropped.
pub(crate) struct Claim {
    flights: Flights,
    key: Digest,
    /// Taken out by `drop`, before it checks for other waiting jobs.
    guard: Option<CancellableMutexGuard>,
}

impl Flights {
    /// Waits until no other job computes the result of this key. Afterwards check again whether it is remembered.
    ///
    /// A claim is held only while one node runs whose arguments exist already: it never waits for another claim, so jobs
    /// cannot deadlock.
    pub(super) fn claim(&self, key: Digest, cancel: &CancellationToken) -> Result<Claim> {
        let mutex = self.table().entry(key).or_default().clone();
        let guard = mutex.lock(cancel);
        drop(mutex);
        // Made before an error is returned, so that a cancelled wait leaves nothing behind.
        let mut claim = Claim { flights: self.clone(), key, guard: None };
        claim.guard = Some(guard?);
        Ok(claim)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Digest, CancellableMutex>> {
        // The table is consistent at every moment, so poison means nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut table = self.flights.table();
        // Handles are made from the table under its lock, so no other job can interfere.
        if table.get(&self.key).is_some_and(CancellableMutex::is_unused) {
            table.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wuerst_core::{Error, Value};

    #[test]
    fn claims_of_one_key_take_turns() {
        let (flights, key) = (Flights::default(), Value::Int(1).digest());
        let first = flights.claim(key, &CancellationToken::new()).unwrap();
        let other = flights.claim(Value::Int(2).digest(), &CancellationToken::new()).unwrap();
        let cancel = CancellationToken::new();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| flights.claim(key, &cancel).map(drop));
            cancel.cancel();
            assert!(matches!(waiting.join().unwrap(), Err(Error::Cancelled)));
        });
        drop((first, other));
        assert!(flights.claim(key, &CancellationToken::new()).is_ok());
        assert!(flights.table().is_empty());
    }
}
