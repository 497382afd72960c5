//! `wst_str`: text passed between C and Rust.

use std::path::Path;
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

    /// The text as a path: any bytes on Unix, UTF-8 elsewhere.
    ///
    /// # Errors
    /// As [`Read::read`], on Unix without the last.
    ///
    /// # Safety
    /// As [`Read::read`].
    unsafe fn read_path<'a>(self, name: &str) -> Result<&'a Path>;
}

impl Read for Str {
    unsafe fn read<'a>(self, name: &str) -> Result<&'a str> {
        // SAFETY: promised by the caller.
        let bytes = unsafe { bytes(self, name)? };
        std::str::from_utf8(bytes)
            .map_err(|e| Error::invalid(name, format!("is not UTF-8: byte {} is wrong", e.valid_up_to())))
    }

    #[cfg(unix)]
    unsafe fn read_path<'a>(self, name: &str) -> Result<&'a Path> {
        use std::os::unix::ffi::OsStrExt;

        // SAFETY: promised by the caller.
        let bytes = unsafe { bytes(self, name)? };
        Ok(Path::new(std::ffi::OsStr::from_bytes(bytes)))
    }

    #[cfg(not(unix))]
    unsafe fn read_path<'a>(self, name: &str) -> Result<&'a Path> {
        // SAFETY: promised by the caller.
        unsafe { self.read(name) }.map(Path::new)
    }
}

/// # Safety
/// As [`Read::read`].
unsafe fn bytes<'a>(text: Str, name: &str) -> Result<&'a [u8]> {
    if text.len == 0 {
        return Ok(&[]);
    }
    if text.data.is_null() {
        return Err(Error::invalid(name, format!("is NULL, with a length of {}", text.len)));
    }
    if text.len > isize::MAX.unsigned_abs() {
        return Err(Error::invalid(name, "is longer than memory can be"));
    }
    // SAFETY: not NULL, of possible length; the caller promises the rest.
    Ok(unsafe { slice::from_raw_parts(text.data, text.len) })
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

    #[cfg(unix)]
    #[test]
    fn paths_are_any_bytes() {
        use std::os::unix::ffi::OsStrExt;

        let bytes = b"models/\xff";
        // SAFETY: the pointer and the length of a literal.
        let path = unsafe { Str { data: bytes.as_ptr(), len: bytes.len() }.read_path("path") };
        assert_eq!(path.unwrap().as_os_str().as_bytes(), bytes);
        // SAFETY: NULL.
        assert!(unsafe { Str { data: std::ptr::null(), len: 1 }.read_path("path") }.is_err());
    }
}
