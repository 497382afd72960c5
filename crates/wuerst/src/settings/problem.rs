//! Mistakes in settings files, with their positions.

use std::path::Path;

use wuerst_core::{Diagnostic, Error};

/// Converts an error of the YAML reader: file, line, column, key and message.
pub(super) fn located(path: &Path, error: &serde_yaml::Error) -> Error {
    let said = error.to_string();
    let Some(place) = error.location() else { return somewhere(path, said) };
    // The reader repeats the place in words.
    let words = format!(" at line {} column {}", place.line(), place.column());
    let (key, message) = keyed(said.replacen(&words, "", 1));
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (line, column) = (number(place.line()), number(place.column()));
    let problem = Diagnostic { line, column, path: key, message };
    Error::Settings { path: path.to_owned(), problem }
}

/// A mistake of the whole file.
pub(super) fn somewhere(path: &Path, message: String) -> Error {
    let problem = Diagnostic { line: 0, column: 0, path: String::new(), message };
    Error::Settings { path: path.to_owned(), problem }
}

/// Splits the reader's form `stages.prior.threads: message`.
fn keyed(said: String) -> (String, String) {
    let is_key = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-[]".contains(c))
    };
    match said.split_once(": ") {
        Some((key, message)) if is_key(key) => (key.to_owned(), message.to_owned()),
        _ => (String::new(), said),
    }
}
