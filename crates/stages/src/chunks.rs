//! Tokens of a text in chunks of the model's length, each of which the text encoder reads on its own.

use std::iter::once;

use tokenizers::Encoding;
use wuerst_core::Result;

use crate::tokenizer::Tokenizer;
use crate::weighting::Weighted;

/// Parts with fewer tokens are not divided between two chunks, as in ComfyUI.
const DIVISIBLE: usize = 8;

/// A text in tokens.
pub(crate) struct Chunked<'a> {
    /// As many tokens as the chunks have together.
    pub(crate) tokens: Vec<Token>,
    /// The part of the text that is cut off, if any.
    pub(crate) rest: Option<&'a str>,
}

/// A token in a chunk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) id: u32,
    pub(crate) weight: f32,
    /// False for padding.
    pub(crate) read: bool,
    /// Its bytes in the text; `None` for padding and for the tokens that begin and end a chunk.
    place: Option<(usize, usize)>,
}

impl Token {
    fn padding(id: u32) -> Token {
        Token { id, weight: 1., read: false, place: None }
    }
}

/// The tokens of a text in `chunks` chunks. A longer text is truncated; missing chunks are those of an empty text.
pub(crate) fn chunked<'a>(
    tokenizer: &Tokenizer,
    text: &'a str,
    weighted: Option<&Weighted>,
    chunks: usize,
) -> Result<Chunked<'a>> {
    let first = tokenizer.encode(text)?;
    let mut all: Vec<Vec<Token>> =
        once(&first).chain(first.get_overflowing()).map(|encoding| tokens(encoding, weighted)).collect();
    if let Some(weighted) = weighted.filter(|weighted| weighted.keeps_parts)
        && chunks > 1
        && all.len() > 1
    {
        all = divided(&all, weighted, tokenizer);
    }
    let rest = (all.len() > chunks).then(|| {
        let kept = all[..chunks].iter().flatten().filter_map(|token| token.place).map(|(_, end)| end).max();
        text.get(kept.unwrap_or(0)..).unwrap_or_default().trim()
    });
    all.truncate(chunks);
    if all.len() < chunks {
        let empty = tokens(&tokenizer.encode("")?, None);
        all.resize(chunks, empty);
    }
    Ok(Chunked { tokens: all.concat(), rest })
}

/// The tokens of a chunk with their weights.
fn tokens(encoding: &Encoding, weighted: Option<&Weighted>) -> Vec<Token> {
    let token = |at: usize| {
        let ((begin, end), special) = (encoding.get_offsets()[at], encoding.get_special_tokens_mask()[at]);
        let place = (special == 0).then_some((begin, end));
        let weight =
            weighted.filter(|_| special == 0 && end > begin).map_or(1., |weighted| weighted.at(begin));
        Token { id: encoding.get_ids()[at], weight, read: encoding.get_attention_mask()[at] == 1, place }
    };
    (0..encoding.len()).map(token).collect()
}

/// Divides the tokens of several chunks anew, so that short parts stay whole: a part that does not fit into the rest of a
/// chunk begins the next one.
fn divided(all: &[Vec<Token>], weighted: &Weighted, tokenizer: &Tokenizer) -> Vec<Vec<Token>> {
    let (length, padding) = (tokenizer.length(), Token::padding(tokenizer.padding()));
    let special = |token: &&Token| token.place.is_none();
    // The first of several chunks is full, so that it has no padding.
    let begin = all[0].iter().take_while(special).count();
    let end = all[0].iter().rev().take_while(special).count();
    let room = length.saturating_sub(begin + end).max(1);
    let part = |token: &&Token| token.place.map(|(begin, _)| weighted.part(begin));
    let words: Vec<&Token> = all.iter().flatten().filter(|token| token.place.is_some()).collect();
    let mut chunks: Vec<Vec<&Token>> = vec![Vec::new()];
    for words in words.chunk_by(|one, other| part(one) == part(other)) {
        let used = chunks.last().map_or(0, Vec::len);
        if words.len() < DIVISIBLE.min(room + 1) && used + words.len() > room {
            chunks.push(Vec::new());
        }
        for word in words {
            match chunks.last_mut() {
                Some(chunk) if chunk.len() < room => chunk.push(word),
                _ => chunks.push(vec![word]),
            }
        }
    }
    let whole = |words: Vec<&Token>| {
        let (begin, end) = (&all[0][..begin], &all[0][all[0].len() - end..]);
        let mut chunk: Vec<Token> = begin.iter().chain(words).chain(end).cloned().collect();
        chunk.resize(length, padding.clone());
        chunk
    };
    chunks.into_iter().map(whole).collect()
}
