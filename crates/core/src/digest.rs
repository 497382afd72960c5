//! Content digests, the keys of remembered results.

use std::fmt;
use std::io::{self, Read};

/// A 256-bit BLAKE3 digest that names a value, or a node with its arguments, by content.
///
/// Equal digests mean equal content; contents themselves are never compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Collects fields into a [`Digest`].
///
/// Every field is preceded by its length, so that different lists of fields have different digests.
pub struct Hasher(
    /// Two kilobytes, which would be moved with each field.
    Box<blake3::Hasher>,
);

impl Hasher {
    /// Starts a digest in the domain `sort`, so that digests of different kinds of things differ.
    pub fn new(sort: &str) -> Hasher {
        Hasher(Box::new(blake3::Hasher::new())).bytes(sort.as_bytes())
    }

    /// Adds a string of bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Hasher {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds the `length` bytes of a reader, as [`Hasher::bytes`] does.
    ///
    /// # Errors
    /// Errors of the reader, and when it yields fewer or more bytes.
    pub fn content(mut self, reader: impl Read, length: u64) -> io::Result<Hasher> {
        self.0.update(&length.to_le_bytes());
        let before = self.0.count();
        self.0.update_reader(reader.take(length.saturating_add(1)))?;
        if self.0.count() - before == length { Ok(self) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, number: u64) -> Hasher {
        self.bytes(&number.to_le_bytes())
    }

    /// Adds another digest.
    #[must_use]
    pub fn digest(self, digest: Digest) -> Hasher {
        self.bytes(&digest.0)
    }

    /// The digest of everything added.
    pub fn finish(self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_together() {
        let a = Hasher::new("test").bytes(b"ab").bytes(b"c").finish();
        let b = Hasher::new("test").bytes(b"a").bytes(b"bc").finish();
        assert_ne!(a, b);
        assert_eq!(a, Hasher::new("test").bytes(b"ab").bytes(b"c").finish());
        assert_ne!(Hasher::new("x").finish(), Hasher::new("y").finish());
    }

    #[test]
    fn content_counts_as_bytes() {
        let content = |length| Hasher::new("test").content(&b"abc"[..], length).map(Hasher::finish);
        assert_eq!(content(3).unwrap(), Hasher::new("test").bytes(b"abc").finish());
        assert!(content(2).is_err() && content(4).is_err());
    }

    #[test]
    fn prints_as_hexadecimal() {
        assert_eq!(Hasher::new("test").finish().to_string().len(), 64);
    }
}
