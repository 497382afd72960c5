//! A `tokenizer.json`, read within limits and configured to return a fixed number of ids.

mod file;
mod parts;
mod pattern;
mod tree;

#[cfg(test)]
mod tests;

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use tokenizers::parallelism::set_parallelism;
use tokenizers::{Encoding, NormalizedString, Normalizer, PaddingStrategy, PostProcessor, TruncationParams};
use wuerst_core::{BoxError, Error, File, Result, byte_order, memory};
use wuerst_model::stand_in;

/// Maximum file size in bytes.
const LARGEST: u64 = 32 << 20;

/// Ratio of a tokenizer's peak memory to the size of its file, since names, numbers and ranks of all merges are separate
/// allocations.
const IN_MEMORY: usize = 40;

/// Ratio of its memory after loading to the size of its file.
const KEPT: usize = 16;

/// Maximum length of a text in characters: some hundred times the length that a model reads. In longer texts, the library
/// could silently give up an expression with a look-ahead after a million steps (see [`pattern`]).
const CHARACTERS: usize = 60_000;

/// A tokenizer that returns a fixed number of ids for any text.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    path: PathBuf,
    length: usize,
    tokenizer: tokenizers::Tokenizer,
    /// Size of its file in bytes.
    bytes: usize,
    /// Size of its tree of tokens in bytes.
    tree: usize,
}

fn failed(path: &Path, source: impl Into<BoxError>) -> Error {
    Error::Model { path: path.to_owned(), source: source.into() }
}

/// An error of a library that reads the file, except if memory ran out.
fn failed_unless_memory(path: &Path, error: BoxError) -> Error {
    let io = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    if io == Some(ErrorKind::OutOfMemory) {
        return Error::OutOfMemory { node: String::new() };
    }
    failed(path, error)
}

/// Panics of the library become errors, since the file caused them.
fn caught<T>(path: &Path, work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T> {
    match wuerst_core::caught(work) {
        Ok(done) => done.map_err(|error| failed_unless_memory(path, error)),
        Err(why) => Err(failed_unless_memory(path, format!("is a damaged tokenizer: {why}").into())),
    }
}

/// Checks a file's size.
pub(crate) fn check_size(path: &Path, bytes: u64) -> Result<()> {
    if bytes > LARGEST {
        let most = LARGEST >> 20;
        return Err(failed(path, format!("has more than {most} MiB, the most that a tokenizer may have")));
    }
    Ok(())
}

pub(crate) fn check_length(characters: usize) -> Result<()> {
    if characters > CHARACTERS {
        let message = format!("has {characters} characters; at most {CHARACTERS} are tokenized at once");
        return Err(Error::invalid("text", message));
    }
    Ok(())
}

/// The text of the file.
fn read(file: &File) -> Result<String> {
    let mut text = String::new();
    let whole = file.content()?.take(LARGEST + 1).read_to_string(&mut text);
    whole.map_err(|error| failed_unless_memory(file.path(), error.into()))?;
    check_size(file.path(), text.len() as u64)?;
    match stand_in::of_bytes(text.as_bytes()) {
        Some(what) => Err(failed(file.path(), format!("is not a tokenizer but {what}"))),
        None => Ok(byte_order::unmarked(&text).to_owned()),
    }
}

/// Checks a tokenizer's file without loading it.
///
/// # Errors
/// [`Error::Model`] if it exceeds a limit.
pub(crate) fn check(file: &File) -> Result<()> {
    file::parts(&read(file)?).map(drop).map_err(|why| failed(file.path(), why))
}

impl Tokenizer {
    /// Loads the file, for a model of `length` token positions.
    ///
    /// # Errors
    /// [`Error::Model`] if it cannot be read, is damaged, or exceeds a limit.
    pub(crate) fn open(file: &File, length: usize) -> Result<Tokenizer> {
        let path = file.path();
        // A single text needs no thread pool, which would stay in the host's process.
        set_parallelism(false);
        let text = read(file)?;
        memory::check(text.len().saturating_mul(IN_MEMORY))?;
        let parts = file::parts(&text).map_err(|why| failed(path, why))?;
        let tree = parts.tree() * tree::NODE;
        memory::check(text.len().saturating_mul(IN_MEMORY).saturating_add(tree))?;
        let padding = parts.padding().unwrap_or_default();
        let tokenizer = caught(path, || {
            let mut tokenizer: tokenizers::Tokenizer = parts.joined().parse()?;
            let added = tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
            if added >= length {
                return Err(
                    format!("it adds {added} tokens to each text, and the model reads {length}").into()
                );
            }
            let strategy = PaddingStrategy::Fixed(length);
            tokenizer.with_padding(Some(tokenizers::PaddingParams {
                strategy,
                pad_to_multiple_of: None,
                ..padding
            }));
            let truncation = TruncationParams { max_length: length, ..TruncationParams::default() };
            tokenizer.with_truncation(Some(truncation))?;
            Ok(tokenizer)
        })?;
        Ok(Tokenizer { path: path.to_owned(), length, tokenizer, bytes: text.len(), tree })
    }

    /// Number of ids of a text.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The id that fills short texts.
    pub(crate) fn padding(&self) -> u32 {
        self.tokenizer.get_padding().map_or(0, |padding| padding.pad_id)
    }

    /// The token with an id, as the vocabulary writes it.
    pub(crate) fn token(&self, id: u32) -> String {
        self.tokenizer.id_to_token(id).unwrap_or_default()
    }

    /// Approximate memory in bytes.
    pub(crate) fn held(&self) -> usize {
        self.bytes.saturating_mul(KEPT).saturating_add(self.tree)
    }

    /// The ids of a text; ids beyond the fixed number are the overflow.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the text has more than 60,000 characters, before or after normalisation; [`Error::Model`] if
    /// the tokenizer is damaged.
    pub(crate) fn encode(&self, text: &str) -> Result<Encoding> {
        check_length(text.chars().count())?;
        if let Some(normalizer) = self.tokenizer.get_normalizer() {
            let mut normalized = NormalizedString::from(text);
            caught(&self.path, || normalizer.normalize(&mut normalized))?;
            check_length(normalized.get().chars().count())?;
        }
        let encoding = caught(&self.path, || self.tokenizer.encode(text, true))?;
        match encoding.len() {
            length if length == self.length => Ok(encoding),
            length => {
                let want = self.length;
                Err(failed(
                    &self.path,
                    format!("gives {length} tokens for a text, where {want} are expected"),
                ))
            }
        }
    }
}
