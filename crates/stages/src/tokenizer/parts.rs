//! Supported normalizers, pre-tokenizers and post-processors.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::pattern;

/// Parts within a sequence.
const MEMBERS: usize = 16;
/// Maximum nesting of sequences.
const DEPTH: usize = 4;
/// Maximum factor by which all normalizers together may lengthen a text.
const GROWTH: usize = 64;
/// Maximum length of a text that a normalizer inserts, in bytes.
const CONTENT: usize = 64;

/// Supported types of a part, and the field with the members of a sequence.
pub(super) struct Kinds {
    names: &'static [&'static str],
    members: &'static str,
}

impl Kinds {
    /// `Precompiled` is excluded: its table is practically code.
    pub(super) const NORMALIZERS: Kinds = Kinds {
        names: &[
            "BertNormalizer",
            "ByteLevel",
            "Lowercase",
            "NFC",
            "NFD",
            "NFKC",
            "NFKD",
            "Nmt",
            "Prepend",
            "Replace",
            "Strip",
            "StripAccents",
        ],
        members: "normalizers",
    };
    pub(super) const PRE_TOKENIZERS: Kinds = Kinds {
        names: &[
            "BertPreTokenizer",
            "ByteLevel",
            "CharDelimiterSplit",
            "Digits",
            "Metaspace",
            "Punctuation",
            "Split",
            "UnicodeScripts",
            "Whitespace",
            "WhitespaceSplit",
        ],
        members: "pretokenizers",
    };
    pub(super) const POST_PROCESSORS: Kinds = Kinds {
        names: &["BertProcessing", "ByteLevel", "RobertaProcessing", "TemplateProcessing"],
        members: "processors",
    };
}

/// Checks a part of a tokenizer.
///
/// # Errors
/// A sentence with the unsupported part and the reason.
pub(super) fn check_part(name: &str, part: &Value, kinds: &Kinds) -> Result<(), String> {
    let growth = check(name, part, kinds, 0)?;
    if growth > GROWTH {
        return Err(format!(
            "its `{name}` could make a text {growth} times as long; at most {GROWTH} times is read"
        ));
    }
    Ok(())
}

/// Maximum factor by which a part lengthens a text.
fn check(name: &str, part: &Value, kinds: &Kinds, depth: usize) -> Result<usize, String> {
    if part.is_null() {
        return Ok(1);
    }
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind == "Sequence" {
        let members = part.get(kinds.members).and_then(Value::as_array);
        let members =
            members.ok_or_else(|| format!("a sequence in its `{name}` has no `{}`", kinds.members))?;
        if members.len() > MEMBERS || depth == DEPTH {
            return Err(format!(
                "its `{name}` has more than {MEMBERS} parts, or {DEPTH} sequences within each other"
            ));
        }
        let growth = members.iter().map(|member| check(name, member, kinds, depth + 1));
        return growth.into_iter().try_fold(1, |all: usize, growth| Ok(all.saturating_mul(growth?)));
    }
    if !kinds.names.contains(&kind) {
        let kind: String = kind.chars().take(100).collect();
        let known = kinds.names.join(", ");
        return Err(format!("its `{name}` has a part of the type `{kind}`; those of {known} are read"));
    }
    let pattern = patterns(name, part)?;
    Ok(match kind {
        "Replace" => {
            let content = content(name, part, "content")?;
            // An expression may match a single byte, or nothing at every position.
            match pattern {
                Some(Pattern::Text(length)) if length > 0 => content.div_ceil(length).max(1),
                _ => content + 1,
            }
        }
        "Prepend" => {
            content(name, part, "prepend")?;
            1
        }
        // Each byte of a character becomes a character of two bytes.
        "ByteLevel" => 2,
        "TemplateProcessing" => {
            check_template(name, part)?;
            1
        }
        _ => 1,
    })
}

/// A piece of a template: a text, or an inserted token.
#[derive(Deserialize)]
enum Piece {
    Sequence { id: String },
    SpecialToken(IgnoredAny),
}

#[derive(Deserialize)]
struct Template {
    single: Vec<Piece>,
    pair: Vec<Piece>,
}

/// The library combines each part of a long text with each part of its copies, so a few copies would fill the memory.
fn check_template(name: &str, part: &Value) -> Result<(), String> {
    let template = Template::deserialize(part).map_err(|_| {
        format!("a template in its `{name}` lacks `single` or `pair`, or has a piece of another kind")
    })?;
    for pieces in [&template.single, &template.pair] {
        let mut texts: Vec<&str> = vec![];
        for piece in pieces {
            if let Piece::Sequence { id } = piece {
                if texts.contains(&id.as_str()) {
                    return Err(format!("a template in its `{name}` puts a text in more than once"));
                }
                texts.push(id);
            }
        }
    }
    Ok(())
}

fn content(name: &str, part: &Value, key: &str) -> Result<usize, String> {
    let length = part.get(key).and_then(Value::as_str).unwrap_or_default().len();
    if length > CONTENT {
        Err(format!("its `{name}` puts in more than {CONTENT} bytes at once"))
    } else {
        Ok(length)
    }
}

/// A search pattern.
enum Pattern {
    /// A text of this many bytes.
    Text(usize),
    Expression,
}

fn patterns(name: &str, part: &Value) -> Result<Option<Pattern>, String> {
    let Some(found) = part.get("pattern") else { return Ok(None) };
    if let Some(expression) = found.get("Regex").and_then(Value::as_str) {
        pattern::check(expression).map_err(|why| format!("a regular expression in its `{name}` {why}"))?;
        return Ok(Some(Pattern::Expression));
    }
    match found.get("String").and_then(Value::as_str) {
        Some(text) if text.len() <= CONTENT => Ok(Some(Pattern::Text(text.len()))),
        _ => Err(format!("its `{name}` has a `pattern` that is neither a short text nor an expression")),
    }
}
