//! `wst_str`.

use std::ptr;
use std::slice;

/// A view of UTF-8 text that another object owns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Str {
    /// First byte.
    pub data: *const u8,
    /// Length in bytes.
    pub len: usize,
}

impl Str {
    /// The empty text.
    pub const EMPTY: Str = Str { data: ptr::null(), len: 0 };

    /// A view of `text`.
    pub fn of(text: &str) -> Str {
        Str { data: text.as_ptr(), len: text.len() }
    }

    /// The text.
    ///
    /// # Safety
    /// The view was given by the library, is UTF-8, and is valid for `'a`.
    pub unsafe fn text<'a>(self) -> &'a str {
        if self.len == 0 {
            return "";
        }
        // SAFETY: promised by the caller, and by the header.
        unsafe { str::from_utf8_unchecked(slice::from_raw_parts(self.data, self.len)) }
    }
}
