//! Detects small files in place of a model or weights: pointers of Git LFS, and pages of failed downloads.

use std::io::{Read, Seek};

use wuerst_read::byte_order;

/// Number of bytes checked at the beginning.
const BEGINNING: usize = 512;

/// The kind of a file with this beginning, and advice, as the continuation of "not … but"; `None` for other files.
pub fn of_bytes(file: &[u8]) -> Option<&'static str> {
    let begin = String::from_utf8_lossy(&file[..file.len().min(BEGINNING)]).to_ascii_lowercase();
    let begin = byte_order::unmarked(&begin).trim_start();
    if begin.starts_with("version https://git-lfs.github.com") {
        return Some("a Git LFS pointer, three lines in its place: fetch the file with `git lfs pull`");
    }
    ["<!doctype html", "<html"].iter().any(|page| begin.starts_with(page)).then_some(
        "a web page (HTML), as a failed download leaves it: download the file again, perhaps after a login",
    )
}

/// Like `of_bytes`, for an open file.
pub fn of_file(mut file: impl Read + Seek) -> Option<&'static str> {
    let mut begin = Vec::new();
    file.rewind().ok()?;
    file.take(BEGINNING as u64).read_to_end(&mut begin).ok()?;
    of_bytes(&begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_recognised() {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3979324\n";
        assert!(of_bytes(pointer.as_bytes()).is_some_and(|what| what.contains("git lfs pull")));
        for page in ["<!DOCTYPE html><html>", "\u{feff}\n <HTML lang=en>"] {
            assert!(of_bytes(page.as_bytes()).is_some_and(|what| what.contains("HTML")), "{page}");
        }
        for other in ["", "{}", "version 1", "\u{8}\u{7}", "<svg/>"] {
            assert_eq!(of_bytes(other.as_bytes()), None, "{other}");
        }
        assert!(of_file(std::io::Cursor::new(pointer)).is_some());
    }
}
