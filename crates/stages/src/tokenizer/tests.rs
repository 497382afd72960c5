use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use wuerst_core::{BoxError, Error, File};

use super::{Tokenizer, check, failed_unless_memory};

/// A tokenizer of three words.
fn good() -> Value {
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": {
            "strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]",
        },
        "added_tokens": [],
        "normalizer": { "type": "Lowercase" },
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": null,
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": { "[PAD]": 0, "[UNK]": 1, "a": 2 }, "unk_token": "[UNK]" },
    })
}

/// The ids of "A b" from a file of this text.
fn ids(text: &str, length: usize) -> Result<Vec<u32>, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tokenizer.json");
    fs::write(&path, text).unwrap();
    let ids = File::open("t", &path)
        .and_then(|file| Tokenizer::open(&file, length))
        .and_then(|tokenizer| Ok(tokenizer.encode("A b")?.get_ids().to_vec()));
    ids.map_err(|error| {
        assert!(matches!(error, Error::Model { .. }), "{error:?}");
        error.to_string()
    })
}

fn with(part: &str, value: Value) -> String {
    let mut file = good();
    file[part] = value;
    file.to_string()
}

#[track_caller]
fn refused(text: &str, says: &str) {
    let said = ids(text, 5).unwrap_err();
    assert!(said.contains(says) && said.len() < 2000, "{said}");
}

#[test]
fn texts_become_ids_of_one_length() {
    assert_eq!(ids(&good().to_string(), 5).unwrap(), [2, 1, 0, 0, 0]);
    assert_eq!(ids(&good().to_string(), 1).unwrap(), [2]);
}

#[test]
fn settings_of_file_are_not_followed() {
    let mut padding = good()["padding"].clone();
    padding["pad_to_multiple_of"] = json!(1_000_000_000_000u64);
    padding["strategy"] = json!({ "Fixed": 1_000_000_000_000u64 });
    assert_eq!(ids(&with("padding", padding), 5).unwrap().len(), 5);
    let truncation =
        json!({ "direction": "Left", "max_length": 0, "strategy": "LongestFirst", "stride": u64::MAX });
    assert_eq!(ids(&with("truncation", truncation), 5).unwrap().len(), 5);
    // No decoder is read, and so no expression in it.
    let decoder =
        json!({ "type": "Replace", "pattern": { "Regex": "((a{1000}){1000}){1000}" }, "content": "" });
    assert_eq!(ids(&with("decoder", decoder), 5).unwrap().len(), 5);
    let mut padding = good()["padding"].clone();
    padding["pad_token"] = json!("x".repeat(100_000));
    refused(&with("padding", padding), "pad_token");
    refused(&with("padding", Value::Null), "no `padding`");
}

#[test]
fn normalizers_are_bounded() {
    let replace =
        |pattern: Value, content: &str| json!({ "type": "Replace", "pattern": pattern, "content": content });
    let grow = || replace(json!({ "String": "a" }), "aaaaaaaa");
    let chain = json!({ "type": "Sequence", "normalizers": vec![grow(); 12] });
    refused(&with("normalizer", chain), "times as long");
    let long = replace(json!({ "String": "a" }), &"b".repeat(1000));
    refused(&with("normalizer", long), "puts in more than 64 bytes");
    let endless = replace(json!({ "Regex": "(a+)+b" }), "");
    refused(&with("normalizer", endless), "regular expression");
    let damaged = json!({ "type": "Precompiled", "precompiled_charsmap": "AAAAAAAAAAA=" });
    refused(&with("normalizer", damaged), "of the type `Precompiled`");
    let deep = (0..40).fold(json!(null), |inner, _| json!({ "type": "Sequence", "normalizers": [inner] }));
    refused(&with("normalizer", deep), "sequences within each other");
    let many = json!({ "type": "Sequence", "normalizers": vec![json!({ "type": "NFC" }); 100] });
    refused(&with("normalizer", many), "more than 16 parts");
    refused(&with("normalizer", json!({ "lowercase": true })), "of the type ``");
    let clip = json!({ "type": "Sequence", "normalizers": [
        { "type": "NFC" }, { "type": "Replace", "pattern": { "Regex": "\\s+" }, "content": " " }, { "type": "Lowercase" },
    ] });
    assert!(ids(&with("normalizer", clip), 5).is_ok());
}

