//! Structs that C fills and that later versions extend: they begin with their size.

use std::mem::MaybeUninit;
use std::{ptr, slice};

use wuerst_core::{Error, Result};
use wuerst_sys::Versioned;

/// Upper bound of plausible sizes. A larger size was never initialised.
const LONGEST: usize = 4096;

/// A struct of C's of any version.
pub trait Grows: Versioned {
    /// The size stated by the struct itself; `None` for NULL.
    ///
    /// # Safety
    /// The pointer is NULL or points to a struct of this kind, of any version.
    unsafe fn size(pointer: *const Self) -> Result<Option<usize>> {
        if pointer.is_null() {
            return Ok(None);
        }
        // SAFETY: the struct begins with its size.
        let size = unsafe { pointer.cast::<usize>().read_unaligned() };
        if (Self::FIRST..=LONGEST).contains(&size) {
            return Ok(Some(size));
        }
        let message = format!("its struct_size is {size}: begin with the struct's _INIT macro");
        Err(Error::invalid(Self::NAME, message))
    }

    /// Reads the struct, with zeros for fields that the caller's version lacks; `None` for NULL.
    ///
    /// # Safety
    /// The pointer is NULL or points to as many bytes as the struct's size states.
    unsafe fn read(pointer: *const Self) -> Result<Option<Self>> {
        // SAFETY: promised by the caller.
        let Some(size) = (unsafe { Self::size(pointer)? }) else { return Ok(None) };
        let bytes = pointer.cast::<u8>();
        let known = size.min(size_of::<Self>());
        // SAFETY: the caller promises `size` bytes, and `known` is no more.
        let beyond = unsafe { slice::from_raw_parts(bytes.add(known), size - known) };
        if beyond.iter().any(|byte| *byte != 0) {
            let message = "uses fields that this version of the library does not have: update it";
            return Err(Error::invalid(Self::NAME, message));
        }
        let mut value = MaybeUninit::<Self>::zeroed();
        // SAFETY: both hold `known` bytes, and zeros are valid for the rest.
        unsafe {
            ptr::copy_nonoverlapping(bytes, value.as_mut_ptr().cast::<u8>(), known);
            Ok(Some(value.assume_init()))
        }
    }
}

/// Requires reserved fields to be 0, so that a later version can use them.
///
/// # Errors
/// If one is not 0.
pub fn zero(name: &str, reserved: &[u32]) -> Result<()> {
    if reserved.iter().all(|field| *field == 0) {
        return Ok(());
    }
    Err(Error::invalid(name, "a field that is reserved is not 0: begin with the struct's _INIT macro"))
}

impl<T: Versioned> Grows for T {}

/// A struct that the library fills: the caller sets its size, and gets the fields that fit.
pub trait Shows: Grows {
    /// Writes the fields of the caller's version, and zeros in fields that this version does not know.
    ///
    /// # Safety
    /// The pointer is NULL or points to as many writable bytes as the struct's size states.
    unsafe fn show(self, pointer: *mut Self) -> Result<()> {
        // SAFETY: promised by the caller.
        let Some(asked) = (unsafe { Self::size(pointer)? }) else {
            return Err(Error::invalid("out", "is NULL"));
        };
        let known = asked.min(size_of::<Self>());
        let own = ptr::from_ref(&self).cast::<u8>();
        let bytes = pointer.cast::<u8>();
        let size = size_of::<usize>();
        // SAFETY: both hold `known` bytes, and the caller's `asked`; its size stays as it is.
        unsafe {
            ptr::copy_nonoverlapping(own.add(size), bytes.add(size), known - size);
            ptr::write_bytes(bytes.add(known), 0, asked - known);
        }
        Ok(())
    }
}

impl<T: Versioned> Shows for T {}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    struct Sample {
        struct_size: usize,
        old: u64,
        new: u64,
    }

    // SAFETY: plain numbers behind a size.
    unsafe impl Versioned for Sample {
        const NAME: &str = "wst_sample";
        const FIRST: usize = 16;
    }

    #[test]
    fn views_fit_older_and_newer_callers() {
        let shown = |size: u64| {
            let mut words = [size, 1, 1, 1];
            // SAFETY: no test claims more than four words, but for sizes that are refused.
            let done = unsafe { Sample { struct_size: 24, old: 5, new: 7 }.show(words.as_mut_ptr().cast()) };
            done.map(|()| words).ok()
        };
        assert_eq!(shown(16), Some([16, 5, 1, 1]));
        assert_eq!(shown(24), Some([24, 5, 7, 1]));
        assert_eq!(shown(32), Some([32, 5, 7, 0]));
        assert_eq!((shown(8), shown(1 << 40)), (None, None));
    }

    fn read(words: [u64; 4]) -> Result<Option<Sample>> {
        // SAFETY: no test claims more than four words, but for sizes that are refused unread.
        unsafe { Sample::read(words.as_ptr().cast()) }
    }

    #[test]
    fn older_and_newer_callers_are_understood() {
        let new = |words| read(words).unwrap().unwrap().new;
        assert_eq!(new([16, 5, 7, 7]), 0, "the first version had no such field");
        assert_eq!(new([24, 5, 7, 7]), 7);
        assert_eq!(new([32, 5, 7, 0]), 7, "a later version's field, not used");
        for wrong in [[32, 5, 7, 1], [8, 5, 7, 0], [0, 0, 0, 0], [1 << 40, 0, 0, 0]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        // SAFETY: NULL is allowed.
        assert!(unsafe { Sample::read(ptr::null()) }.unwrap().is_none());
    }
}
