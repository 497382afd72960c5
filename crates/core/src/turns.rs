//! Taking turns at something that only one run can have at a time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{CancellationToken, Result};

/// A lock whose waiting ends when the waiting run is cancelled. Clones are the same lock.
///
/// For what is held for long, as a model that a run evaluates: a mutex would keep a run that was asked to
/// stop until the other one is done.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    taken: Mutex<bool>,
    freed: Condvar,
}

impl Inner {
    fn taken(&self) -> MutexGuard<'_, bool> {
        // One bool is whole at every moment.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    /// Nobody's turn.
    pub fn new() -> Turns {
        Turns::default()
    }

    /// Waits for its turn, which lasts as long as what is returned.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`], as soon as the run is cancelled.
    pub fn take(&self, cancel: &CancellationToken) -> Result<Turn> {
        cancel.check()?;
        if let Some(turn) = self.try_take() {
            return Ok(turn);
        }
        let inner = Arc::clone(&self.0);
        // Under the lock, so that a waiter either sees the switch thrown or is waiting already. It is set before
        // the lock is taken here, and let go after: whoever cancels holds the switch's hooks first.
        let _guard = cancel.on_cancel(move || {
            let _taken = inner.taken();
            inner.freed.notify_all();
        });
        let mut taken = self.0.taken();
        while *taken {
            cancel.check()?;
            taken = self.0.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
        Ok(Turn(self.clone()))
    }

    fn try_take(&self) -> Option<Turn> {
        let mut taken = self.0.taken();
        (!std::mem::replace(&mut *taken, true)).then(|| Turn(self.clone()))
    }

    /// Whether this is the only handle: nobody has a turn, and nobody waits through a clone.
    pub fn is_unused(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// A turn, which ends when this is dropped.
#[derive(Debug)]
pub struct Turn(Turns);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.0.taken() = false;
        // All of them: the one that would be woken may have been cancelled, and would wake nobody.
        self.0.0.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;
    use crate::Error;

    #[test]
    fn one_at_a_time() {
        let (turns, inside, done) = (Turns::new(), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _turn = turns.take(&CancellationToken::new()).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 800);
        assert!(turns.is_unused());
    }

    #[test]
    fn a_cancelled_run_waits_no_longer() {
        let (turns, cancel) = (Turns::new(), CancellationToken::new());
        let held = turns.take(&CancellationToken::new()).unwrap();
        let (waiting, is_waiting) = mpsc::channel();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                waiting.send(()).unwrap();
                turns.take(&cancel).map(drop)
            });
            is_waiting.recv().unwrap();
            cancel.cancel();
            assert!(matches!(waiter.join().unwrap(), Err(Error::Cancelled)), "though the turn is not free");
        });
        drop(held);
        assert!(turns.take(&CancellationToken::new()).is_ok());
    }
}
