//! Choices in prompts: `{a|b}` and `__name__`, made by the seed.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use wuerst::core::{Files, Hasher, entries, regular};

/// Maximum nesting of choices, and of lists that name lists.
const DEEPEST: usize = 32;
/// Maximum number of bytes of a prompt with its choices made.
const LONGEST: usize = 60_000;
/// Maximum number of choices in a prompt.
const MOST: u64 = 10_000;
/// Maximum size of a list in bytes.
const LARGEST: u64 = 4 << 20;
/// Maximum number of characters of a prompt shown in a message.
const SHOWN: usize = 24;

/// Makes the choices of prompts, with lists of one folder.
pub(crate) struct Wildcards<'a> {
    folder: Option<&'a Path>,
    /// Lines of the lists that were read, by name.
    lists: HashMap<String, Rc<[String]>>,
}

/// Choices of one prompt.
struct Choices<'w, 'a> {
    wildcards: &'w mut Wildcards<'a>,
    seed: u64,
    made: u64,
    prompt: String,
}

impl<'a> Wildcards<'a> {
    pub(crate) fn new(folder: Option<&'a Path>) -> Wildcards<'a> {
        Wildcards { folder, lists: HashMap::new() }
    }

    /// The prompt with its choices made by `seed`; `\{` and `\}` are braces that are meant.
    ///
    /// # Errors
    /// Braces that do not match, a list that does not exist, and prompts that grow too large.
    pub(crate) fn resolve(&mut self, prompt: &str, seed: u64) -> Result<String> {
        let mut choices = Choices { wildcards: self, seed, made: 0, prompt: String::new() };
        choices.expand(prompt, 0)?;
        Ok(choices.prompt)
    }

    /// The lines of a list.
    fn list(&mut self, name: &str) -> Result<Rc<[String]>> {
        if let Some(known) = self.lists.get(name) {
            return Ok(Rc::clone(known));
        }
        let Some(folder) = self.folder else {
            bail!("`__{name}__` names a list of words: give the folder of {name}.txt with --wildcards FOLDER")
        };
        let file = Files::in_folder(folder).open(&format!("{name}.txt"));
        let file = file.map_err(|_| {
            anyhow!("`__{name}__` names a list of words, and {} has no file {name}.txt", folder.display())
        })?;
        let shown = file.path().display();
        let text = regular::read_text(file.path(), LARGEST).with_context(|| shown.to_string())?;
        let lines: Rc<[String]> = entries(&text).into_iter().map(str::to_owned).collect();
        ensure!(!lines.is_empty(), "{shown} has no lines to choose from");
        self.lists.insert(name.to_owned(), Rc::clone(&lines));
        Ok(lines)
    }
}

impl Choices<'_, '_> {
    /// Adds a text with its choices made.
    fn expand(&mut self, text: &str, depth: usize) -> Result<()> {
        ensure!(
            depth <= DEEPEST,
            "choices in a prompt are nested at most {DEEPEST} deep, and a list may not name itself"
        );
        let mut rest = text;
        while let Some(at) = rest.find(['\\', '{', '}', '_']) {
            self.prompt.push_str(&rest[..at]);
            rest = self.sign(&rest[at..], depth)?;
            ensure!(
                self.prompt.len() <= LONGEST,
                "a prompt has at most {LONGEST} bytes once its choices are made"
            );
        }
        self.prompt.push_str(rest);
        Ok(())
    }

    /// Reads the sign at the beginning of a text; returns the text after it.
    fn sign<'t>(&mut self, text: &'t str, depth: usize) -> Result<&'t str> {
        let (sign, after) = text.split_at(1);
        match sign {
            "\\" if after.starts_with(['{', '}']) => {
                self.prompt.push_str(&after[..1]);
                Ok(&after[1..])
            }
            "{" => {
                let (ways, after) = ways(text)?;
                let chosen = self.choose(ways.len())?;
                self.expand(ways[chosen], depth + 1)?;
                Ok(after)
            }
            "}" => bail!("a brace closes nothing, at `{}`: write \\}} for a brace that is meant", near(text)),
            _ => match list_name(text) {
                Some((name, after)) => {
                    let lines = self.wildcards.list(name)?;
                    let chosen = self.choose(lines.len())?;
                    self.expand(&lines[chosen], depth + 1)?;
                    Ok(after)
                }
                None => {
                    self.prompt.push_str(sign);
                    Ok(after)
                }
            },
        }
    }

    /// Index of a choice among `of`; equal seeds choose equally on every machine.
    fn choose(&mut self, of: usize) -> Result<usize> {
        self.made += 1;
        ensure!(self.made <= MOST, "a prompt makes at most {MOST} choices");
        let digest = Hasher::new("wildcard").number(self.seed).number(self.made).finish();
        let number =
            digest.as_bytes().iter().take(8).fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
        Ok(usize::try_from((u128::from(number) * of as u128) >> 64)?)
    }
}

