//! CLIP's tokenizer as one `tokenizer.json`, from the three files that published checkpoints keep it in.
//!
//! The result is in the format of the `tokenizers` library: byte-level pairs, lower case, single spaces, a start and
//! an end token, cut and padded to the model's length. It is what the fast CLIP tokenizer of transformers does.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How CLIP parts a text into words, before the pairs are merged.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// What `tokenizer_config.json` says that matters here.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    bos_token: Token,
    eos_token: Token,
    unk_token: Token,
    pad_token: Token,
    model_max_length: usize,
}

/// A token by its text, or with properties that CLIP does not use.
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

/// Why the files make no tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// Not the JSON that is expected.
    #[error("{file}: {source}")]
    Json {
        /// Which of the files.
        file: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A special token has no id.
    #[error("tokenizer_config.json: the token `{0}` is not in vocab.json")]
    Unknown(String),
}

/// Makes a `tokenizer.json` of the texts of `vocab.json`, `merges.txt` and `tokenizer_config.json`.
///
/// # Errors
/// When a file is not what its name says, or a special token has no id.
pub fn clip(vocab: &str, merges: &str, config: &str) -> Result<Value, TokenizerError> {
    let json = |file| move |source| TokenizerError::Json { file, source };
    let vocab: Map<String, Value> = serde_json::from_str(vocab).map_err(json("vocab.json"))?;
    let config: Config = serde_json::from_str(config).map_err(json("tokenizer_config.json"))?;
    let id = |token: &Token| {
        let text = token.text();
        vocab.get(text).cloned().ok_or_else(|| TokenizerError::Unknown(text.to_owned()))
    };
    let (bos, eos, pad) = (id(&config.bos_token)?, id(&config.eos_token)?, id(&config.pad_token)?);
    let special = |token: &Token, id: &Value| {
        json!({
            "id": id, "content": token.text(), "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    };
    let mut added = vec![special(&config.bos_token, &bos), special(&config.eos_token, &eos)];
    if pad != bos && pad != eos {
        added.push(special(&config.pad_token, &pad));
    }
    let merges: Vec<&str> =
        merges.lines().filter(|line| !line.starts_with("#version") && !line.trim().is_empty()).collect();
    Ok(json!({
        "version": "1.0",
        "truncation": {
            "direction": "Right", "max_length": config.model_max_length, "strategy": "LongestFirst", "stride": 0,
        },
        "padding": {
            "strategy": { "Fixed": config.model_max_length }, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": pad, "pad_type_id": 0, "pad_token": config.pad_token.text(),
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
            "type": "RobertaProcessing", "sep": [config.eos_token.text(), eos],
            "cls": [config.bos_token.text(), bos], "trim_offsets": false, "add_prefix_space": false,
        },
        "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
        "model": {
            "type": "BPE", "dropout": null, "unk_token": config.unk_token.text(),
            "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false,
            "byte_fallback": false, "vocab": vocab, "merges": merges,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"model_max_length": 7, "bos_token": {"content": "<s>"}, "eos_token": "<e>",
                            "unk_token": "<e>", "pad_token": "!", "do_lower_case": true}"#;

    #[test]
    fn special_tokens_come_from_the_config() {
        let vocab = r#"{"!": 0, "a": 1, "<s>": 2, "<e>": 3}"#;
        let tokenizer = clip(vocab, "#version: 0.2\na b\n\n", CONFIG).unwrap();
        assert_eq!(tokenizer["padding"]["pad_id"], 0);
        assert_eq!(tokenizer["truncation"]["max_length"], 7);
        assert_eq!(tokenizer["post_processor"]["cls"], json!(["<s>", 2]));
        assert_eq!(tokenizer["model"]["merges"], json!(["a b"]));
        assert_eq!(tokenizer["added_tokens"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = clip(r#"{"<s>": 2, "<e>": 3}"#, "", CONFIG).unwrap_err().to_string();
        assert!(error.contains("`!`"), "{error}");
        let error = clip("[]", "", CONFIG).unwrap_err().to_string();
        assert!(error.starts_with("vocab.json"), "{error}");
    }
}
