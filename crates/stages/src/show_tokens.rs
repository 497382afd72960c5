//! What a text encoder reads of a text, for people: its tokens, their weights, and what is cut off.

use wuerst_core::{Error, Model, Result};
use wuerst_model::metadata;
use wuerst_runtime::{Contract, ModelCache};

use crate::tokenize::beside;
use crate::tokenizer::{Tokenizer, check_length};
use crate::weighting;

/// A text as a text encoder reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct TokensOfText {
    /// The tokens that are read, without padding; the ends of a text among them.
    pub tokens: Vec<TextToken>,
    /// The part of the text that is cut off, empty if nothing is.
    pub cut: String,
    /// How many tokens the model reads.
    pub length: usize,
}

/// A token of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextToken {
    /// Its number in the vocabulary.
    pub id: u32,
    /// As the vocabulary writes it.
    pub token: String,
    /// Its weight; 1 where nothing is said.
    pub weight: f32,
}

/// Reads a text as `wuerst.tokenize` does for a model with the contract `text-encoder`; `weighting` is `off`, `comfyui` or
/// `a1111`.
///
/// # Errors
/// [`Error::Model`] if the model or its tokenizer cannot be used, [`Error::Invalid`] for a text whose weights cannot be read.
pub fn tokens_of_text(
    models: &ModelCache,
    model: &Model,
    text: &str,
    weighting: &str,
) -> Result<TokensOfText> {
    let metadata: metadata::TextEncoder = models.metadata(model, Contract::TextEncoder)?;
    let tokenizer = Tokenizer::open(&beside(model, &metadata.tokenizer)?, metadata.length)?;
    check_length(text.chars().count())?;
    let weighted = match weighting {
        "off" => None,
        "comfyui" => Some(weighting::read(text)),
        "a1111" => Some(weighting::read_a1111(text)),
        other => {
            return Err(Error::invalid("weighting", format!("`{other}` is none of off, comfyui, a1111")));
        }
    };
    let weighted = weighted.transpose().map_err(|message| Error::invalid("text", message))?;
    let text = weighted.as_ref().map_or(text, |weighted| &weighted.text);
    let encoding = tokenizer.encode(text)?;
    let kept = encoding.get_offsets().iter().map(|(_, end)| *end).max().unwrap_or(0);
    let cut =
        if encoding.get_overflowing().is_empty() { "" } else { text.get(kept..).unwrap_or_default().trim() };
    let token = |at: usize| {
        let ((begin, end), special) = (encoding.get_offsets()[at], encoding.get_special_tokens_mask()[at]);
        let weight = match &weighted {
            Some(weighted) if special == 0 && end > begin => weighted.at(begin),
            _ => 1.,
        };
        TextToken { id: encoding.get_ids()[at], token: encoding.get_tokens()[at].clone(), weight }
    };
    let read = (0..encoding.len()).filter(|at| encoding.get_attention_mask()[*at] == 1);
    Ok(TokensOfText { tokens: read.map(token).collect(), cut: cut.to_owned(), length: metadata.length })
}
