//! Shows how a text encoder reads a text: its tokens, their weights, and the part that is cut off.

use wuerst_core::{Model, Result};
use wuerst_model::metadata;
use wuerst_runtime::{Contract, ModelCache};

use crate::chunks::{Token, chunked};
use crate::tokenize::beside;
use crate::tokenizer::Tokenizer;
use crate::weighting::read_by;

/// A text as a text encoder reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct TokensOfText {
    /// The tokens without padding, including those that mark the beginning and end of the text.
    pub tokens: Vec<TextToken>,
    /// The part of the text that is cut off; empty if there is none.
    pub cut: String,
    /// Number of tokens that the model reads, of all chunks together.
    pub length: usize,
}

/// A token of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextToken {
    /// Index in the vocabulary.
    pub id: u32,
    /// Spelling in the vocabulary.
    pub token: String,
    /// Weight; 1 unless the text states another.
    pub weight: f32,
}

/// Reads a text in `chunks` chunks as `wuerst.tokenize` does for a model with the contract `text-encoder`; `weighting` is
/// `off`, `comfyui` or `a1111`.
///
/// # Errors
/// [`wuerst_core::Error::Model`] if the model or its tokenizer cannot be used, [`wuerst_core::Error::Invalid`] for a text
/// whose weights cannot be read.
pub fn tokens_of_text(
    models: &ModelCache,
    model: &Model,
    text: &str,
    (weighting, chunks): (&str, usize),
) -> Result<TokensOfText> {
    let metadata: metadata::TextEncoder = models.metadata(model, Contract::TextEncoder)?;
    let tokenizer = Tokenizer::open(&beside(model, &metadata.tokenizer)?, metadata.length)?;
    let weighted = read_by(weighting, text)?;
    let text = weighted.as_ref().map_or(text, |weighted| &weighted.text);
    let read = chunked(&tokenizer, text, weighted.as_ref(), chunks)?;
    let length = read.tokens.len();
    let tokens = read.tokens.into_iter().filter(|token| token.read);
    let tokens =
        tokens.map(|Token { id, weight, .. }| TextToken { id, token: tokenizer.token(id), weight }).collect();
    Ok(TokensOfText { tokens, cut: read.rest.unwrap_or_default().to_owned(), length })
}
