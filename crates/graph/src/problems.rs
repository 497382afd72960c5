//! Problems of a graph file, collected on the way and located at the end.

use wuerst_core::Diagnostic;

use crate::locate::locate;

/// A place in a graph file, by the keys that lead there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Each key, and which of its repetitions is meant, from 0.
    pub(crate) keys: Vec<(String, usize)>,
    pub(crate) spot: Spot,
    /// False for what did not come from the file but was set from outside.
    in_file: bool,
}

/// What is pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// The last key.
    Key,
    /// The value behind it.
    Value,
    /// That many characters into the text behind it.
    Within(usize),
}

impl Place {
    /// The whole file.
    pub(crate) fn root() -> Place {
        Place { keys: Vec::new(), spot: Spot::Value, in_file: true }
    }

    /// What was set from outside as `node.port`.
    pub(crate) fn outside(name: &str) -> Place {
        Place { keys: vec![(name.to_owned(), 0)], spot: Spot::Value, in_file: false }
    }

    /// The value behind a key of this mapping.
    pub(crate) fn key(&self, key: &str) -> Place {
        self.repeated(key, 0)
    }

    /// The value behind the `nth` key of that name, from 0.
    pub(crate) fn repeated(&self, key: &str, nth: usize) -> Place {
        let mut keys = self.keys.clone();
        keys.push((key.to_owned(), nth));
        Place { keys, spot: Spot::Value, in_file: self.in_file }
    }

    /// The key itself instead of the value behind it.
    pub(crate) fn name(self) -> Place {
        Place { spot: Spot::Key, ..self }
    }

    /// A character of the text behind the key.
    pub(crate) fn within(self, offset: usize) -> Place {
        Place { spot: Spot::Within(offset), ..self }
    }

    fn path(&self) -> String {
        self.keys.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(".")
    }
}

/// Problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<(Place, String)>);

impl Problems {
    pub(crate) fn add(&mut self, place: Place, message: impl Into<String>) {
        self.0.push((place, message.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems with their places in `text`, in the order of the file.
    pub(crate) fn locate(self, text: &str) -> Vec<Diagnostic> {
        let diagnostic = |(place, message): (Place, String)| {
            let (line, column) = match place.in_file {
                true if place.keys.is_empty() => (1, 1),
                true => locate(text, &place).unwrap_or((1, 1)),
                false => (0, 0),
            };
            Diagnostic { line, column, path: place.path(), message }
        };
        let mut diagnostics: Vec<Diagnostic> = self.0.into_iter().map(diagnostic).collect();
        // Stable: problems of one place stay in the order in which they were found.
        diagnostics.sort_by_key(|d| (d.line, d.column));
        diagnostics
    }
}
