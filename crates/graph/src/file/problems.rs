//! Problems of a graph file, each with its place.

use wuerst_core::{Diagnostic, is_command};

use super::yaml::{Mark, Tree};

/// Maximum number of reported problems, so that a damaged file does not fill the memory.
const MOST: usize = 200;

/// Maximum length of messages and paths, in characters. Names in a file may be megabytes long.
const LONGEST: usize = 1000;

/// A place in a graph file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Keys that lead to the place, separated by dots.
    path: String,
    key: Mark,
    value: Mark,
    /// Offset of the text within the value; `None` if the file does not contain its characters one by one.
    inset: Option<u32>,
}

impl Place {
    /// The whole file.
    pub(crate) fn root() -> Place {
        Place::at(String::new(), Mark::START)
    }

    /// The place of a value that these keys lead to.
    pub(crate) fn at(path: String, mark: Mark) -> Place {
        Place { path, key: mark, value: mark, inset: None }
    }

    /// The place of a value set from outside as `node.port`.
    pub(crate) fn outside(name: &str) -> Place {
        Place::at(name.to_owned(), Mark::NOWHERE)
    }

    /// The place of the value of a key in this mapping.
    pub(crate) fn entry(&self, name: &str, key: Mark, value: &Tree) -> Place {
        let dot = if self.path.is_empty() { "" } else { "." };
        Place { path: format!("{}{dot}{name}", self.path), key, value: value.mark, inset: value.inset }
    }

    /// The place of another value within this one.
    pub(crate) fn item(&self, mark: Mark) -> Place {
        Place { value: mark, inset: None, ..self.clone() }
    }

    /// The place of the key in place of its value.
    pub(crate) fn name(self) -> Place {
        Place { value: self.key, inset: None, ..self }
    }

    /// Line and column, from 1, in characters.
    pub(crate) fn position(&self) -> (u32, u32) {
        (self.value.line, self.value.column)
    }

    /// The place of a character in the text, if its position is known.
    pub(crate) fn within(mut self, offset: usize) -> Place {
        let offset = u32::try_from(offset).unwrap_or(0);
        self.value.column += self.inset.map_or(0, |inset| inset.saturating_add(offset));
        self
    }
}

/// Problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Diagnostic>,
    /// Number of problems beyond the maximum.
    more: usize,
    /// Whether parts of the file could not be read, and may contain things that seem missing.
    cut: bool,
}

impl Problems {
    /// Problems of a file of which parts could not be read.
    pub(crate) fn of_cut_file() -> Problems {
        Problems { cut: true, ..Problems::default() }
    }

    pub(crate) fn add(&mut self, place: Place, message: impl Into<String>) {
        self.add_with(place, || message.into());
    }

    /// For messages that are costly to make, such as with a search for a similar name.
    pub(crate) fn add_with(&mut self, place: Place, message: impl FnOnce() -> String) {
        if self.found.len() == MOST {
            self.more += 1;
            return;
        }
        let Mark { line, column } = place.value;
        let (path, message) = (plain(&place.path), plain(&message()));
        self.found.push(Diagnostic { line, column, path, message });
    }

    /// Adds a note: something allowed that is usually a mistake.
    pub(crate) fn note(&mut self, place: Place, message: impl FnOnce() -> String) {
        self.add_with(place, || format!("{}{}", Diagnostic::NOTE, message()));
    }

    /// Reports a missing thing, unless parts of the file could not be read.
    pub(crate) fn missing(&mut self, place: Place, message: impl FnOnce() -> String) {
        if !self.cut {
            self.add_with(place, message);
        }
    }

    /// Whether there is a problem at this place.
    pub(crate) fn has(&self, place: &Place) -> bool {
        let Mark { line, column } = place.value;
        self.found.iter().any(|d| (d.line, d.column) == (line, column) && d.path == place.path)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Appends other problems.
    pub(crate) fn and(mut self, others: Problems) -> Problems {
        let free = MOST - self.found.len();
        self.more += others.more + others.found.len().saturating_sub(free);
        self.found.extend(others.found.into_iter().take(free));
        self
    }

    /// The problems in the order of the file.
    pub(crate) fn sorted(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        // Stable: problems at one place stay in the order in which they were found.
        found.sort_by_key(|d| (d.line, d.column));
        if self.more > 0 {
            let message = format!("and {} more problems, which are not shown", self.more);
            found.push(Diagnostic { line: 0, column: 0, path: String::new(), message });
        }
        found
    }
}

/// Text from a file made safe for messages: shortened, and without terminal control characters.
fn plain(text: &str) -> String {
    let clean = |c: char| if is_command(c) { '\u{fffd}' } else { c };
    let end = text.chars().nth(LONGEST).map_or("", |_| "…");
    text.chars().take(LONGEST).map(clean).collect::<String>() + end
}