#[test]
fn other_parts_are_bounded() {
    let split = |expression: &str| {
        json!({
            "type": "Split", "pattern": { "Regex": expression }, "behavior": "Isolated", "invert": false,
        })
    };
    assert!(ids(&with("pre_tokenizer", split(r"\p{L}+|\s+")), 5).is_ok());
    refused(&with("pre_tokenizer", split("(a|b|ab)*bc")), "regular expression in its `pre_tokenizer`");
    refused(&with("pre_tokenizer", json!({ "type": "FixedLength", "length": 0 })), "`FixedLength`");
    let template = |ids: usize| {
        json!({
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "x", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 0 } }],
            "special_tokens": { "x": { "id": "x", "ids": vec![1; ids], "tokens": vec!["x"; ids] } },
        })
    };
    assert_eq!(ids(&with("post_processor", template(4)), 5).unwrap(), [1, 1, 1, 1, 2]);
    refused(&with("post_processor", template(5)), "adds 5 tokens to each text");
    refused(&with("post_processor", template(100_000)), "`post_processor` has more than 256 KiB");
    // Each part of a long text with each part of its copies: without end, from a file of 1 kB.
    let mut copies = template(4);
    copies["single"] = json!(vec![copies["single"][1].clone(); 8]);
    refused(&with("post_processor", copies.clone()), "puts a text in more than once");
    let inner = json!({ "type": "Sequence", "processors": [copies] });
    refused(&with("post_processor", inner), "puts a text in more than once");
    let token = |content: &str| {
        json!({
            "id": 9, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
        })
    };
    refused(&with("added_tokens", json!([token(&"x".repeat(300))])), "more than 256 bytes");
    let many: Vec<Value> = (0..10_001).map(|n| token(&n.to_string())).collect();
    refused(&with("added_tokens", json!(many)), "at most 10000 entries");
    let words: serde_json::Map<String, Value> = (0..600_001).map(|n| (n.to_string(), json!(n))).collect();
    let model = json!({ "type": "WordLevel", "vocab": words, "unk_token": "1" });
    refused(&with("model", model), "at most 600000 entries");
    let mut model = json!({ "type": "WordPiece", "vocab": { "a": 0 }, "unk_token": "a" });
    model["max_input_chars_per_word"] = json!(1_000_000_000u64);
    refused(&with("model", model), "max_input_chars_per_word");
}

#[test]
fn damaged_files_are_errors() {
    refused("", "is not a tokenizer");
    refused(&"[".repeat(1_000_000), "is not a tokenizer");
    refused(&format!("{{\"normalizer\":{}", "[".repeat(1_000_000)), "is not a tokenizer");
    refused("{}", "has no `model`");
    refused(&with("model", json!({ "type": "WordLevel" })), "model");
    // The library slices a token of two bytes at its first.
    let model = json!({
        "type": "BPE", "vocab": { "a": 0, "é": 1, "x": 2 }, "merges": [["a", "é"]], "unk_token": null,
        "continuing_subword_prefix": "#", "end_of_word_suffix": null, "dropout": null, "fuse_unk": false,
        "byte_fallback": false,
    });
    refused(&with("model", model), "tokenizer");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("large.json");
    fs::File::create(&path).unwrap().set_len(40 << 20).unwrap();
    let said = check(&File::open("t", &path).unwrap()).unwrap_err().to_string();
    assert!(said.contains("more than 32 MiB"), "{said}");
}

#[test]
fn trees_of_tokens_are_bounded() {
    // 310 bytes of memory for each byte of a token that begins as no other does.
    let token = |n: usize| json!([format!("{n:04}{}", "x".repeat(1000)), -1.0]);
    let model = |count: usize| {
        let vocab: Vec<Value> = (0..count).map(token).collect();
        json!({ "type": "Unigram", "unk_id": 0, "vocab": vocab })
    };
    assert!(ids(&with("model", model(20)), 5).is_ok());
    refused(&with("model", model(2000)), "too many different beginnings");
}

