//! Graph files on disk.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use wuerst_core::regular::{self, Links};
use wuerst_core::{Error, Result};

/// Longer files are refused unread: in this size fit graphs of fifty thousand nodes.
pub(crate) const LONGEST: usize = 4 << 20;

/// Reads a graph file.
///
/// # Errors
/// [`Error::File`] when it cannot be read, is no regular file, is longer than 4 MiB or is not UTF-8 text; then it says where.
pub fn read_file(path: &Path) -> Result<String> {
    let failed = |source: io::Error| Error::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    // One byte more than allowed shows that it is too long, however much there is.
    let read =
        regular::open(path, Links::Followed).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    read.map_err(failed)?;
    let wrong = |message: String| failed(io::Error::new(ErrorKind::InvalidData, message));
    if bytes.len() > LONGEST {
        return Err(wrong(format!("too long: a graph file has at most {} MiB", LONGEST >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let (good, bad) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let (good, byte) = (String::from_utf8_lossy(good), bad.first().copied().unwrap_or_default());
        let line = good.matches('\n').count() + 1;
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        wrong(format!(
            "not UTF-8 text: byte 0x{byte:02x} in line {line}, column {column}; save the file as UTF-8"
        ))
    })
}

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
    fn what_is_no_text_or_too_long_is_refused() {
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
