//! Lists of texts: an entry a line.

/// The entries of a list that is written as a text, one a line, without space around them: without empty lines, and without
/// those that begin with `#`. All nodes that read a list of texts agree on this.
///
/// ```
/// assert_eq!(wuerst_core::entries("a\n\n # no\n b "), ["a", "b"]);
/// ```
pub fn entries(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}
