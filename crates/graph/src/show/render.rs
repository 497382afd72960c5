//! Diagnostics formatted for people.

use wuerst_core::{Diagnostic, byte_order, is_command};

/// One line: `file:line:column: path: message`.
pub fn headline(file: &str, diagnostic: &Diagnostic) -> String {
    let gap = if diagnostic.line > 0 { "" } else { " " };
    format!("{file}:{gap}{diagnostic}")
}

/// Maximum number of characters shown of a line, most of them before the place.
const WIDEST: usize = 160;

/// The line of the file with a caret below the diagnostic's place; `None` if it belongs to no line. Of a long line, the
/// part around the place is shown.
pub fn excerpt(text: &str, diagnostic: &Diagnostic) -> Option<String> {
    let (number, text) = (diagnostic.line, byte_order::unmarked(text));
    let line = text.lines().nth(usize::try_from(number).ok()?.checked_sub(1)?)?;
    let before = usize::try_from(diagnostic.column).ok()?.checked_sub(1)?;
    let skipped = (before + WIDEST / 4).saturating_sub(WIDEST);
    // Untrusted text must not move the cursor. Tabs stay, so that the caret is below its place at any tab width.
    let clean = |c: char| if is_command(c) && c != '\t' { '\u{fffd}' } else { c };
    let mut shown: String = line.chars().skip(skipped).take(WIDEST).map(clean).collect();
    let start = if skipped > 0 { "…" } else { "" };
    if line.chars().nth(skipped + WIDEST).is_some() {
        shown.push('…');
    }
    let blank = |c: char| if c == '\t' { c } else { ' ' };
    let indent: String = start.chars().chain(shown.chars().take(before - skipped)).map(blank).collect();
    let margin = " ".repeat(number.to_string().len());
    Some(format!("{number} | {start}{shown}\n{margin} | {indent}^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32) -> Diagnostic {
        Diagnostic { line, column, path: "nodes.a".into(), message: "wrong".into() }
    }

    #[test]
    fn caret_stands_below_place() {
        assert_eq!(excerpt("one\n\ttwo: 2\n", &at(2, 7)).as_deref(), Some("2 | \ttwo: 2\n  | \t     ^"));
        assert_eq!(excerpt("one\n", &at(0, 0)), None);
        assert_eq!(excerpt("one\n", &at(9, 1)), None);
    }

    #[test]
    fn byte_order_marks_take_no_column() {
        assert_eq!(excerpt("\u{feff}one: 1\n", &at(1, 6)).as_deref(), Some("1 | one: 1\n  |      ^"));
    }

    #[test]
    fn long_lines_show_part_around_place() {
        let line = "x".repeat(5000) + "\u{1b}[2J" + &"y".repeat(5000);
        let shown = excerpt(&line, &at(1, 5001)).unwrap();
        let (source, caret) = shown.split_once('\n').unwrap();
        assert!(
            source.starts_with("1 | …xxx") && source.ends_with("yyy…") && source.contains("x\u{fffd}[2J")
        );
        let place = caret.chars().count() - 1;
        assert_eq!(source.chars().nth(place), Some('\u{fffd}'), "{shown}");
        assert!(shown.len() < 400);
    }

    #[test]
    fn headline_names_file_and_place() {
        assert_eq!(headline("g.yaml", &at(2, 7)), "g.yaml:2:7: nodes.a: wrong");
        assert_eq!(headline("g.yaml", &at(0, 0)), "g.yaml: nodes.a: wrong");
    }
}
