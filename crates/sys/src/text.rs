//! `wst_str`.

use std::ptr;
use std::slice;

/// UTF-8 that somebody else holds.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Str {
    /// Its bytes.
    pub data: *const u8,
    /// How many.
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
    /// A view that the library gave, which is UTF-8 and good for `'a`.
    pub unsafe fn text<'a>(self) -> &'a str {
        if self.len == 0 {
            return "";
        }
        // SAFETY: promised by the caller, and by the header.
        unsafe { str::from_utf8_unchecked(slice::from_raw_parts(self.data, self.len)) }
    }
}
