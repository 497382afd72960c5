//! Stack space: a host's thread may have less stack than a model needs.

use wuerst::Result;

/// With less than this, a call continues on a stack of the library's own. ONNX Runtime alone takes 112 KiB.
#[cfg(unix)]
const NEEDED: usize = 512 << 10;

/// Size of the library's own stack.
#[cfg(unix)]
const OWN: usize = 4 << 20;

/// Runs `body` in this thread, on a stack that is large enough.
///
/// # Errors
/// [`wuerst::Error::OutOfMemory`] if a stack cannot be allocated.
#[cfg(unix)]
pub(crate) fn with_room<T>(body: impl FnOnce() -> T) -> Result<T> {
    // The remaining size is unknown on a stack that the host made itself, which may be small too.
    if stacker::remaining_stack().is_none_or(|left| left < NEEDED) {
        wuerst::core::memory::check(OWN)?;
        return Ok(stacker::grow(OWN, body));
    }
    Ok(body())
}

/// Runs `body` in this thread, which has a stack of 1 MiB unless the host set another size.
#[cfg(not(unix))]
pub(crate) fn with_room<T>(body: impl FnOnce() -> T) -> Result<T> {
    Ok(body())
}
