//! One computation at a time of each node result, however many jobs want it.

use std::collections::HashMap;

use wuerst_core::{Cancel, Digest, Result, Turn, Turns};

use super::Cache;

/// The results that are being computed now, by key.
pub(super) type Flights = HashMap<Digest, Turns>;

/// The right to compute a result, until it is dropped.
pub(crate) struct Claim {
    cache: Cache,
    key: Digest,
    /// Taken by `drop`, before it looks whether somebody else waits.
    turn: Option<Turn>,
}

impl Cache {
    /// Waits until nobody else computes the result of this key. Look again then whether it is remembered.
    ///
    /// Held only while one node runs, whose arguments are there already: a claim never waits for another of the
    /// same graph, so jobs cannot lock each other out.
    pub(crate) fn claim(&self, key: Digest, cancel: &Cancel) -> Result<Claim> {
        let turns = self.tables().flights.entry(key).or_default().clone();
        let turn = turns.take(cancel);
        drop(turns);
        // Made before an error is returned, so that nothing of a cancelled wait stays behind.
        let mut claim = Claim { cache: self.clone(), key, turn: None };
        claim.turn = Some(turn?);
        Ok(claim)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        drop(self.turn.take());
        let mut tables = self.cache.tables();
        // Handles are made from the table under its lock, so nobody can come between.
        if tables.flights.get(&self.key).is_some_and(Turns::is_unused) {
            tables.flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wuerst_core::{Error, Value};

    #[test]
    fn claims_of_one_key_take_turns_and_leave_nothing() {
        let (cache, key) = (Cache::new(0), Value::Int(1).digest());
        let first = cache.claim(key, &Cancel::new()).unwrap();
        let other = cache.claim(Value::Int(2).digest(), &Cancel::new()).unwrap();
        let cancel = Cancel::new();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| cache.claim(key, &cancel).map(drop));
            cancel.cancel();
            assert!(matches!(waiting.join().unwrap(), Err(Error::Cancelled)));
        });
        drop((first, other));
        assert!(cache.claim(key, &Cancel::new()).is_ok());
        assert!(cache.tables().flights.is_empty());
    }
}
