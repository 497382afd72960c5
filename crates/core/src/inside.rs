//! Detects whether this thread is inside a run: in a callback of a host, or in a node.
//!
//! A run holds resources that other runs wait for. A thread inside a run that waited for a run would therefore wait for
//! ever, so functions that wait check [`is_inside`] first and refuse.

use std::cell::Cell;
use std::marker::PhantomData;

use crate::{Error, Result};

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Marks the thread as inside a run or a callback until dropped.
#[derive(Debug)]
#[must_use = "the mark holds as long as this lives"]
pub struct Inside(PhantomData<*const ()>);

impl Inside {
    /// Enters.
    pub fn enter() -> Inside {
        DEPTH.set(DEPTH.get() + 1);
        Inside(PhantomData)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Whether this thread is inside a run or a callback.
pub fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// Refuses to start or await a run inside a run; `what` is the parameter to blame.
///
/// # Errors
/// [`Error::Invalid`] inside a run.
pub fn check(what: &str) -> Result<()> {
    if is_inside() { Err(refusal(what)) } else { Ok(()) }
}

/// The error for waiting for a run inside a run.
pub fn refusal(what: &str) -> Error {
    let message = "cannot run or be waited for inside a callback or node, which would wait for itself: begin a run in the \
                   background, or wait in another thread";
    Error::invalid(what, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_counted_by_thread() {
        assert!(check("job").is_ok());
        let outer = Inside::enter();
        drop(Inside::enter());
        assert!(is_inside() && check("job").unwrap_err().to_string().starts_with("job: cannot"));
        std::thread::spawn(|| assert!(!is_inside())).join().unwrap();
        drop(outer);
        assert!(!is_inside());
    }
}