/// The ways of a choice that begins a text, and the text after it.
fn ways(text: &str) -> Result<(Vec<&str>, &str)> {
    let (mut ways, mut begin, mut depth, mut escaped) = (Vec::new(), 1, 0usize, false);
    for (at, sign) in text.char_indices() {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '|' if depth == 1 => {
                ways.push(&text[begin..at]);
                begin = at + 1;
            }
            '}' if depth == 1 => {
                ways.push(&text[begin..at]);
                return Ok((ways, &text[at + 1..]));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    bail!("a brace is never closed, at `{}`: close it, or write \\{{ for a brace that is meant", near(text))
}

/// The name in a `__name__` that begins a text, and the text after it.
fn list_name(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix("__")?.split_once("__")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    (!name.is_empty() && name.chars().all(allowed)).then_some((name, after))
}

/// The beginning of a text, for messages.
fn near(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    fn resolved(prompt: &str, seed: u64) -> Result<String> {
        Wildcards::new(None).resolve(prompt, seed)
    }

    #[test]
    fn seeds_choose() -> Result<()> {
        let prompt = "a {red|green|{light|dark} blue} {cat|dog}, snake_case, \\{b|c\\}";
        let all: BTreeSet<String> = (0..200).map(|seed| resolved(prompt, seed)).collect::<Result<_>>()?;
        assert_eq!(all.len(), 8, "{all:?}");
        assert!(all.contains("a dark blue dog, snake_case, {b|c}"), "{all:?}");
        assert_eq!(resolved(prompt, 7)?, resolved(prompt, 7)?);
        assert_eq!(resolved("{}a{|}b __ c__ _", 1)?, "ab __ c__ _");
        Ok(())
    }

    #[test]
    fn lists_are_files_of_a_folder() -> Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("animal.txt"), "# of the house\ncat\n\n{small|big} dog\n")?;
        fs::write(folder.path().join("again.txt"), "x __again__\n")?;
        fs::write(folder.path().join("none.txt"), "# none\n")?;
        let mut wildcards = Wildcards::new(Some(folder.path()));
        let mut all = BTreeSet::new();
        for seed in 0..100 {
            all.insert(wildcards.resolve("a __animal__!", seed)?);
        }
        assert_eq!(all.into_iter().collect::<Vec<_>>(), ["a big dog!", "a cat!", "a small dog!"]);
        for (prompt, want) in [
            ("__again__", "may not name itself"),
            ("__none__", "has no lines to choose from"),
            ("__other__", "has no file other.txt"),
            ("__/etc/hosts__", "has no file"),
        ] {
            let said = wildcards.resolve(prompt, 1).unwrap_err().to_string();
            assert!(said.contains(want), "{said}");
        }
        assert_eq!(wildcards.resolve("__../animal__", 1)?, "__../animal__");
        assert!(format!("{:#}", resolved("__animal__", 1).unwrap_err()).contains("--wildcards FOLDER"));
        Ok(())
    }

    #[test]
    fn braces_match_and_prompts_stay_small() {
        let said = |prompt: &str| resolved(prompt, 1).unwrap_err().to_string();
        assert!(said("a {b|c").contains("never closed, at `{b|c`"));
        assert!(said("a b} c").contains("closes nothing, at `} c`"));
        assert!(said(&"{".repeat(1_000_000)).contains("never closed"));
        assert!(said(&("{".repeat(500_000) + &"}".repeat(500_000))).contains("at most 32 deep"));
        assert!(said(&"{a|b}".repeat(200_000)).contains("at most 10000 choices"));
        assert!(said(&format!("{{{}|{0}}} _", "a".repeat(60_001))).contains("at most 60000 bytes"));
    }
}
