//! Text in a drawing: shortened and escaped.

use wuerst_core::is_command;

/// Shortens text to `most` characters, with an ellipsis.
pub(super) fn short(text: &str, most: usize) -> String {
    match text.chars().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Text between tags, or in a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    let clean = |c: char| if is_command(c) { ' ' } else { c };
    let text: String = text.chars().map(clean).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(escaped("</b> & \"\u{1b}\""), "&lt;/b&gt; &amp; &quot; &quot;");
        assert_eq!((short("apple", 5), short("apples", 5)), ("apple".into(), "appl…".into()));
    }
}
