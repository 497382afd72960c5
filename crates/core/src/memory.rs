//! Running out of memory, as an error.
//!
//! Rust ends the process when a small allocation fails. Allocations in proportion to an input go through the functions
//! below, which fail instead. A host that must survive also installs a check for the remaining memory by [`watch_over`].

use std::sync::OnceLock;

use crate::{Error, Result};

/// Returns whether `bytes` more bytes and `threads` more threads are available, in addition to a reserve for small
/// allocations.
pub type Room = fn(bytes: usize, threads: usize) -> bool;

static ROOM: OnceLock<Room> = OnceLock::new();

/// Installs the check for remaining memory. It is called before every node and between the steps of nodes. Only the first
/// installation in a process counts.
pub fn watch_over(room: Room) {
    // A later caller is another copy of this library with an equal check.
    let _ = ROOM.set(room);
}

/// Returns an error when `bytes` more bytes are not available; used with `?`. Succeeds if no check is installed.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn check(bytes: usize) -> Result<()> {
    check_with(bytes, 0)
}

/// Like [`check`], and also requires stacks for `threads` threads: ONNX Runtime hangs if it cannot create one.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn check_with(bytes: usize, threads: usize) -> Result<()> {
    match ROOM.get() {
        Some(room) if !room(bytes, threads) => Err(none()),
        _ => Ok(()),
    }
}

/// An empty vector with capacity for `count` values.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn room<T>(count: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| none())?;
    Ok(values)
}

/// A copy of some values.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn copied<T: Copy>(values: &[T]) -> Result<Vec<T>> {
    let mut copy = room(values.len())?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// Collects an iterator of known length.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn collected<T>(values: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>> {
    let mut all = room(values.len())?;
    all.extend(values);
    Ok(all)
}

fn none() -> Error {
    Error::OutOfMemory { node: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_names_are_errors() {
        let none = room::<u64>(1 << 60).unwrap_err();
        assert_eq!(none.to_string(), "out of memory");
        assert_eq!(none.in_node("prior").in_node("outer").to_string(), "out of memory in `prior`");
        assert_eq!(copied(&[1, 2]).unwrap(), [1, 2]);
        assert_eq!(collected([1, 2].iter().map(|x| x + 1)).unwrap(), [2, 3]);
        // Only this test says who watches, so that the answer is known.
        assert!(check(usize::MAX).is_ok());
        watch_over(|bytes, threads| bytes < 100 && threads < 2);
        assert!(check(99).is_ok() && matches!(check(100), Err(Error::OutOfMemory { .. })));
        assert!(check_with(0, 1).is_ok() && check_with(0, 2).is_err());
    }
}
