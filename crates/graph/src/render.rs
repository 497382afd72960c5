//! Diagnostics as people read them.

use wuerst_core::Diagnostic;

/// One line: `file:line:column: path: message`.
pub fn headline(file: &str, diagnostic: &Diagnostic) -> String {
    let gap = if diagnostic.line > 0 { "" } else { " " };
    format!("{file}:{gap}{diagnostic}")
}

/// The line of the file that the diagnostic is about, with a caret below the place; `None` when it is
/// about no line.
pub fn excerpt(text: &str, diagnostic: &Diagnostic) -> Option<String> {
    let number = diagnostic.line;
    let line = text.lines().nth(usize::try_from(number).ok()?.checked_sub(1)?)?;
    let before = usize::try_from(diagnostic.column).ok()?.checked_sub(1)?;
    // Tabs stay tabs, so that the caret stands below its place however wide the terminal shows them.
    let indent: String = line.chars().take(before).map(|c| if c == '\t' { c } else { ' ' }).collect();
    let margin = " ".repeat(number.to_string().len());
    Some(format!("{number} | {line}\n{margin} | {indent}^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32) -> Diagnostic {
        Diagnostic { line, column, path: "nodes.a".into(), message: "wrong".into() }
    }

    #[test]
    fn a_caret_stands_below_the_place() {
        assert_eq!(excerpt("one\n\ttwo: 2\n", &at(2, 7)).as_deref(), Some("2 | \ttwo: 2\n  | \t     ^"));
        assert_eq!(excerpt("one\n", &at(0, 0)), None);
        assert_eq!(excerpt("one\n", &at(9, 1)), None);
    }

    #[test]
    fn the_headline_names_file_and_place() {
        assert_eq!(headline("g.yaml", &at(2, 7)), "g.yaml:2:7: nodes.a: wrong");
        assert_eq!(headline("g.yaml", &at(0, 0)), "g.yaml: nodes.a: wrong");
    }
}
