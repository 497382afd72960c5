//! Checks regular expressions of tokenizers: they must terminate, and match as in the program that wrote the file.
//!
//! That program is usually Python's `tokenizers`, which uses Oniguruma. Here `fancy-regex` runs them. Both have the same
//! character classes (compared over all of Unicode), except for those that [`check`] refuses. `fancy-regex` silently
//! gives up a search after a million steps. Only expressions with a look-ahead take steps: one for each branch at each
//! position, so limits on branches and text length bound them.

/// The longest expression, in bytes.
const LONGEST: usize = 4096;
/// Maximum count in a repetition.
const REPEATED: u32 = 100;
/// Maximum nesting of groups.
const DEPTH: usize = 32;
/// Maximum number of consecutive repetitions: for `.*.*.*.*x`, the time grows with the fifth power of the text's length.
const REPETITIONS: usize = 2;
/// Maximum number of other consecutive choices, such as `a?` and `(a|b)`: each doubles the time.
const CHOICES: usize = 3;

/// The look-ahead branch in the expressions of GPT-2 and its successors.
const AHEAD: &str = r"\s+(?!\S)";
/// Maximum number of branches in an expression with a look-ahead: less than a million steps for the longest text.
const BRANCHES: usize = 15;

/// Escapes with different meanings in Oniguruma and `fancy-regex`: `\w` with or without `²` and `½`, `\b` likewise, `\G`
/// at each match or at the first, `\<` as a letter or as the beginning of a word.
const DIFFERENT: [char; 7] = ['w', 'W', 'b', 'B', 'G', '<', '>'];

fn differs(what: &str) -> String {
    format!("has `{what}`, which programs read in different ways")
}

/// Letters in a case-insensitive group that Oniguruma matches with a single character, such as `ss` with `ß`.
fn folded_pair(expression: &str) -> Option<String> {
    const PAIRS: [&str; 5] = ["ss", "ff", "fi", "fl", "st"];
    let groups = expression.split("(?i:").skip(1).filter_map(|rest| rest.split(')').next());
    groups.map(str::to_lowercase).find_map(|group| {
        let letter = group.chars().find(|letter| !letter.is_ascii()).map(String::from);
        letter.or_else(|| PAIRS.iter().find(|pair| group.contains(**pair)).map(|pair| (*pair).to_owned()))
    })
}

/// An open group.
#[derive(Clone, Copy, Default)]
struct Group {
    /// Whether it contains a repetition or a choice.
    varies: bool,
    /// Cost of its current branch.
    branch: Cost,
    /// Maximum cost of its branches so far.
    most: Cost,
    branches: usize,
}

/// Number of consecutive ways to match, as exponents.
#[derive(Clone, Copy, Default)]
struct Cost {
    repetitions: usize,
    choices: usize,
}

impl Group {
    /// Ends a branch.
    fn end_branch(&mut self) {
        let (most, branch) = (self.most, std::mem::take(&mut self.branch));
        self.most.repetitions = most.repetitions.max(branch.repetitions);
        self.most.choices = most.choices.max(branch.choices);
        self.branches += 1;
    }

    /// Adds a part to the current branch.
    fn follow(&mut self, repetitions: usize, choices: usize) -> Result<(), String> {
        self.branch.repetitions += repetitions;
        self.branch.choices += choices;
        if self.branch.repetitions > REPETITIONS || self.branch.choices > CHOICES {
            return Err(format!(
                "has more than {REPETITIONS} repetitions one after the other, or more than {CHOICES} choices"
            ));
        }
        Ok(())
    }
}

