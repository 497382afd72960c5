//! Detects unquoted values with braces or brackets inside flow mappings, a common mistake in declarations.

/// Suggests a quoted form of the flow mapping's entry where the parser stopped, at character `at`; `None` if it is not a
/// text with braces or brackets.
pub(super) fn in_quotes(text: &str, at: usize) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    if !matches!(chars.get(at)?, '{' | '[') {
        return None;
    }
    let line = chars[..at].iter().rposition(|c| *c == '\n').map_or(0, |newline| newline + 1);
    let begin = line + 1 + chars[line..at].iter().rposition(|c| matches!(c, '{' | ','))?;
    let before: String = chars[begin..at].iter().collect();
    let (key, value) = before.split_once(':')?;
    let (key, value) = (key.trim(), value.trim_start());
    let rest: String = chars[at..=end(&chars, at)?].iter().collect();
    let plain = !key.is_empty() && !value.is_empty() && !before.contains(['\'', '"']) && !rest.contains('\'');
    plain.then(|| format!("; write {key}: '{value}{rest}', in quotes"))
}

/// The end of the text that continues with the bracket at `at`.
fn end(chars: &[char], at: usize) -> Option<usize> {
    let mut depth = 0;
    for (index, c) in chars.iter().enumerate().skip(at) {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '\n' => return None,
            _ => {}
        }
        let next = chars.get(index + 1);
        if depth == 0 && next == Some(&'?') {
            return Some(index + 1);
        }
        if depth == 0 && !next.is_some_and(|next| matches!(next, '{' | '[')) {
            return Some(index);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(text: &str, sign: char) -> Option<String> {
        in_quotes(text, text.chars().collect::<Vec<_>>().iter().rposition(|c| *c == sign)?)
    }

    #[test]
    fn declarations_are_put_in_quotes() {
        let wanted = Some("; write a: 'int = 5 {1..9}', in quotes".to_owned());
        assert_eq!(hint("inputs: { a: int = 5 {1..9} }", '{'), wanted);
        let wanted = Some("; write m: 'f32[h,w]?', in quotes".to_owned());
        assert_eq!(hint("x: 1\ninputs: { a: int, m: f32[h,w]? }", '['), wanted);
    }

    #[test]
    fn other_mistakes_get_no_quotes() {
        assert_eq!(hint("nodes: { a: {", '{'), None);
        assert_eq!(hint("nodes: { a: b {c", '{'), None);
        assert_eq!(in_quotes("a: b", 9), None);
    }
}
