//! The boundary between C and Rust, on top of `wuerst_abi`: it also keeps panics silent, preserves the host's
//! floating-point state, and provides enough stack.

use wuerst::Result;
use wuerst_abi::boundary;
use wuerst_abi::float::Plain;

use crate::error::Failure;
use crate::stack::with_room;

pub(crate) use wuerst_abi::boundary::{At, Out, non_null};

/// Runs the body of an exported function that can fail. Returns NULL on success; a panic becomes an error.
pub(crate) fn fallible(body: impl FnOnce() -> Result<()>) -> *mut Failure {
    quiet();
    let _plain = Plain::set();
    boundary::fallible(|| with_room(body)?)
}

/// Runs the body of an exported function that cannot fail. A panic, which is a bug, returns `fallback`.
pub(crate) fn infallible<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    quiet();
    let _plain = Plain::set();
    boundary::infallible(None, || with_room(body).ok()).unwrap_or(fallback)
}

/// Silences panic messages on the host's stderr. Tests keep them.
pub(crate) fn quiet() {
    if !cfg!(test) {
        boundary::quiet();
    }
}
