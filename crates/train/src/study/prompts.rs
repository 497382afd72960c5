//! Prompts of a study or comparison, with their categories.

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;
use wuerst_read::regular;

/// Maximum length of a file of prompts, in bytes.
const LONGEST: u64 = 64 << 20;

/// Maximum number of prompts.
const MOST: usize = 100_000;

/// Category of prompts without one.
pub const NONE: &str = "all";

/// One prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// Number of the prompt in its file, from 1; a header is not counted.
    pub number: usize,
    /// Text for the text encoder.
    pub text: String,
    /// Kind of subject.
    pub category: String,
    /// Kind of difficulty.
    pub challenge: String,
}

/// Reads prompts: one a line, or a table as PartiPrompts', whose first line names tab-separated columns `Prompt`,
/// `Category` and `Challenge`.
///
/// # Errors
/// A file that cannot be read, a line without a prompt; the message names the line.
pub fn read(path: &Path) -> Result<Vec<Prompt>> {
    let text =
        regular::read_text(path, LONGEST).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> Result<Vec<Prompt>> {
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.starts_with('#')).peekable();
    let columns = match lines.peek() {
        Some((header, _)) if header.split('\t').any(|name| name == "Prompt") => {
            let names: Vec<&str> = header.split('\t').collect();
            lines.next();
            let find = |wanted: &str| names.iter().position(|name| *name == wanted);
            [find("Prompt"), find("Category"), find("Challenge")]
        }
        _ => [Some(0), None, None],
    };
    let mut prompts: Vec<Prompt> = vec![];
    for (line, at) in lines {
        let cells: Vec<&str> =
            if columns[1].or(columns[2]).is_some() { line.split('\t').collect() } else { vec![line] };
        let cell = |column: Option<usize>| {
            column.and_then(|at| cells.get(at)).map(|cell| cell.trim()).unwrap_or_default()
        };
        let text = cell(columns[0]).to_owned();
        ensure!(!text.is_empty(), "line {at} has no prompt: write one, or remove the line");
        ensure!(prompts.len() < MOST, "line {at}: there are more than {MOST} prompts; shorten the file");
        let or_none = |text: &str| if text.is_empty() { NONE.to_owned() } else { text.to_owned() };
        let (category, challenge) = (or_none(cell(columns[1])), or_none(cell(columns[2])));
        prompts.push(Prompt { number: prompts.len() + 1, text, category, challenge });
    }
    if prompts.is_empty() {
        bail!("there are no prompts: write one a line");
    }
    Ok(prompts)
}

/// At most `n` of the prompts, spread evenly over the file.
pub fn spread(prompts: Vec<Prompt>, n: usize) -> Vec<Prompt> {
    let all = prompts.len();
    let taken = |at: usize| n >= all || (at * n) / all != ((at + 1) * n) / all;
    prompts.into_iter().enumerate().filter(|(at, _)| taken(*at)).map(|(_, prompt)| prompt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_categories() {
        let prompts =
            parse("Prompt\tCategory\tChallenge\tNote\na cat\tAnimals\tBasic\tx\na map\tArts\t\t\n").unwrap();
        assert_eq!((prompts[0].category.as_str(), prompts[0].challenge.as_str()), ("Animals", "Basic"));
        assert_eq!((prompts[1].number, prompts[1].challenge.as_str()), (2, NONE));
    }

    #[test]
    fn lines_are_prompts() {
        let prompts = parse("# ours\na cat\nan owl\n").unwrap();
        assert_eq!(prompts.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(), ["a cat", "an owl"]);
        let told = |text: &str| parse(text).unwrap_err().to_string();
        assert!(told("a\n\nb\n").starts_with("line 2 has no prompt"), "{}", told("a\n\nb\n"));
        assert!(told("").contains("no prompts"));
    }

    #[test]
    fn spread_prompts_keep_numbers() {
        let prompts = parse(&"a\n".repeat(10)).unwrap();
        let numbers = |n| spread(prompts.clone(), n).iter().map(|p| p.number).collect::<Vec<_>>();
        assert_eq!((numbers(2), numbers(20).len()), (vec![5, 10], 10));
    }

    #[test]
    fn shipped_prompts_have_categories_of_partiprompts() {
        let prompts = parse(include_str!("../../data/study-prompts.tsv")).unwrap();
        let mut categories: Vec<&str> = prompts.iter().map(|p| p.category.as_str()).collect();
        categories.sort_unstable();
        categories.dedup();
        assert!(prompts.len() >= 100 && !categories.contains(&NONE), "{categories:?}");
        assert!(
            ["Animals", "Artifacts", "Food & Beverage", "Vehicles"].iter().all(|c| categories.contains(c))
        );
    }
}
