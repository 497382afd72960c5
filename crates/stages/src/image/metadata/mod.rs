//! What picture files hold apart from their pixels: profiles, texts, comments.
//!
//! Decoders keep all of it in memory, and unpack some, though only the orientation is of use here. So a decoder is given
//! the file without it: a picture of a few pixels and a gigabyte of blanks takes what a few pixels take.

pub(crate) mod jpeg;
pub(crate) mod png;
pub(crate) mod webp;

/// The longest EXIF data that is looked at, in bytes: as much as a segment of a JPEG file holds.
const LONGEST_EXIF: u64 = 64 << 10;
