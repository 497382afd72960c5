//! The byte order mark that some editors put before a text.

/// The mark, three bytes in UTF-8.
pub const MARK: char = '\u{feff}';

/// The text without a leading byte order mark.
pub fn unmarked(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// The bytes of a text, UTF-8 or not, without a leading byte order mark.
pub fn unmarked_bytes(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK.encode_utf8(&mut [0; 3]).as_bytes()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_one_mark() {
        for (marked, text) in
            [("\u{feff}a", "a"), ("a\u{feff}", "a\u{feff}"), ("\u{feff}\u{feff}", "\u{feff}"), ("", "")]
        {
            assert_eq!(unmarked(marked), text);
            assert_eq!(unmarked_bytes(marked.as_bytes()), text.as_bytes());
        }
        assert_eq!(unmarked_bytes(b"\xef\xbb\xbf\xff"), b"\xff");
    }
}