/// Checks an expression of a tokenizer.
///
/// # Errors
/// The reason why it might not terminate: the end of a sentence that begins with "the expression".
pub(super) fn check(expression: &str) -> Result<(), String> {
    if expression.len() > LONGEST {
        return Err(format!("has more than {LONGEST} bytes"));
    }
    if let Some(pair) = folded_pair(expression) {
        return Err(differs(&pair));
    }
    let branches: Vec<&str> = expression.split('|').collect();
    if branches.contains(&AHEAD) && branches.len() > BRANCHES {
        return Err(format!("looks ahead, and has more than {BRANCHES} branches"));
    }
    let expression = branches.iter().map(|branch| if *branch == AHEAD { r"\s+" } else { branch });
    let expression = expression.collect::<Vec<_>>().join("|");
    let mut rest = expression.chars().peekable();
    let mut groups = vec![Group::default()];
    // Operand of a repetition: nothing, one character, or a group.
    let mut last: Option<Group> = None;
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                match rest.next() {
                    Some('1'..='9' | 'k' | 'g') => return Err("refers back to what was matched".into()),
                    Some(escape) if DIFFERENT.contains(&escape) => {
                        return Err(differs(&format!("\\{escape}")));
                    }
                    Some('p' | 'P' | 'x' | 'u') if rest.peek() == Some(&'{') => named(&mut rest)?,
                    _ => {}
                }
                last = Some(Group::default());
            }
            '[' => {
                class(&mut rest, 0)?;
                last = Some(Group::default());
            }
            '(' => {
                if groups.len() > DEPTH {
                    return Err(format!("has more than {DEPTH} groups within each other"));
                }
                if rest.peek() == Some(&'?') {
                    rest.next();
                    match rest.next() {
                        Some(':') => {}
                        Some('!' | '=' | '<') => {
                            return Err("looks around, other than by a branch `\\s+(?!\\S)`".into());
                        }
                        // Without a `:`, the option would apply to the following branches too.
                        Some('i') if rest.peek() == Some(&':') => {}
                        _ => return Err("has a group of a kind that is not read".into()),
                    }
                } else if rest.peek() == Some(&'*') {
                    return Err("has a group of a kind that is not read".into());
                }
                groups.push(Group::default());
                last = None;
            }
            ')' => {
                let mut closed = groups.pop().filter(|_| !groups.is_empty()).ok_or("has a `)` too many")?;
                closed.end_branch();
                if let Some(around) = groups.last_mut() {
                    around.varies |= closed.varies;
                    let choices = closed.most.choices + usize::from(closed.branches > 1);
                    around.follow(closed.most.repetitions, choices)?;
                }
                last = Some(closed);
            }
            '|' => {
                groups.iter_mut().for_each(|group| group.varies = true);
                groups.last_mut().into_iter().for_each(Group::end_branch);
                last = None;
            }
            '*' | '+' | '?' | '{' => {
                let many = match character {
                    '{' => repetition(&mut rest)?,
                    '?' => false,
                    _ => true,
                };
                if many && last.is_some_and(|group| group.varies) {
                    return Err("repeats a group in which something is repeated or chosen".into());
                }
                groups.iter_mut().for_each(|group| group.varies = true);
                if let Some(group) = groups.last_mut() {
                    group.follow(usize::from(many), usize::from(!many))?;
                }
                // Lazy. Possessive repetitions have different meanings.
                rest.next_if_eq(&'?');
                last = Some(Group { varies: true, ..Group::default() });
            }
            '^' | '$' => return Err(differs(&character.to_string())),
            _ => last = Some(Group::default()),
        }
    }
    if groups.len() > 1 { Err("has a `(` too many".into()) } else { Ok(()) }
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Skips the `{…}` of a named character; the library would parse an unknown name as an expression.
fn named(rest: &mut Rest<'_>) -> Result<(), String> {
    rest.next();
    while rest.next_if(|c| c.is_ascii_alphanumeric() || "_^- ".contains(*c)).is_some() {}
    match rest.next() {
        Some('}') => Ok(()),
        _ => Err("has a `{` that encloses no name".into()),
    }
}

/// Skips a character class, including nested ones.
fn class(rest: &mut Rest<'_>, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err("has classes too deep within each other".into());
    }
    while let Some(character) = rest.next() {
        match character {
            ']' => return Ok(()),
            '\\' => {
                if let Some(escape) = rest.next_if(|escape| DIFFERENT.contains(escape)) {
                    return Err(differs(&format!("\\{escape}")));
                }
                rest.next();
            }
            '[' if rest.peek() == Some(&':') => return Err(differs("[:")),
            '[' => class(rest, depth + 1)?,
            _ => {}
        }
    }
    Err("has a `[` too many".into())
}

