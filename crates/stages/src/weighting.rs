//! Weights of words in prompts, as users write them: `(word:1.3)`, `((word))`, `\(`.

use wuerst_core::Error;

use crate::tokenizer::check_length;

/// Maximum nesting of brackets.
const DEEPEST: usize = 32;
/// Maximum absolute value of a weight.
const LARGEST: f64 = 100.;
/// Factor of the weight for brackets without a number.
const BRACKETS: f64 = 1.1;

/// A prompt without brackets, and the weights of its parts.
#[derive(Debug, PartialEq)]
pub(crate) struct Weighted {
    pub(crate) text: String,
    /// End of each part in the text, in bytes, with its weight.
    parts: Vec<(usize, f32)>,
    /// Whether short parts stay in one chunk of a long text.
    pub(crate) keeps_parts: bool,
}

impl Weighted {
    /// The part at a byte of the text, by index.
    pub(crate) fn part(&self, byte: usize) -> usize {
        self.parts.partition_point(|(end, _)| *end <= byte)
    }

    /// The weight at a byte of the text.
    pub(crate) fn at(&self, byte: usize) -> f32 {
        self.parts.get(self.part(byte)).map_or(1., |(_, weight)| *weight)
    }
}

/// Whether a text appears to contain weights.
pub(crate) fn looks_weighted(text: &str) -> bool {
    let numbered = |inside: &str| {
        inside.rsplit_once(':').is_some_and(|(_, number)| number.trim().parse::<f64>().is_ok())
    };
    // The part behind the last bracket is not closed.
    text.contains('(') && text.rsplit(')').skip(1).any(numbered)
}

/// Reads a text by named rules: `off` (`None`), `comfyui` or `a1111`.
///
/// # Errors
/// [`Error::Invalid`] for the port `weighting` or `text`.
pub(crate) fn read_by(rules: &str, text: &str) -> Result<Option<Weighted>, Error> {
    let read = match rules {
        "off" => return Ok(None),
        "comfyui" => read,
        "a1111" => read_a1111,
        other => {
            return Err(Error::invalid("weighting", format!("`{other}` is none of off, comfyui, a1111")));
        }
    };
    check_length(text.chars().count())?;
    read(text).map(Some).map_err(|message| Error::invalid("text", message))
}

/// Reads a prompt by ComfyUI's rules: brackets multiply the weight with 1.1, a number behind the last colon in them replaces it,
/// and `\(` and `\)` are brackets that are meant.
///
/// # Errors
/// A sentence: brackets that do not match, weights that are too large, and syntax of other programs that is not read.
pub(crate) fn read(prompt: &str) -> Result<Weighted, String> {
    foreign(prompt)?;
    let chars: Vec<char> = prompt.chars().collect();
    let ends = ends(&chars)?;
    let mut weighted = Weighted { text: String::new(), parts: Vec::new(), keeps_parts: true };
    // Ranges of characters with the weight of the surrounding bracket; the first range is on top.
    let mut open = vec![(0, chars.len(), 1f64)];
    while let Some((from, to, weight)) = open.pop() {
        let bracket = (from..to).find(|at| chars[*at] == '(' && ends[*at] > *at);
        let Some(begin) = bracket else {
            weighted.add(&chars[from..to], weight);
            continue;
        };
        weighted.add(&chars[from..begin], weight);
        let end = ends[begin];
        let colon = (begin + 2..end).rev().find(|at| chars[*at] == ':');
        let number = colon.and_then(|colon| {
            let text: String = chars[colon + 1..end].iter().collect();
            Some((colon, text.trim().parse::<f64>().ok()?))
        });
        open.push((end + 1, to, weight));
        let (inside, own) = number.unwrap_or((end, weight * BRACKETS));
        bounded(own)?;
        open.push((begin + 1, inside, own));
    }
    Ok(weighted)
}

