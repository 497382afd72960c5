//! One computation at a time of each node result, however many jobs want it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wuerst_core::{CancellableMutex, CancellableMutexGuard, CancellationToken, Digest, Result};

/// The results that are being computed now, by key. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<Digest, CancellableMutex>>>);

/// The right to compute a result, until it is dropped.
pub(crate) struct Claim {
    flights: Flights,
    key: Digest,
    /// Taken by `drop`, before it looks whether somebody else waits.
    guard: Option<CancellableMutexGuard>,
}

impl Flights {
    /// Waits until nobody else computes the result of this key. Look again then whether it is remembered.
    ///
    /// Held only while one node runs, whose arguments are there already: a claim never waits for another of the
    /// same graph, so jobs cannot lock each other out.
    pub(super) fn claim(&self, key: Digest, cancel: &CancellationToken) -> Result<Claim> {
        let mutex = self.table().entry(key).or_default().clone();
        let guard = mutex.lock(cancel);
        drop(mutex);
        // Made before an error is returned, so that nothing of a cancelled wait stays behind.
        let mut claim = Claim { flights: self.clone(), key, guard: None };
        claim.guard = Some(guard?);
        Ok(claim)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Digest, CancellableMutex>> {
        // It is whole at every moment, so a panic elsewhere while it was locked means nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut table = self.flights.table();
        // Handles are made from the table under its lock, so nobody can come between.
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
    fn claims_of_one_key_take_turns_and_leave_nothing() {
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
