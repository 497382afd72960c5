//! Cancellation of runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Error, Result};

/// A token that cancels a run, from any thread, at any time. Clones share it; a cancelled token stays cancelled.
#[derive(Clone, Default)]
pub struct CancellationToken(Arc<Inner>);

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    hooks: Mutex<Hooks>,
}

#[derive(Default)]
struct Hooks {
    next: u64,
    waiting: BTreeMap<u64, Box<dyn Fn() + Send>>,
}

impl CancellationToken {
    /// A token that is not cancelled.
    pub fn new() -> CancellationToken {
        CancellationToken::default()
    }

    /// Cancels, and calls the hooks. A second call does nothing.
    pub fn cancel(&self) {
        // Under the lock, so that `on_cancel` either sees the token cancelled or is seen here.
        let hooks = self.hooks();
        if !self.0.cancelled.swap(true, Ordering::SeqCst) {
            hooks.waiting.values().for_each(|hook| hook());
        }
    }

    /// Whether the token is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Returns an error when the token is cancelled; used with `?` between pieces of work.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Calls `hook` when the token is cancelled while the guard lives; calls it at once if the token is cancelled already.
    ///
    /// Meant for work that cannot poll the token, such as a long call into a library with its own way to be stopped. Once
    /// the guard is dropped the hook neither runs nor will run. The hook runs in the cancelling thread, must be quick,
    /// and must not touch this token's guards.
    #[must_use = "the hook is called only as long as the guard lives"]
    pub fn on_cancel(&self, hook: impl Fn() + Send + 'static) -> CancellationGuard {
        let mut hooks = self.hooks();
        if self.is_cancelled() {
            hook();
        }
        let id = hooks.next;
        hooks.next += 1;
        hooks.waiting.insert(id, Box::new(hook));
        drop(hooks);
        CancellationGuard { cancel: self.clone(), id }
    }

    fn hooks(&self) -> MutexGuard<'_, Hooks> {
        // A hook that panicked leaves the table as it was, so the poison means nothing.
        self.0.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancellationToken({})", self.is_cancelled())
    }
}

/// Keeps a hook of [`CancellationToken::on_cancel`] registered until dropped.
#[derive(Debug)]
pub struct CancellationGuard {
    cancel: CancellationToken,
    id: u64,
}

impl Drop for CancellationGuard {
    fn drop(&mut self) {
        self.cancel.hooks().waiting.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn counter() -> (Arc<AtomicUsize>, impl Fn() + Send + 'static) {
        let count = Arc::new(AtomicUsize::new(0));
        let hook = count.clone();
        (count, move || {
            hook.fetch_add(1, Ordering::SeqCst);
        })
    }

    #[test]
    fn hooks_run_once_and_only_while_guarded() {
        let cancel = CancellationToken::new();
        let (kept, hook) = counter();
        let guard = cancel.on_cancel(hook);
        let (gone, hook) = counter();
        drop(cancel.on_cancel(hook));
        assert!(cancel.check().is_ok());
        cancel.clone().cancel();
        cancel.cancel();
        assert!(matches!(cancel.check(), Err(Error::Cancelled)));
        assert_eq!((kept.load(Ordering::SeqCst), gone.load(Ordering::SeqCst)), (1, 0));
        drop(guard);
    }

    #[test]
    fn late_hook_runs_at_once() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let (count, hook) = counter();
        let _guard = cancel.on_cancel(hook);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
