//! Escapes control characters in untrusted text before it is shown on a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character controls a terminal or changes the direction of the text around it.
pub fn is_command(c: char) -> bool {
    let direction = matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}');
    c.is_control() || direction
}

/// Escapes control characters, for example as `\u{1b}`. Line ends and tabs stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    shown(text, |c| is_command(c) && c != '\n' && c != '\t', |c, into| into.extend(c.escape_unicode()))
}

/// Like [`printable`], in one line: line ends and tabs are escaped too.
pub fn printable_line(text: &str) -> Cow<'_, str> {
    shown(text, is_command, |c, into| into.extend(c.escape_debug()))
}

/// Escapes control characters in JSON as `\u001b`, which leaves its meaning unchanged: they occur only within strings.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let escape = |c: char, into: &mut String| {
        // Writing into a text succeeds.
        let _ = write!(into, "\\u{:04x}", u32::from(c));
    };
    shown(json, |c| is_command(c) && c != '\n', escape)
}

fn shown(text: &str, hidden: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) { escape(c, &mut shown) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown() {
        let title = "red\u{1b}]0;owned\u{7}\r\u{9b}2J\u{202e}gnp.exe";
        assert_eq!(printable(title), r"red\u{1b}]0;owned\u{7}\u{d}\u{9b}2J\u{202e}gnp.exe");
        assert_eq!(printable("two\n\tlines"), "two\n\tlines");
        assert_eq!(printable_line("two\n\tlines\u{1b}"), r"two\n\tlines\u{1b}");
    }

    #[test]
    fn letters_stay() {
        // Pictures of several signs and right-to-left words hold joiners and no commands.
        for text in ["ein Würstchen 🌭", "👩\u{200d}🚀", "تفاحة حمراء", "می\u{200c}خواهم"]
        {
            assert!(matches!(printable_line(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn json_keeps_its_meaning() {
        assert_eq!(
            printable_json("{\n  \"a\": \"\u{7f}\u{9b}\u{2066}\"\n}"),
            "{\n  \"a\": \"\\u007f\\u009b\\u2066\"\n}"
        );
    }
}
