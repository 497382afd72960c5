//! Room on the stack: a host's thread may have less than a model takes.

use wuerst::Result;

/// Below this, a call goes on upon a stack of the library's own. ONNX Runtime alone takes 112 KiB.
#[cfg(unix)]
const NEEDED: usize = 512 << 10;

/// The size of that stack.
#[cfg(unix)]
const OWN: usize = 4 << 20;

/// Does something in this thread where there is room for it.
///
/// # Errors
/// [`wuerst::Error::OutOfMemory`] when there is no memory for a stack.
#[cfg(unix)]
pub(crate) fn with_room<T>(body: impl FnOnce() -> T) -> Result<T> {
    // Unknown in a thread that runs on a stack of the host's making: that may be small too.
    if stacker::remaining_stack().is_none_or(|left| left < NEEDED) {
        wuerst::core::memory::check(OWN)?;
        return Ok(stacker::grow(OWN, body));
    }
    Ok(body())
}

/// Does something in this thread, which has a stack of 1 MiB unless the host says otherwise.
#[cfg(not(unix))]
pub(crate) fn with_room<T>(body: impl FnOnce() -> T) -> Result<T> {
    Ok(body())
}
