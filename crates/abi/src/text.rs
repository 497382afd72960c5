//! `wst_str`: text passed between C and Rust.

use std::slice;

use wuerst_core::{Error, Result};
pub use wuerst_sys::Str;

/// Text from C, checked before use.
pub trait Read: Copy {
    /// The text; `name` is the parameter's or field's name in the header.
    ///
    /// # Errors
    /// NULL, an impossible length, or bytes that are not UTF-8.
    ///
    /// # Safety
    /// `data` is NULL or points to `len` bytes, which stay unchanged for `'a`.
    unsafe fn read<'a>(self, name: &str) -> Result<&'a str>;
}

impl Read for Str {
    unsafe fn read<'a>(self, name: &str) -> Result<&'a str> {
        if self.len == 0 {
            return Ok("");
        }
        if self.data.is_null() {
            return Err(Error::invalid(name, format!("is NULL, with a length of {}", self.len)));
        }
        if self.len > isize::MAX.unsigned_abs() {
            return Err(Error::invalid(name, "is longer than memory can be"));
        }
        // SAFETY: not NULL, of possible length; the caller promises the rest.
        let bytes = unsafe { slice::from_raw_parts(self.data, self.len) };
        std::str::from_utf8(bytes)
            .map_err(|e| Error::invalid(name, format!("is not UTF-8: byte {} is wrong", e.valid_up_to())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: *const u8, len: usize) -> Result<&'static str> {
        // SAFETY: the tests below pass NULL or literals of that length.
        unsafe { Str { data, len }.read("prompt") }
    }

    #[test]
    fn only_utf_8_is_text() {
        assert_eq!(read("Würstchen".as_ptr(), 10).unwrap(), "Würstchen");
        assert_eq!(read(std::ptr::null(), 0).unwrap(), "");
        let message = |data, len| read(data, len).unwrap_err().to_string();
        assert_eq!(message(std::ptr::null(), 3), "prompt: is NULL, with a length of 3");
        assert_eq!(message("Wü".as_ptr(), 2), "prompt: is not UTF-8: byte 1 is wrong");
        assert!(message("W".as_ptr(), usize::MAX).contains("longer"));
    }
}