/// Parses `n}`, `n,}` or `n,m}`; returns whether it repeats more than once.
fn repetition(rest: &mut Rest<'_>) -> Result<bool, String> {
    let text: String = rest.by_ref().take_while(|c| *c != '}').collect();
    let numbers: Option<Vec<u32>> =
        text.split(',').filter(|part| !part.is_empty()).map(|part| part.trim().parse().ok()).collect();
    let numbers = numbers.filter(|numbers| (1..=2).contains(&numbers.len()));
    let Some(numbers) = numbers else { return Err("has a `{` that is not a repetition".into()) };
    if numbers.iter().any(|n| *n > REPEATED) {
        return Err(format!("repeats something more than {REPEATED} times"));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn expressions_of_tokenizers_are_read() {
        let known = [
            r"\s+",
            r" {2,}",
            r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
            r"<\|startoftext\|>|<\|endoftext\|>|'s|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
            r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}]*[\p{Ll}\p{Lm}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|\x{4E00}+",
        ];
        for expression in known {
            assert_eq!(check(expression), Ok(()), "{expression}");
        }
    }

    #[test]
    fn expressions_without_end_are_refused() {
        let endless = [
            "(a+)+b",
            "(a|b|ab)*bc",
            "((a*)b?)*",
            "(?:(?:a+)c)*",
            r"(a)\1",
            r"\g<0>",
            "((a{100}){100}){100}",
            "a{1000}",
            "a{,99999}",
            "(?~a)",
            "(*FAIL)",
            "(?{x})",
            "(?(1)a|b)",
            "(a",
            "a)",
            "[a",
            "a**",
            "a{2}{3}",
            "(a?)*",
            ".*.*.*x",
            "a+(b{1,9}|c)d*x",
            ".*.*(?i)|.*.*x",
            r"\x{(a+)+b}",
            r"\u{(a+)+b}",
        ];
        for expression in endless {
            assert!(check(expression).is_err(), "{expression}");
        }
        assert!(check(&"a".repeat(5000)).is_err() && check(&"(".repeat(100)).is_err());
        assert!(check(&"[".repeat(100_000)).is_err());
        assert!(check(&"a?".repeat(20)).is_err() && check(&"(a|ab)".repeat(20)).is_err());
    }

    #[test]
    fn refuses_ambiguous_expressions() {
        for (expression, what) in [
            (r"^a", "^"),
            (r"a$", "$"),
            (r"\w+|[^\w\s]+", r"\w"),
            (r"[^\s\W]", r"\W"),
            (r"\bx", r"\b"),
            (r"\<x", r"\<"),
            ("[[:punct:]]+", "[:"),
            ("(?i:STRASSE)", "ss"),
            ("(?i:ß)", "ß"),
        ] {
            let said = check(expression).unwrap_err();
            assert_eq!(said, format!("has `{what}`, which programs read in different ways"), "{expression}");
        }
        for expression in [r"a(?=b)", r"(?<!a)b", r"a+(?!\S)", r"\s*(?!\S)", r"a?\s+(?!\S)"] {
            assert!(check(expression).unwrap_err().starts_with("looks around"), "{expression}");
        }
        for expression in ["(?>a+)b", "a++", "a{2}+"] {
            assert!(check(expression).is_err(), "{expression}");
        }
        let branches = |count: usize| format!(r"{}\s+(?!\S)", "a|".repeat(count - 1));
        assert_eq!(check(&branches(15)), Ok(()));
        assert_eq!(check(&branches(16)).unwrap_err(), "looks ahead, and has more than 15 branches");
        // None of these is an anchor or a class of the whole expression.
        for expression in [r"[^a]", r"[$^]", r"\^\$", r"\\w", r"[\[:]"] {
            assert_eq!(check(expression), Ok(()), "{expression}");
        }
    }
}