/// Reads a prompt by the rules of AUTOMATIC1111's web interface: `(word)` multiplies the weight of all that is inside with 1.1,
/// `(word:1.3)` with the number, `[word]` divides it by 1.1, and a backslash before a bracket means the bracket.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_a1111(prompt: &str) -> Result<Weighted, String> {
    foreign(prompt)?;
    let chars: Vec<char> = prompt.chars().collect();
    let mut parts: Vec<(String, f64)> = vec![(String::new(), 1.)];
    // Open brackets: their sign, their position, and the index of their first part.
    let mut open: Vec<(char, usize, usize)> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        let number = if c == ':' { number_in_bracket(&chars[at + 1..]) } else { None };
        match c {
            '\\' => {
                let escaped = chars.get(at + 1).filter(|next| "()[]\\".contains(**next));
                parts.last_mut().into_iter().for_each(|(text, _)| text.extend(escaped));
                at += usize::from(escaped.is_some());
            }
            '(' | '[' => {
                open.push((c, at, parts.len()));
                check_depth(open.len(), at)?;
                parts.push((String::new(), 1.));
            }
            ')' | ']' => {
                close(&mut parts, &mut open, c, at, if c == ')' { BRACKETS } else { 1. / BRACKETS })?
            }
            ':' if number.is_some() && open.last().is_some_and(|(sign, ..)| *sign == '(') => {
                let (length, factor) = number.unwrap_or((0, 1.));
                at += length + 1;
                close(&mut parts, &mut open, ')', at, factor)?;
            }
            _ => parts.last_mut().into_iter().for_each(|(text, _)| text.push(c)),
        }
        at += 1;
    }
    if let Some((sign, begin, _)) = open.last() {
        return Err(unclosed(*sign, *begin));
    }
    let mut weighted = Weighted { text: String::new(), parts: Vec::new(), keeps_parts: false };
    let mut parts = parts.into_iter().filter(|(text, _)| !text.is_empty()).peekable();
    while let Some((mut text, weight)) = parts.next() {
        // Neighbouring parts of equal weight are joined.
        while let Some((more, _)) = parts.next_if(|(_, next)| *next == weight) {
            text.push_str(&more);
        }
        bounded(weight)?;
        weighted.push(&text, weight);
    }
    Ok(weighted)
}

/// The number that ends a bracket, with its length, as `1.3)`.
fn number_in_bracket(chars: &[char]) -> Option<(usize, f64)> {
    let end = chars.iter().position(|c| *c == ')')?;
    let text: String = chars[..end].iter().collect();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let is_number = !digits.is_empty() && digits.chars().all(|c| c == '.' || c.is_ascii_digit());
    Some((end, text.parse().ok().filter(|_| is_number)?))
}

/// Multiplies the weights of all parts in the bracket that closes.
fn close(
    parts: &mut Vec<(String, f64)>,
    open: &mut Vec<(char, usize, usize)>,
    sign: char,
    at: usize,
    factor: f64,
) -> Result<(), String> {
    let wanted = if sign == ')' { '(' } else { '[' };
    match open.pop() {
        Some((begun, _, from)) if begun == wanted => {
            parts[from..].iter_mut().for_each(|(_, weight)| *weight *= factor);
            parts.push((String::new(), 1.));
            Ok(())
        }
        _ => Err(unopened(sign, at)),
    }
}

/// Refuses brackets that are nested too deeply; `at` is the position of the last one that opens.
fn check_depth(depth: usize, at: usize) -> Result<(), String> {
    match depth > DEEPEST {
        true => Err(format!("has brackets more than {DEEPEST} deep, at character {}", at + 1)),
        false => Ok(()),
    }
}

fn unclosed(sign: char, at: usize) -> String {
    let advice = format!("close it, or write \\{sign} for a bracket that is meant");
    format!("the bracket at character {} is never closed: {advice}", at + 1)
}

fn unopened(sign: char, at: usize) -> String {
    format!("the bracket at character {} closes nothing: write \\{sign} for a bracket that is meant", at + 1)
}

fn bounded(weight: f64) -> Result<(), String> {
    match weight.is_finite() && weight.abs() <= LARGEST {
        true => Ok(()),
        false => Err(format!("the weight {weight} is outside -{LARGEST}..{LARGEST}")),
    }
}

impl Weighted {
    /// Adds words of one weight. A space separates them from earlier words.
    fn push(&mut self, words: &str, weight: f64) {
        if words.trim().is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(words.trim());
        self.parts.push((self.text.len(), weight as f32));
    }

