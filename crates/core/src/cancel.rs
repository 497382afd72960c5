//! Asking a run to stop.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Error, Result};

/// A switch that stops a run, from any thread, at any time. Clones share it; once thrown it stays so.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Inner>);

#[derive(Default)]
struct Inner {
    thrown: AtomicBool,
    hooks: Mutex<Hooks>,
}

#[derive(Default)]
struct Hooks {
    next: u64,
    waiting: BTreeMap<u64, Box<dyn Fn() + Send>>,
}

impl Cancel {
    /// A switch that is not thrown.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Throws the switch, and calls what waits for it. Throwing it again does nothing.
    pub fn cancel(&self) {
        // Under the lock, so that `on_cancel` either sees the switch thrown or is seen here.
        let hooks = self.hooks();
        if !self.0.thrown.swap(true, Ordering::SeqCst) {
            hooks.waiting.values().for_each(|hook| hook());
        }
    }

    /// Whether the switch is thrown.
    pub fn is_cancelled(&self) -> bool {
        self.0.thrown.load(Ordering::SeqCst)
    }

    /// Leaves the present work by `?` when the switch is thrown.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Calls `hook` when the switch is thrown, as long as the guard lives; at once if it already is.
    ///
    /// For work that cannot look at the switch by itself, as a long call into a library that has its
    /// own way to be stopped. When the guard is gone the hook is not running and will not run. The hook
    /// runs in the cancelling thread, must be quick, and must not touch this switch's guards.
    #[must_use = "the hook is called only as long as the guard lives"]
    pub fn on_cancel(&self, hook: impl Fn() + Send + 'static) -> Guard {
        let mut hooks = self.hooks();
        if self.is_cancelled() {
            hook();
        }
        let id = hooks.next;
        hooks.next += 1;
        hooks.waiting.insert(id, Box::new(hook));
        drop(hooks);
        Guard { cancel: self.clone(), id }
    }

    fn hooks(&self) -> MutexGuard<'_, Hooks> {
        // A hook that panicked leaves the table as it was, so the poison means nothing.
        self.0.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cancel({})", self.is_cancelled())
    }
}

/// Keeps a hook of [`Cancel::on_cancel`] waiting; dropping it takes the hook away.
#[derive(Debug)]
pub struct Guard {
    cancel: Cancel,
    id: u64,
}

impl Drop for Guard {
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
        let cancel = Cancel::new();
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
    fn a_hook_that_comes_late_runs_at_once() {
        let cancel = Cancel::new();
        cancel.cancel();
        let (count, hook) = counter();
        let _guard = cancel.on_cancel(hook);
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
