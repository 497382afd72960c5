//! Graph files on disk.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use wuerst_core::regular::{self, Links};
use wuerst_core::{Error, Result, byte_order};

/// Maximum length of a file; longer ones are refused unread. Graphs of fifty thousand nodes fit.
pub(crate) const LONGEST: usize = 4 << 20;

/// Reads a graph file.
///
/// # Errors
/// [`Error::File`] if it cannot be read, is not a regular file, is longer than 4 MiB, or is not UTF-8 (with the position).
pub fn read_file(path: &Path) -> Result<String> {
    let read = regular::open(path, Links::Followed).and_then(read_text);
    read.map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Reads the text of a graph from a reader, such as a pipe.
///
/// # Errors
/// Errors of the reader; [`ErrorKind::InvalidData`] if it is longer than 4 MiB, or if it is not UTF-8, with a [`NotText`]
/// as the cause.
pub fn read_text(reader: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    // Reads one byte more than allowed, which shows that the text is too long.
    reader.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() > LONGEST {
        let message = format!("too long: a graph file has at most {} MiB", LONGEST >> 20);
        return Err(io::Error::new(ErrorKind::InvalidData, message));
    }
    bytes.drain(..bytes.len() - byte_order::unmarked_bytes(&bytes).len());
    String::from_utf8(bytes).map_err(|error| {
        let (good, bad) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let (good, byte) = (String::from_utf8_lossy(good), bad.first().copied().unwrap_or_default());
        let line = u32::try_from(good.matches('\n').count() + 1).unwrap_or(u32::MAX);
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let column = u32::try_from(column).unwrap_or(u32::MAX);
        io::Error::new(ErrorKind::InvalidData, NotText { line, column, byte })
    })
}

/// Position of the first byte that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// Offset of the byte.
    pub byte: u8,
}

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotText { line, column, byte } = self;
        write!(f, "not UTF-8 text: byte 0x{byte:02x} in line {line}, column {column}; save the file as UTF-8")
    }
}

impl std::error::Error for NotText {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let message = read_file(file.path()).unwrap_err().to_string();
        message.replace(&file.path().display().to_string(), "FILE")
    }

    #[test]
    fn binary_and_long_files_are_refused() {
        let at = "FILE: not UTF-8 text: byte 0xff in line 2, column 4; save the file as UTF-8";
        assert_eq!(refused(&["# é\n# ü".as_bytes(), &[0xff]].concat()), at);
        assert_eq!(refused(&vec![b'#'; LONGEST + 1]), "FILE: too long: a graph file has at most 4 MiB");
        let missing = read_file(Path::new("/nowhere/g.yaml")).unwrap_err();
        assert!(matches!(missing, Error::File { source, .. } if source.kind() == ErrorKind::NotFound));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn devices_are_no_graphs() {
        assert!(read_file(Path::new("/dev/zero")).unwrap_err().to_string().contains("is a device"));
    }
}
