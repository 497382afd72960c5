//! The line between C and Rust, as `wuerst_abi` draws it, in a library that keeps its panics to
//! itself, leaves the host's floating-point state alone, and has room on the stack.

use wuerst::Result;
use wuerst_abi::boundary;
use wuerst_abi::float::Plain;

use crate::error::Failure;
use crate::stack::with_room;

pub(crate) use wuerst_abi::boundary::{At, Out, non_null};

/// Runs the body of an exported function that can fail. NULL is success; a panic becomes an error.
pub(crate) fn fallible(body: impl FnOnce() -> Result<()>) -> *mut Failure {
    quiet();
    let _plain = Plain::set();
    boundary::fallible(|| with_room(body)?)
}

/// Runs the body of an exported function that cannot fail. A panic, a bug, gives `fallback`.
pub(crate) fn infallible<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    quiet();
    let _plain = Plain::set();
    boundary::infallible(None, || with_room(body).ok()).unwrap_or(fallback)
}

/// Keeps panics off the host's stderr; tests want to see theirs.
pub(crate) fn quiet() {
    if !cfg!(test) {
        boundary::quiet();
    }
}