    /// Adds words of one weight with their brackets unescaped.
    fn add(&mut self, chars: &[char], weight: f64) {
        let mut words = String::new();
        let mut escaped = chars.iter().peekable();
        while let Some(c) = escaped.next() {
            match (c, escaped.peek()) {
                ('\\', Some(bracket @ ('(' | ')'))) => {
                    words.push(**bracket);
                    escaped.next();
                }
                _ => words.push(*c),
            }
        }
        self.push(&words, weight);
    }
}

/// For each character, the position at which it is closed if it is an opening bracket; otherwise 0.
fn ends(chars: &[char]) -> Result<Vec<usize>, String> {
    let (mut ends, mut open) = (vec![0; chars.len()], Vec::new());
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '\\' if matches!(chars.get(at + 1), Some('(' | ')')) => at += 1,
            '(' => {
                open.push(at);
                check_depth(open.len(), at)?;
            }
            ')' => ends[open.pop().ok_or_else(|| unopened(')', at))?] = at,
            _ => {}
        }
        at += 1;
    }
    match open.last() {
        None => Ok(ends),
        Some(begin) => Err(unclosed('(', *begin)),
    }
}

/// Refuses syntax of other programs that would be read as plain words.
fn foreign(prompt: &str) -> Result<(), String> {
    if prompt.split_whitespace().any(|word| word == "AND") {
        let graphs = "graphs/prompt-interpolation.yaml mixes two prompts, and prompt-sweep.yaml goes from one to the other";
        return Err(format!("AND between prompts is not read: {graphs}"));
    }
    let scheduled = prompt.split('[').skip(1).filter_map(|tail| tail.split_once(']')).any(|(inside, _)| {
        inside.rsplit_once(':').is_some_and(|(_, when)| when.trim().parse::<f64>().is_ok())
    });
    match scheduled {
        true => Err("[from:to:when] is not read: graphs/prompt-interpolation.yaml mixes two prompts".into()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_that_do_not_match_are_refused() {
        let said = |prompt: &str| read(prompt).unwrap_err();
        assert!(said("a (b").contains("character 3 is never closed"));
        assert!(said("a b)").contains("character 4 closes nothing"));
        assert!(said(&"(".repeat(1_000_000)).contains("more than 32 deep"));
        assert!(said("(a:1e9)").contains("1000000000 is outside -100..100"));
        assert!(said("(a:inf)").contains("inf is outside"));
        assert!(said("a AND b").contains("prompt-interpolation.yaml"));
        assert!(said("[a:b:0.4]").contains("[from:to:when] is not read"));
        assert!(read("BRAND [a] \\(b:2\\) :)".trim_end_matches(')')).is_ok());
    }

    #[test]
    fn square_brackets_match_too() {
        let said = |prompt: &str| read_a1111(prompt).unwrap_err();
        assert!(said("a [b").contains("character 3 is never closed: close it, or write \\["));
        assert!(said("a (b]").contains("character 5 closes nothing: write \\]"));
        assert!(said("(a:1)b:2)").contains("character 9 closes nothing"));
        assert!(said(&"[(".repeat(500_000)).contains("more than 32 deep"));
        assert!(said("(a:1000000000)").contains("1000000000 is outside -100..100"));
        assert!(said("((a:99):99)").contains("9801 is outside"));
        assert!(said("[a:b:0.4]").contains("[from:to:when] is not read"));
        assert_eq!(read_a1111("").unwrap().text, "");
        assert_eq!(read_a1111("a\\").unwrap().text, "a");
    }

    #[test]
    fn words_of_parts_stay_apart() {
        let weighted = read("ab(cd:2)ef").unwrap();
        assert_eq!(weighted.text, "ab cd ef");
        assert_eq!([0, 1, 3, 4, 6, 99].map(|at| weighted.at(at)), [1., 1., 2., 2., 1., 1.]);
        assert_eq!(read("()").unwrap().text, "");
    }

    #[test]
    fn weights_are_noticed() {
        assert!(looks_weighted("a (red:1.3) apple") && looks_weighted("(a: 2 )"));
        assert!(
            !looks_weighted("at 12:30 (noon)") && !looks_weighted("(a red apple)") && !looks_weighted("a:1")
        );
    }
}
