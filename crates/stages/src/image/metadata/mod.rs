//! Metadata of picture files: profiles, texts, comments.
//!
//! Decoders keep all of it in memory and unpack some, although only the orientation is needed. So decoders get the file
//! without it: a small picture with a gigabyte of blanks takes no more memory than a small picture.

pub(crate) mod jpeg;
pub(crate) mod png;
pub(crate) mod webp;

/// Maximum length of EXIF data in bytes: the size of a JPEG segment.
const LONGEST_EXIF: u64 = 64 << 10;
