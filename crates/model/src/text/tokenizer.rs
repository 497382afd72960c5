//! Builds one `tokenizer.json` from the three files of a published CLIP tokenizer.
//!
//! The result is in the format of the `tokenizers` library: byte-level pairs, lower case, single spaces, a start and an
//! end token, truncated and padded to the model's length. It equals the fast CLIP tokenizer of transformers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How CLIP parts a text into words, before the pairs are merged.
const WORDS: &str = concat!(
    r"<\|startoftext\|>|<\|endoftext\|>|",
    r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
);

/// From this value on, `model_max_length` counts as missing: transformers writes 1e30.
const ENDLESS: f64 = 1e9;

/// Texts of the files of a published CLIP tokenizer.
#[derive(Debug, Clone, Copy)]
pub struct ClipFiles<'a> {
    /// Tokens, and how they are merged.
    pub vocabulary: Vocabulary<'a>,
    /// `tokenizer_config.json`.
    pub config: &'a str,
    /// `special_tokens_map.json`, if it exists.
    pub special: Option<&'a str>,
}

/// Tokens with their ids, and the merges in order.
#[derive(Debug, Clone, Copy)]
pub enum Vocabulary<'a> {
    /// The texts of `vocab.json` and `merges.txt`.
    Parts(&'a str, &'a str),
    /// The text of a `tokenizer.json`, which newer versions of transformers save instead.
    Whole(&'a str),
}

impl Vocabulary<'_> {
    fn read(self) -> Result<(Map<String, Value>, Vec<Value>), TokenizerError> {
        let json = |file| move |source| TokenizerError::Json { file, source };
        let (vocab, merges) = match self {
            Vocabulary::Parts(vocab, merges) => (vocab, merges),
            Vocabulary::Whole(text) => {
                let whole: Whole = serde_json::from_str(text).map_err(json("tokenizer.json"))?;
                let Whole { mut model, added_tokens } = whole;
                for Added { id, content } in added_tokens {
                    model.vocab.entry(content).or_insert(id.into());
                }
                return enough_words(model.vocab, model.merges);
            }
        };
        let vocab: Map<String, Value> = serde_json::from_str(vocab).map_err(json("vocab.json"))?;
        let merges = merges.lines().filter(|line| !line.starts_with("#version") && !line.trim().is_empty());
        let merges = merges.take(vocab.len() + 1).map(Value::from).collect();
        enough_words(vocab, merges)
    }
}

/// Each merge makes a word of the vocabulary. A file with more merges is not a tokenizer, and would take much memory.
fn enough_words(
    vocab: Map<String, Value>,
    merges: Vec<Value>,
) -> Result<(Map<String, Value>, Vec<Value>), TokenizerError> {
    match merges.len() > vocab.len() {
        true => Err(TokenizerError::Merges(vocab.len())),
        false => Ok((vocab, merges)),
    }
}

/// The parts of a `tokenizer.json` that differ between CLIP tokenizers.
#[derive(Deserialize)]
struct Whole {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Model {
    vocab: Map<String, Value>,
    merges: Vec<Value>,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
}

/// A tokenizer for the `tokenizers` library.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipTokenizer {
    /// The content of `tokenizer.json`.
    pub json: Value,
    /// Number of tokens to which texts are padded or truncated.
    pub length: usize,
}

/// The relevant part of `tokenizer_config.json`.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    #[serde(flatten)]
    special: Special,
    model_max_length: Option<f64>,
    #[serde(default)]
    added_tokens_decoder: BTreeMap<String, Token>,
}

/// Special tokens, in `tokenizer_config.json` and in `special_tokens_map.json`.
#[derive(Debug, Clone, Default, Deserialize)]
struct Special {
    bos_token: Option<Token>,
    eos_token: Option<Token>,
    unk_token: Option<Token>,
    pad_token: Option<Token>,
}

/// A token as its text, or with properties that CLIP does not use.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Token {
    Text(String),
    Added { content: String },
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Token::Text(text) | Token::Added { content: text } => text,
        }
    }
}

impl Config {
    /// A token that both files may name. For older configurations the map takes precedence; those that list added tokens
    /// take precedence over it, as in transformers.
    fn token(&self, map: &Special, which: impl Fn(&Special) -> &Option<Token>, default: &str) -> String {
        let (own, mapped) = (which(&self.special).as_ref(), which(map).as_ref());
        let chosen = if self.added_tokens_decoder.is_empty() { mapped.or(own) } else { own.or(mapped) };
        chosen.map_or(default, Token::text).to_owned()
    }
}

/// Reason why the files do not make a tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// Not the expected JSON.
    #[error("{file}: {source}")]
    Json {
        /// Name of the file.
        file: &'static str,
        /// Description of the problem.
        source: serde_json::Error,
    },
    /// More merges than words.
    #[error("the vocabulary has {0} words, and more merges, of which each makes one of them")]
    Merges(usize),
    /// A special token has no id.
    #[error("tokenizer_config.json: the token `{0}` is not in vocab.json")]
    Unknown(String),
}

