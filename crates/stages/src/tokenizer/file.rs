//! Parses the parts of a `tokenizer.json` within limits, before the library reads them.
//!
//! The limits bound the growth of a text from part to part and the time of matching patterns. Parts that do not affect
//! the ids (decoders, truncation settings of the training) are not read.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use tokenizers::PaddingParams;

use super::parts::{Kinds, check_part};
use super::tree;

/// The longest part, but for the model and the added tokens, in bytes.
const PART: usize = 256 << 10;
/// The longest list of added tokens, in bytes.
const ADDED: usize = 4 << 20;
/// Maximum number of added tokens.
const TOKENS: usize = 10_000;
/// Maximum length of an added token, and of other short texts, in bytes.
const TOKEN: usize = 256;
/// Kinds of models.
const MODELS: [&str; 4] = ["BPE", "Unigram", "WordLevel", "WordPiece"];
/// Maximum number of the model's tokens, and of its merges.
const VOCABULARY: usize = 600_000;
/// The longest token of the model, and the longest pair, in bytes.
const ENTRY: usize = 1024;
/// Maximum length of a word that is looked up in parts, in characters.
const WORD: u64 = 1000;

/// The parts in [`NAMES`] that the file has, as written.
pub(super) struct Parts<'a>(Vec<(&'static str, &'a str)>);

/// The parts that ids depend on.
const NAMES: [&str; 7] =
    ["version", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "model"];

/// Limited fields common to all models.
#[derive(Deserialize)]
struct Model {
    r#type: Option<String>,
    #[expect(dead_code, reason = "it is counted while it is read")]
    vocab: Option<Few<VOCABULARY>>,
    #[expect(dead_code, reason = "it is counted while it is read")]
    merges: Option<Few<VOCABULARY>>,
    max_input_chars_per_word: Option<u64>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
}

#[derive(Deserialize)]
struct Added {
    content: String,
}

/// An entry of a list of tokens or merges: its texts are short. The library builds a tree of `Unigram` tokens with a
/// level for each byte, and drops it recursively.
struct Entry;

struct Short;

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entry, D::Error> {
        deserializer.deserialize_any(Short)
    }
}

impl<'de> Visitor<'de> for Short {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token or a pair of tokens")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Entry, E> {
        match text.len() > ENTRY {
            true => Err(E::custom(format!("a token has more than {ENTRY} bytes"))),
            false => Ok(Entry),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entry, A::Error> {
        while list.next_element::<Entry>()?.is_some() {}
        Ok(Entry)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Entry)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Entry, E> {
        Ok(Entry)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Entry, E> {
        Ok(Entry)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Entry, E> {
        Ok(Entry)
    }
}

/// A list with at most `MOST` entries, which are not kept.
struct Few<const MOST: usize>;

impl<'de, const MOST: usize> Deserialize<'de> for Few<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Few<MOST>, D::Error> {
        deserializer.deserialize_any(Counter::<MOST>(PhantomData))
    }
}

struct Counter<const MOST: usize>(PhantomData<[(); MOST]>);

impl<'de, const MOST: usize> Visitor<'de> for Counter<MOST> {
    type Value = Few<MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MOST} entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Few<MOST>, A::Error> {
        let mut count = 0;
        while map.next_entry::<Entry, IgnoredAny>()?.is_some() {
            count += 1;
            if count > MOST {
                return Err(serde::de::Error::invalid_length(count, &self));
            }
        }
        Ok(Few)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<MOST>, A::Error> {
        let mut count = 0;
        while list.next_element::<Entry>()?.is_some() {
            count += 1;
            if count > MOST {
                return Err(serde::de::Error::invalid_length(count, &self));
            }
        }
        Ok(Few)
    }
}

/// Reads the parts.
///
/// # Errors
/// A sentence with the problem: it is not JSON, or a part exceeds its limits.
pub(super) fn parts(text: &str) -> Result<Parts<'_>, String> {
    let parts = Parts::find(text)?;
    parts.check_model()?;
    parts.check_added()?;
    for (name, kinds) in [
        ("normalizer", &Kinds::NORMALIZERS),
        ("pre_tokenizer", &Kinds::PRE_TOKENIZERS),
        ("post_processor", &Kinds::POST_PROCESSORS),
    ] {
        if let Some(part) = parts.part(name) {
            check_part(name, &value(name, part)?, kinds)?;
        }
    }
    let Some(padding) = parts.padding() else {
        return Err("it has no `padding`, so the token to fill short texts up with is not known".to_owned());
    };
    if padding.pad_token.len() > TOKEN {
        return Err(format!("its `padding.pad_token` has more than {TOKEN} bytes"));
    }
    Ok(parts)
}

/// Parses the JSON at the beginning of a text, and returns the rest.
fn next<T: for<'t> Deserialize<'t>>(text: &str) -> Result<(T, &str), String> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    match values.next() {
        Some(Ok(value)) => Ok((value, &text[values.byte_offset()..])),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("it is truncated".to_owned()),
    }
}

