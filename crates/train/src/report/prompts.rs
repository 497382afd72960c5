//! The prompts of the contact sheet, chosen before training and stored in `data/prompts.txt`.

use anyhow::{Context, Result, bail};

static PROMPTS: &str = include_str!("../../data/prompts.txt");

/// Kind of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A concept in a style that occur together in training.
    Seen,
    /// A concept of the training in a style in which it never occurs there.
    Style,
    /// An object that never occurs in training.
    Concept,
    /// A background colour or a scene that never occurs in training with these objects.
    Composed,
}

impl Kind {
    /// All kinds, in the order of the sheet.
    pub const ALL: [Kind; 4] = [Kind::Seen, Kind::Style, Kind::Concept, Kind::Composed];

    /// The word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Seen => "seen",
            Kind::Style => "style",
            Kind::Concept => "concept",
            Kind::Composed => "composed",
        }
    }
}

/// One prompt of the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt {
    /// Kind of the prompt.
    pub kind: Kind,
    /// Text for the text encoder.
    pub text: &'static str,
}

/// The prompts, in the order of the sheet.
///
/// # Errors
/// Only if the embedded file is damaged; the message gives the line.
pub fn prompts() -> Result<Vec<Prompt>> {
    let lines = PROMPTS.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    lines
        .map(|(at, line)| parse(line).with_context(|| format!("data/prompts.txt, line {}", at + 1)))
        .collect()
}

fn parse(line: &'static str) -> Result<Prompt> {
    let (kind, text) = line.split_once('\t').context("a kind, a tab and a prompt are expected")?;
    let Some(kind) = Kind::ALL.into_iter().find(|k| k.name() == kind) else { bail!("no kind `{kind}`") };
    Ok(Prompt { kind, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetSplit;
    use crate::data::manifest::{Entry, manifest};
    use crate::data::palette::COLOURS;
    use crate::data::phrase::with_article;
    use crate::data::scene::colour_held_out;

    /// Label, background and style of a prompt of one object.
    fn parts(text: &str) -> (String, Option<String>, String) {
        let (rest, style) = text.rsplit_once(", ").unwrap();
        let style = style.strip_suffix(" style").unwrap().to_owned();
        let (label, colour) = match rest.split_once(" on a") {
            Some((label, ground)) => {
                let colour = ground.trim_start_matches('n').trim().strip_suffix(" background").unwrap();
                (label, Some(colour.to_owned()))
            }
            None => (rest, None),
        };
        (label.to_owned(), colour, style)
    }

    fn entry<'a>(all: &'a [Entry], label: &str, style: &str) -> &'a Entry {
        let found = all.iter().find(|e| {
            e.style == style
                && (with_article(&e.caption) == label
                    || e.caption == label
                    || format!("a {}", e.caption) == label)
        });
        found.unwrap_or_else(|| panic!("no `{label}` in {style}"))
    }

    #[test]
    fn prompts_are_of_kind_they_say() {
        let (all, prompts) = (manifest().unwrap(), prompts().unwrap());
        let counts = Kind::ALL.map(|kind| prompts.iter().filter(|p| p.kind == kind).count());
        assert_eq!(counts, [40, 8, 8, 8]);
        for prompt in prompts {
            let (label, colour, style) = parts(prompt.text);
            if let Some(colour) = &colour {
                assert!(COLOURS.iter().any(|c| c.name == colour), "{}", prompt.text);
            }
            if prompt.kind == Kind::Composed && colour.is_none() {
                continue;
            }
            let label = label.replacen("a small ", "a ", 1);
            let entry = entry(&all, &label, &style);
            let wanted = match prompt.kind {
                Kind::Seen | Kind::Composed => DatasetSplit::Train,
                Kind::Style => DatasetSplit::TestStyle,
                Kind::Concept => DatasetSplit::TestConcept,
            };
            assert_eq!(entry.split, wanted, "{}", prompt.text);
            if let Some(colour) = &colour {
                let hidden = prompt.kind == Kind::Composed && !prompt.text.contains("small");
                assert_eq!(colour_held_out(&entry.caption, colour), hidden, "{}", prompt.text);
            }
        }
    }
}
