//! Names of output files with a place for the row's number, such as `pics/%04d.png`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Most digits that a name may ask for.
const DIGITS: usize = 9;

/// A path whose text holds one number: `%d`, or `%04d` for at least four digits. `%%` is a percent sign.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern {
    before: String,
    digits: usize,
    after: String,
}

impl Pattern {
    /// # Errors
    /// The path has no place for a number or several, or is not UTF-8.
    pub(crate) fn read(path: &Path) -> Result<Pattern> {
        let shown = path.display();
        let advice = "write the place of the row's number once, as pics/%04d.png";
        let Some(text) = path.to_str() else { bail!("{shown} is not UTF-8: {advice}") };
        let (mut parts, mut digits, mut rest) = ([String::new(), String::new()], None, text);
        while let Some(at) = rest.find('%') {
            let part = &mut parts[usize::from(digits.is_some())];
            part.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                part.push('%');
                rest = after;
                continue;
            }
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (width, Some(after)) = (&rest[..end], rest[end..].strip_prefix('d')) else {
                bail!("{shown}: a percent sign is written %%, and {advice}")
            };
            let width = if width.is_empty() { Ok(1) } else { width.parse() };
            match (digits, width) {
                (None, Ok(width)) if width <= DIGITS => digits = Some(width),
                (None, _) => bail!("{shown}: a number has {DIGITS} digits at most"),
                (Some(_), _) => bail!("{shown} has two places for a number: {advice}"),
            }
            rest = after;
        }
        let Some(digits) = digits else { bail!("{shown} would hold the pictures of all rows: {advice}") };
        let [before, after] = parts;
        let after = after + rest;
        if after.contains(['/', '\\']) {
            bail!("{shown}: the number belongs into the file's name, as pics/%04d.png");
        }
        Ok(Pattern { before, digits, after })
    }

    /// The path for a row.
    pub(crate) fn path(&self, number: usize) -> PathBuf {
        let Pattern { before, digits, after } = self;
        format!("{before}{number:0digits$}{after}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_their_place() {
        let path = |text: &str, number| Pattern::read(Path::new(text)).unwrap().path(number);
        assert_eq!(path("pics/%04d.png", 7), Path::new("pics/0007.png"));
        assert_eq!(path("100%%/a-%d-b%%.png", 12345), Path::new("100%/a-12345-b%.png"));
        assert_eq!(path("%04d.png", 123_456), Path::new("123456.png"));
    }

    #[test]
    fn other_patterns_are_refused() {
        let said = |text: &str| Pattern::read(Path::new(text)).unwrap_err().to_string();
        assert!(said("a.png").contains("of all rows"));
        assert!(said("%d-%d.png").contains("two places"));
        assert!(said("%s.png").contains("written %%") && said("50%").contains("written %%"));
        assert!(said("%999999999999999999999d.png").contains("9 digits"));
        assert!(said("%d/a.png").contains("file's name"));
    }
}
