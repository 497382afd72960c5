//! Arrays passed by C as pointer and count.

use std::slice;

use wuerst_core::{Error, Result};

/// Maximum length of an array from C; far more than a graph has outputs.
pub const LONGEST: usize = 1 << 20;

/// Borrows an array; `name` is the parameter's name in the header.
///
/// # Errors
/// NULL with a count above 0, more than `most` elements, or a misaligned pointer.
///
/// # Safety
/// The pointer is NULL or points to `count` elements, which stay unchanged for `'a`.
pub unsafe fn read<'a, T>(name: &str, pointer: *const T, count: usize, most: usize) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Error::invalid(name, "is NULL"));
    }
    if count > most {
        return Err(Error::invalid(name, format!("has a count of {count}; the maximum is {most}")));
    }
    if !pointer.is_aligned() {
        return Err(Error::invalid(name, "is not aligned to its elements"));
    }
    // SAFETY: not NULL, aligned, at most `most` elements, which the caller promises.
    Ok(unsafe { slice::from_raw_parts(pointer, count) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_have_end() {
        let numbers = [1u32, 2, 3];
        let said = |pointer: *const u32, count| {
            // SAFETY: the pointer leads to three numbers, and counts beyond them are refused unread.
            unsafe { read("outputs", pointer, count, 3) }.map(<[u32]>::to_vec).map_err(|e| e.to_string())
        };
        assert_eq!(said(numbers.as_ptr(), 3), Ok(vec![1, 2, 3]));
        assert_eq!(said(std::ptr::null(), 0), Ok(vec![]));
        for (pointer, count, part) in [
            (std::ptr::null(), 1, "outputs: is NULL"),
            (numbers.as_ptr(), 4, "the maximum is 3"),
            (numbers.as_ptr(), usize::MAX, "a count of 18446744073709551615"),
            (numbers.as_ptr().wrapping_byte_add(1), 1, "aligned"),
        ] {
            assert!(said(pointer, count).unwrap_err().contains(part), "{part}");
        }
    }
}
