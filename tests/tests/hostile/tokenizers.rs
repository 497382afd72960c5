//! Tokenizers that mean no good, each a little other than one that works.

use serde_json::{Value, json};
use wuerst_model::metadata::{Metadata, TextEncoder};
use wuerst_tests::onnx_bytes::{node, number, pair, put};

/// The head of a text encoder of five positions.
pub fn encoder() -> Vec<u8> {
    let outlet = |name: &[u8], element, dims: &[&[u8]]| {
        let dims: Vec<u8> = dims.iter().flat_map(|dim| put(1, &put(2, dim))).collect();
        let tensor = [number(1, element), put(2, &dims)].concat();
        [put(1, name), put(2, &put(1, &tensor))].concat()
    };
    let graph = [
        put(1, &node("Identity input_ids -> states", &[])),
        put(11, &outlet(b"input_ids", 7, &[b"b", b"l"])),
        put(11, &outlet(b"attention_mask", 7, &[b"b", b"l"])),
        put(12, &outlet(b"states", 1, &[b"b", b"l", b"d"])),
    ];
    let metadata =
        Metadata::TextEncoder(TextEncoder { tokenizer: "tokenizer.json".into(), length: 5 }).pairs();
    let metadata: Vec<u8> = metadata.iter().flat_map(|(key, value)| pair(key, value)).collect();
    [put(7, &graph.concat()), metadata].concat()
}

/// A tokenizer of three words.
pub fn good() -> Value {
    json!({
        "version": "1.0",
        "truncation": { "direction": "Right", "max_length": 1_000_000_000, "strategy": "LongestFirst", "stride": 7 },
        "padding": {
            "strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": 1_000_000_000_000u64, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]",
        },
        "added_tokens": [],
        "normalizer": { "type": "Lowercase" },
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": null,
        "decoder": { "type": "Replace", "pattern": { "Regex": "((a{1000}){1000}){1000}" }, "content": "" },
        "model": { "type": "WordLevel", "vocab": { "[PAD]": 0, "[UNK]": 1, "a": 2 }, "unk_token": "[UNK]" },
    })
}

fn with(part: &str, value: Value) -> String {
    let mut file = good();
    file[part] = value;
    file.to_string()
}

/// Each with what is wrong with it.
pub fn all() -> Vec<(String, String)> {
    let parts = [normalizers(), others(), sizes(), damaged()];
    parts.into_iter().flatten().map(|(name, file)| (name.to_owned(), file)).collect()
}

type Files = Vec<(&'static str, String)>;

fn normalizers() -> Files {
    let replace =
        |pattern: Value, content: &str| json!({ "type": "Replace", "pattern": pattern, "content": content });
    let sequence = |members: Vec<Value>| json!({ "type": "Sequence", "normalizers": members });
    let grow = replace(json!({ "String": "a" }), "aaaaaaaa");
    let deep = (0..30).fold(Value::Null, |inner, _| sequence(vec![inner]));
    let charsmap = json!({ "type": "Precompiled", "precompiled_charsmap": "AAAAAP////8AAAAA" });
    [
        ("a text that grows", sequence(vec![grow; 12])),
        ("a text that grows at every place", sequence(vec![replace(json!({ "Regex": "" }), "12345678"); 9])),
        ("a long content", replace(json!({ "String": "a" }), &"b".repeat(200_000))),
        ("a damaged table of characters", charsmap),
        ("an expression without end", replace(json!({ "Regex": "(\\w+ ?)+x" }), "")),
        ("an expression of much memory", replace(json!({ "Regex": "(((a{100}){100}){100}){100}" }), "")),
        ("a recursive expression", replace(json!({ "Regex": "(?<x>a\\g<x>)" }), "")),
        ("sequences within each other", deep),
        ("a thousand normalizers", sequence(vec![json!({ "type": "NFKD" }); 1000])),
        ("a normalizer that is not known", json!({ "type": "Execute" })),
    ]
    .map(|(name, normalizer)| (name, with("normalizer", normalizer)))
    .into()
}

fn others() -> Files {
    let split = |expression: &str| json!({ "type": "Split", "pattern": { "Regex": expression }, "behavior": "Isolated", "invert": false });
    let template = |ids: usize| {
        json!({
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "x", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 0 } }],
            "special_tokens": { "x": { "id": "x", "ids": vec![1; ids], "tokens": vec!["x"; ids] } },
        })
    };
    let mut padding = good()["padding"].clone();
    padding["pad_token"] = json!("x".repeat(100_000));
    vec![
        ("a split without end", with("pre_tokenizer", split("(a|e|ae| )*x"))),
        ("parts of no length", with("pre_tokenizer", json!({ "type": "FixedLength", "length": 0 }))),
        ("a template of many tokens", with("post_processor", template(1_000_000))),
        ("a long token to fill up with", with("padding", padding)),
        ("no token to fill up with", with("padding", Value::Null)),
    ]
}

fn sizes() -> Files {
    let token = |content: String| {
        json!({
            "id": 9, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true,
        })
    };
    let words: serde_json::Map<String, Value> = (0..700_000).map(|n| (n.to_string(), json!(n))).collect();
    let pieces = |most: u64, prefix: &str| {
        json!({
            "type": "WordPiece", "vocab": { "a": 0 }, "unk_token": "a", "max_input_chars_per_word": most,
            "continuing_subword_prefix": prefix,
        })
    };
    vec![
        (
            "many added tokens",
            with("added_tokens", json!((0..20_000).map(|n| token(n.to_string())).collect::<Vec<_>>())),
        ),
        ("a long added token", with("added_tokens", json!([token("x".repeat(1 << 20))]))),
        ("millions of empty added tokens", with("added_tokens", json!(vec![json!([]); 1_000_000]))),
        ("many words", with("model", json!({ "type": "WordLevel", "vocab": words, "unk_token": "1" }))),
        ("long words", with("model", pieces(u64::MAX >> 1, "##"))),
        ("a long prefix", with("model", pieces(100, &"#".repeat(1 << 20)))),
        ("millions of lists", with("normalizer", json!(vec![json!([]); 3_000_000]))),
        ("more than 32 MiB", with("note", json!("x".repeat(33 << 20)))),
    ]
}

fn damaged() -> Files {
    let whole = good().to_string();
    vec![
        ("no tokenizer", String::new()),
        ("an empty object", "{}".to_owned()),
        ("half", whole[..whole.len() / 2].to_owned()),
        ("a million brackets", "[".repeat(1_000_000)),
        ("a million brackets in a part", format!("{{\"normalizer\":{}", "[".repeat(1_000_000))),
        ("a model that is not there", with("model", Value::Null)),
        ("a model of no kind", with("model", json!({ "type": "Oracle" }))),
        ("the same part twice", format!("{{\"model\":{{}},{}", &whole[1..])),
    ]
}