/// The beginning of a message, which may quote a whole file.
fn short(message: &str) -> String {
    message.chars().take(400).collect()
}

/// A part as JSON.
fn value(name: &str, part: &str) -> Result<Value, String> {
    if part.len() > PART {
        return Err(format!("its `{name}` has more than {} KiB", PART >> 10));
    }
    serde_json::from_str(part).map_err(|e| format!("its `{name}`: {}", short(&e.to_string())))
}

impl<'a> Parts<'a> {
    /// Finds the parts in one pass over the JSON, without keeping it.
    fn find(text: &'a str) -> Result<Parts<'a>, String> {
        let wrong = |why: &str| format!("is not a tokenizer: {}", short(why));
        let mut rest = text.trim_start().strip_prefix('{').ok_or_else(|| wrong("it is not a JSON object"))?;
        let mut parts: Vec<(&'static str, &str)> = vec![];
        loop {
            rest = rest.trim_start();
            if let Some(end) = rest.strip_prefix('}') {
                return if end.trim().is_empty() {
                    Ok(Parts(parts))
                } else {
                    Err(wrong("text follows its end"))
                };
            }
            let (key, after) = next::<String>(rest).map_err(|e| wrong(&e))?;
            rest = after.trim_start().strip_prefix(':').ok_or_else(|| wrong("a `:` is missing"))?;
            let (_, after) = next::<IgnoredAny>(rest).map_err(|e| wrong(&e))?;
            let part = rest[..rest.len() - after.len()].trim();
            if let Some(name) = NAMES.into_iter().find(|name| *name == key) {
                if parts.iter().any(|(other, _)| *other == name) {
                    return Err(wrong(&format!("it has two `{name}`")));
                }
                // `null` counts as missing.
                parts.extend((part != "null").then_some((name, part)));
            }
            rest = after.trim_start();
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None if rest.starts_with('}') => {}
                None => return Err(wrong("it is truncated")),
            }
        }
    }

    fn part(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(part, _)| *part == name).map(|(_, part)| *part)
    }

    /// Number of nodes in the tree of its tokens, if the library builds one.
    pub(super) fn tree(&self) -> usize {
        self.part("model").map_or(0, tree::nodes)
    }

    fn check_model(&self) -> Result<(), String> {
        let part = self.part("model").ok_or("has no `model`")?;
        let model: Model =
            serde_json::from_str(part).map_err(|e| format!("its `model`: {}", short(&e.to_string())))?;
        if let Some(kind) = model.r#type.filter(|kind| !MODELS.contains(&kind.as_str())) {
            let known = MODELS.join(", ");
            return Err(format!("its `model` is of the type `{}`; {known} are read", short(&kind)));
        }
        if let Some(characters) = model.max_input_chars_per_word.filter(|characters| *characters > WORD) {
            return Err(format!(
                "its `model.max_input_chars_per_word` is {characters}; at most {WORD} are read"
            ));
        }
        if self.tree() > tree::MOST {
            let most = tree::MOST;
            return Err(format!(
                "the tokens of its `model` have too many different beginnings: their tree may take at most {most} bytes"
            ));
        }
        let texts = [&model.unk_token, &model.continuing_subword_prefix, &model.end_of_word_suffix];
        match texts.into_iter().flatten().any(|text| text.len() > TOKEN) {
            true => {
                Err(format!("its `model` has a prefix, suffix or unknown token of more than {TOKEN} bytes"))
            }
            false => Ok(()),
        }
    }

    fn check_added(&self) -> Result<(), String> {
        let Some(part) = self.part("added_tokens") else { return Ok(()) };
        if part.len() > ADDED {
            return Err(format!("its `added_tokens` have more than {} MiB", ADDED >> 20));
        }
        let wrong = |e: serde_json::Error| format!("its `added_tokens`: {}", short(&e.to_string()));
        let _: Few<TOKENS> = serde_json::from_str(part).map_err(wrong)?;
        let added: Vec<Added> = serde_json::from_str(part).map_err(wrong)?;
        match added.iter().any(|token| token.content.len() > TOKEN) {
            true => Err(format!("one of its `added_tokens` has more than {TOKEN} bytes")),
            false => Ok(()),
        }
    }

    /// Padding of short texts, if stated.
    pub(super) fn padding(&self) -> Option<PaddingParams> {
        serde_json::from_str(self.part("padding")?).ok()
    }

    /// A file with only the parts that ids depend on.
    pub(super) fn joined(&self) -> String {
        let parts = self.0.iter().filter(|(name, _)| *name != "padding");
        let parts = parts.map(|(name, part)| format!("\"{name}\":{part}"));
        format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
    }
}
