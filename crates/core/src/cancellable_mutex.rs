//! A mutex whose waiters stop waiting when their run is cancelled.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{CancellationToken, Result};

/// A lock that a run waits for only until it is cancelled. Clones are the same lock.
///
/// Meant for resources held for long, such as a model that a run evaluates: with a plain mutex, a cancelled run would
/// wait until the other run ends.
#[derive(Clone, Debug, Default)]
pub struct CancellableMutex(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    taken: Mutex<bool>,
    freed: Condvar,
}

impl Inner {
    fn taken(&self) -> MutexGuard<'_, bool> {
        // A bool cannot be half-written, so poison means nothing.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CancellableMutex {
    /// An unlocked mutex.
    pub fn new() -> CancellableMutex {
        CancellableMutex::default()
    }

    /// Waits for the lock and holds it while the guard lives.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`], as soon as the run is cancelled.
    pub fn lock(&self, cancel: &CancellationToken) -> Result<CancellableMutexGuard> {
        cancel.check()?;
        if let Some(guard) = self.try_lock() {
            return Ok(guard);
        }
        let inner = Arc::clone(&self.0);
        // Notified under the inner mutex, so that a waiter either sees the cancelled token or is already waiting. The
        // token is set before the mutex is taken: the cancelling thread takes the token's hooks first.
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
        Ok(CancellableMutexGuard(self.clone()))
    }

    fn try_lock(&self) -> Option<CancellableMutexGuard> {
        let mut taken = self.0.taken();
        (!std::mem::replace(&mut *taken, true)).then(|| CancellableMutexGuard(self.clone()))
    }

    /// Whether this is the only handle: no clone holds the mutex or waits for it.
    pub fn is_unused(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// Holds a [`CancellableMutex`] until dropped.
#[derive(Debug)]
pub struct CancellableMutexGuard(CancellableMutex);

impl Drop for CancellableMutexGuard {
    fn drop(&mut self) {
        *self.0.0.taken() = false;
        // Wakes all waiters: a single one may have been cancelled, and would not wake the next.
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
    fn one_at_time() {
        let (mutex, inside, done) = (CancellableMutex::new(), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _guard = mutex.lock(&CancellationToken::new()).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 800);
        assert!(mutex.is_unused());
    }

    #[test]
    fn cancelled_run_waits_no_longer() {
        let (mutex, cancel) = (CancellableMutex::new(), CancellationToken::new());
        let held = mutex.lock(&CancellationToken::new()).unwrap();
        let (waiting, is_waiting) = mpsc::channel();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                waiting.send(()).unwrap();
                mutex.lock(&cancel).map(drop)
            });
            is_waiting.recv().unwrap();
            cancel.cancel();
            assert!(matches!(waiter.join().unwrap(), Err(Error::Cancelled)), "though the lock is held");
        });
        drop(held);
        assert!(mutex.lock(&CancellationToken::new()).is_ok());
    }
}