#[test]
fn long_tokens_are_refused() {
    // In a tree of one level for each byte, which the library takes apart by recursion.
    let long = "a".repeat(100_000);
    let model = json!({ "type": "Unigram", "unk_id": 0, "vocab": [["?", 0.0], [&long, -1.0]] });
    refused(&with("model", model), "more than 1024 bytes");
    let model = json!({ "type": "Unigram", "unk_id": 0, "vocab": [["?", 0.0], [&long[..1024], -1.0]] });
    assert!(ids(&with("model", model), 5).is_ok());
    let mut model = good()["model"].clone();
    model["vocab"][&long] = json!(3);
    refused(&with("model", model), "more than 1024 bytes");
    let mut model = json!({ "type": "BPE", "vocab": { "a": 0, "b": 1, "ab": 2 }, "merges": ["a b"] });
    assert!(ids(&with("model", model.clone()), 5).is_ok());
    model["merges"][0] = json!([long, "b"]);
    refused(&with("model", model), "more than 1024 bytes");
}

#[test]
fn memory_is_no_damage() {
    let none =
        |error: BoxError| matches!(failed_unless_memory(Path::new("t"), error), Error::OutOfMemory { .. });
    assert!(none(std::io::Error::from(ErrorKind::OutOfMemory).into()));
    assert!(!none(std::io::Error::from(ErrorKind::InvalidData).into()));
    assert!(!none("Parsing error at position 3: Invalid escape".into()));
}

/// Emoji, combining marks, right to left, long words, control characters: as Python's `tokenizers` reads them, which wrote
/// `tests/tokenizers/expected.json`.
#[test]
fn awkward_texts_agree() {
    #[derive(serde::Deserialize)]
    struct Case {
        tokenizer: String,
        text: String,
        ids: Vec<u32>,
    }
    const LENGTH: usize = 2000;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tokenizers");
    let cases = fs::read_to_string(folder.join("expected.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&cases).unwrap();
    let mut count = 0;
    for cases in cases.chunk_by(|a, b| a.tokenizer == b.tokenizer) {
        let file = File::open("t", &folder.join(format!("{}.json", cases[0].tokenizer))).unwrap();
        let tokenizer = Tokenizer::open(&file, LENGTH).unwrap();
        for Case { tokenizer: name, text, ids } in cases {
            let encoding = tokenizer.encode(text).unwrap();
            let real = encoding.get_attention_mask().iter().filter(|mask| **mask == 1).count();
            assert_eq!(encoding.get_ids()[..real], **ids, "{name}: {text:?}");
            count += 1;
        }
    }
    assert_eq!(count, 160);
}

#[test]
fn long_texts_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tokenizer.json");
    // Each letter becomes three.
    let triple = json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "aaa" });
    fs::write(&path, with("normalizer", triple)).unwrap();
    let tokenizer = Tokenizer::open(&File::open("t", &path).unwrap(), 5).unwrap();
    let said = |text: &str| tokenizer.encode(text).map(|encoding| encoding.len()).map_err(|e| e.to_string());
    assert_eq!(said(&"é".repeat(60_000)), Ok(5));
    for (text, count) in [("é".repeat(60_001), 60_001), ("a".repeat(20_001), 60_003)] {
        let want = format!("text: has {count} characters; at most 60000 are tokenized at once");
        assert_eq!(said(&text), Err(want));
    }
}

/// The expression with the most branches that may look ahead finds what stands at the end of the longest text.
#[test]
fn late_matches_are_found() {
    let branches: Vec<String> = ('\u{4e00}'..).take(14).map(|letter| format!("{letter}x")).collect();
    let expression = format!(r"{}|\s+(?!\S)", branches.join("|"));
    let split = json!({
        "type": "Split", "pattern": { "Regex": expression }, "behavior": "Isolated", "invert": false,
    });
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tokenizer.json");
    fs::write(&path, with("pre_tokenizer", split)).unwrap();
    let tokenizer = Tokenizer::open(&File::open("t", &path).unwrap(), 5).unwrap();
    let text = "b".repeat(60_000 - 2) + "\u{4e00}x";
    // Both parts are words that are not known.
    assert_eq!(tokenizer.encode(&text).unwrap().get_ids(), [1, 1, 0, 0, 0]);
}
