//! The line between C and Rust, as `wuerst_abi` draws it, in a library that keeps its panics to
//! itself and leaves the host's floating-point state alone.

use wuerst::Result;
use wuerst_abi::boundary;
use wuerst_abi::float::Plain;

use crate::error::Failure;

pub(crate) use wuerst_abi::boundary::{Out, given};

/// Runs the body of an exported function that can fail. NULL is success; a panic becomes an error.
pub(crate) fn fallible(body: impl FnOnce() -> Result<()>) -> *mut Failure {
    quiet();
    let _plain = Plain::set();
    boundary::fallible(body)
}

/// Runs the body of an exported function that cannot fail. A panic, a bug, gives `fallback`.
pub(crate) fn infallible<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    quiet();
    let _plain = Plain::set();
    boundary::infallible(fallback, body)
}

/// Keeps panics off the host's stderr; tests want to see theirs.
pub(crate) fn quiet() {
    if !cfg!(test) {
        boundary::quiet();
    }
}
