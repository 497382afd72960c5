//! Structs that C fills, and that later versions make longer: they begin with their size.

use std::mem::MaybeUninit;
use std::{ptr, slice};

use wuerst_core::{Error, Result};

/// No struct of ours is longer; a size beyond it was never set.
const LONGEST: usize = 4096;

/// A struct that begins with a `usize`, its size, and grows at its end.
///
/// # Safety
/// It is `repr(C)`, its first field is the size, and all bytes zero are a value of it.
pub unsafe trait Grows: Sized {
    /// Its name in the header.
    const NAME: &str;
    /// Its size in version 1.
    const FIRST: usize;

    /// The struct behind a pointer, with zeros where the caller's version has no fields; `None` for NULL.
    ///
    /// # Safety
    /// The pointer is NULL or points to as many bytes as the size there says.
    unsafe fn read(pointer: *const Self) -> Result<Option<Self>> {
        if pointer.is_null() {
            return Ok(None);
        }
        let bytes = pointer.cast::<u8>();
        // SAFETY: it begins with its size.
        let size = unsafe { bytes.cast::<usize>().read_unaligned() };
        if !(Self::FIRST..=LONGEST).contains(&size) {
            let message = format!("its struct_size is {size}: begin with the struct's _INIT macro");
            return Err(Error::invalid(Self::NAME, message));
        }
        let known = size.min(size_of::<Self>());
        // SAFETY: the caller promises `size` bytes, of which `known` are no more.
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
    unsafe impl Grows for Sample {
        const NAME: &str = "wst_sample";
        const FIRST: usize = 16;
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
