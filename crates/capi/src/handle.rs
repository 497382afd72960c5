//! Handles that record which process made them.
//!
//! After `fork` the child has a copy of every object but none of its threads, so using one would wait for ever. A handle
//! older than the fork is therefore refused, and freeing it leaks its object.

use std::sync::atomic::{AtomicU32, Ordering};

use wuerst::{Error, Result};

use crate::boundary::{infallible, non_null};

/// Number of forks of this process and its ancestors since the first handle.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// An object held by C, and the process that made it.
pub struct Handle<T> {
    made: u32,
    object: T,
}

impl<T> Handle<T> {
    /// A handle that belongs to this process.
    pub(crate) fn new(object: T) -> Handle<T> {
        listen();
        Handle { made: FORKS.load(Ordering::Relaxed), object }
    }

    /// The object, if it belongs to this process.
    pub(crate) fn alive(&self) -> Option<&T> {
        (self.made == FORKS.load(Ordering::Relaxed)).then_some(&self.object)
    }
}

/// The object of a handle that must be neither NULL nor older than a fork; `name` is the parameter's name in the header.
pub(crate) fn alive<'a, T>(handle: Option<&'a Handle<T>>, name: &str) -> Result<&'a T> {
    non_null(handle, name)?.alive().ok_or_else(|| {
        Error::invalid(
            name,
            "was made before this process was forked: make a new engine, graph and job in this process",
        )
    })
}

/// The object of a handle, for functions that do nothing without one.
pub(crate) fn living<T>(handle: Option<&Handle<T>>) -> Option<&T> {
    handle.and_then(Handle::alive)
}

/// Frees a handle.
pub(crate) fn free<T>(handle: Option<Box<Handle<T>>>) {
    infallible((), || match handle {
        // Freeing it would wait for threads that exist only in the parent process.
        Some(handle) if handle.alive().is_none() => std::mem::forget(handle),
        handle => drop(handle),
    });
}

/// Counts forks from now on.
#[cfg(unix)]
fn listen() {
    use std::sync::Once;

    extern "C" fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    static LISTENING: Once = Once::new();
    // SAFETY: the function changes one atomic number, and stays loaded, since the library is never unloaded.
    LISTENING.call_once(|| unsafe {
        libc::pthread_atfork(None, None, Some(forked));
    });
}

/// Windows has no fork.
#[cfg(not(unix))]
fn listen() {}
