//! Lists of texts, one entry per line.

/// The entries of a list in a text, one per line, trimmed. Empty lines and lines that begin with `#` are skipped. All
/// nodes that read a list of texts use this function.
///
/// ```
/// assert_eq!(wuerst_core::entries("a\n\n # no\n b "), ["a", "b"]);
/// ```
pub fn entries(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}