/// Builds a `tokenizer.json` from the files of a CLIP tokenizer. `length` is the number of positions of the text encoder,
/// used if the configuration names none.
///
/// # Errors
/// If a file does not have its expected content, or a special token has no id.
pub fn clip(files: ClipFiles<'_>, length: usize) -> Result<ClipTokenizer, TokenizerError> {
    let json = |file| move |source| TokenizerError::Json { file, source };
    let (vocab, merges) = files.vocabulary.read()?;
    let config: Config = serde_json::from_str(files.config).map_err(json("tokenizer_config.json"))?;
    let map: Special = match files.special {
        Some(text) => serde_json::from_str(text).map_err(json("special_tokens_map.json"))?,
        None => Special::default(),
    };
    let end = "<|endoftext|>";
    let bos = config.token(&map, |s| &s.bos_token, "<|startoftext|>");
    let [eos, unk, pad] = [
        config.token(&map, |s| &s.eos_token, end),
        config.token(&map, |s| &s.unk_token, end),
        config.token(&map, |s| &s.pad_token, end),
    ];
    let id = |text: &str| -> Result<Value, TokenizerError> {
        let listed = || config.added_tokens_decoder.iter().find(|(_, token)| token.text() == text);
        let listed = || listed().and_then(|(id, _)| id.parse::<u32>().ok()).map(Value::from);
        vocab.get(text).cloned().or_else(listed).ok_or_else(|| TokenizerError::Unknown(text.to_owned()))
    };
    let (bos_id, eos_id, pad_id) = (id(&bos)?, id(&eos)?, id(&pad)?);
    let mut added: BTreeMap<u64, &str> = BTreeMap::new();
    for (text, id) in [(&bos, &bos_id), (&eos, &eos_id), (&pad, &pad_id)] {
        added.insert(id.as_u64().unwrap_or(0), text);
    }
    for (id, token) in &config.added_tokens_decoder {
        if let Ok(id) = id.parse() {
            added.entry(id).or_insert(token.text());
        }
    }
    let added = added.into_iter().map(|(id, text)| {
        json!({
            "id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    });
    let added: Vec<Value> = added.collect();
    let length =
        config.model_max_length.filter(|n| (1. ..ENDLESS).contains(n)).map_or(length, |n| n as usize);
    let json = json!({
        "version": "1.0",
        "truncation": truncation(length),
        "padding": {
            "strategy": { "Fixed": length }, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": pad_id, "pad_type_id": 0, "pad_token": pad,
        },
        "added_tokens": added,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                { "type": "NFC" },
                { "type": "Replace", "pattern": { "Regex": r"\s+" }, "content": " " },
                { "type": "Lowercase" },
            ],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                { "type": "Split", "pattern": { "Regex": WORDS }, "behavior": "Removed", "invert": true },
                { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
            ],
        },
        "post_processor": {
            "type": "RobertaProcessing", "sep": [eos, eos_id], "cls": [bos, bos_id], "trim_offsets": false, "add_prefix_space": false,
        },
        "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
        "model": {
            "type": "BPE", "dropout": null, "unk_token": unk,
            "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false,
            "byte_fallback": false, "vocab": vocab, "merges": merges,
        },
    });
    Ok(ClipTokenizer { json, length })
}

/// Truncates at the end to this many tokens, keeping special ones.
fn truncation(length: usize) -> Value {
    json!({ "direction": "Right", "max_length": length, "strategy": "LongestFirst", "stride": 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"model_max_length": 7, "bos_token": {"content": "<s>"}, "eos_token": "<e>",
                            "unk_token": "<e>", "pad_token": "!", "do_lower_case": true}"#;

    fn made(vocab: &str, config: &str, special: Option<&str>) -> Result<ClipTokenizer, TokenizerError> {
        let vocabulary = Vocabulary::Parts(vocab, "#version: 0.2\na b\n\n");
        clip(ClipFiles { vocabulary, config, special }, 77)
    }

    #[test]
    fn config_sets_special_tokens() {
        let vocab = r#"{"!": 0, "a": 1, "<s>": 2, "<e>": 3}"#;
        let ClipTokenizer { json: tokenizer, length } = made(vocab, CONFIG, None).unwrap();
        assert_eq!((length, &tokenizer["truncation"]["max_length"]), (7, &json!(7)));
        assert_eq!(tokenizer["padding"]["pad_id"], 0);
        assert_eq!(tokenizer["post_processor"]["cls"], json!(["<s>", 2]));
        assert_eq!(tokenizer["model"]["merges"], json!(["a b"]));
        assert_eq!(tokenizer["added_tokens"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn token_map_overrides_old_configs() {
        let vocab = r#"{"!": 0, "<s>": 2, "<e>": 3}"#;
        let map = Some(r#"{"pad_token": "<e>"}"#);
        let pad = |config: &str| made(vocab, config, map).unwrap().json["padding"]["pad_token"].clone();
        assert_eq!(pad(CONFIG), "<e>");
        let listed =
            CONFIG.replace("{\"model", r#"{"added_tokens_decoder": {"0": {"content": "!"}}, "model"#);
        assert_eq!(pad(&listed), "!");
        let endless = CONFIG.replace("\"model_max_length\": 7", "\"model_max_length\": 1e30");
        assert_eq!(made(vocab, &endless, map).unwrap().length, 77);
    }

    #[test]
    fn saved_tokenizer_gives_its_vocabulary() {
        let vocab = r#"{"!": 0, "a": 1, "<s>": 2, "<e>": 3}"#;
        let json = made(vocab, CONFIG, None).unwrap().json.to_string();
        let files = ClipFiles { vocabulary: Vocabulary::Whole(&json), config: CONFIG, special: None };
        assert_eq!(clip(files, 77).unwrap().json.to_string(), json);
    }

    #[test]
    fn missing_parts_are_named() {
        let error = made(r#"{"<s>": 2, "<e>": 3}"#, CONFIG, None).unwrap_err().to_string();
        assert!(error.contains("`!`"), "{error}");
        let error = made("[]", CONFIG, None).unwrap_err().to_string();
        assert!(error.starts_with("vocab.json"), "{error}");
    }
}
