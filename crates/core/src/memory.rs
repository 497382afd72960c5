//! Memory that cannot be had, as an error.
//!
//! Rust ends the process when a small allocation fails. Whatever is as large as its input is allocated by the functions
//! below, which fail instead; and a host that must not be taken down says how to find out, before that, whether there is
//! room to go on ([`watch_over`]).

use std::sync::OnceLock;

use crate::{Error, Result};

/// Tells whether so many bytes more can be had, and so many threads, beside what small allocations need until it is asked
/// again.
pub type Room = fn(bytes: usize, threads: usize) -> bool;

static ROOM: OnceLock<Room> = OnceLock::new();

/// Says who knows whether there is room. It is asked before every node, and between the steps of nodes; the first one
/// that is said counts, for the whole process.
pub fn watch_over(room: Room) {
    // Who comes second is this library once more, and would say the same.
    let _ = ROOM.set(room);
}

/// Leaves the present work by `?` when there is no room for so many bytes more, as far as anybody knows.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn check(bytes: usize) -> Result<()> {
    check_with(bytes, 0)
}

/// The same where threads are to be begun by somebody who cannot bear that there is no room for one.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn check_with(bytes: usize, threads: usize) -> Result<()> {
    match ROOM.get() {
        Some(room) if !room(bytes, threads) => Err(none()),
        _ => Ok(()),
    }
}

/// An empty vector with room for so many values.
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

/// The values of an iterator that knows how many they are.
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
    fn what_nobody_has_is_an_error() {
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
