//! The tree that the library makes of the tokens of a `Unigram` model: a level for each byte, and for each node a table of
//! its own.

use std::borrow::Cow;

use serde::Deserialize;

/// The most nodes. Vocabularies of 250,000 tokens have about half as many.
pub(super) const MOST: usize = 2_000_000;
/// About the bytes that each takes (measured: 310).
pub(super) const NODE: usize = 320;

/// Of the other models, the tokens are no list.
#[derive(Deserialize)]
struct Model<'a> {
    #[serde(borrow)]
    vocab: Vec<(Cow<'a, str>, f64)>,
}

/// How many nodes the tree of a model has: none for models of another kind.
pub(super) fn nodes(model: &str) -> usize {
    let Ok(Model { mut vocab }) = serde_json::from_str(model) else { return 0 };
    vocab.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut before = "";
    let mut nodes = 0;
    for (token, _) in &vocab {
        let shared = token.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        nodes += token.len() - shared;
        before = token;
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::nodes;

    #[test]
    fn beginnings_count_once() {
        let model =
            r#"{"type":"Unigram","vocab":[["abc",0],["ab",-1.5],["xyz",0],["abd",0],["é",0],["ê",0]]}"#;
        assert_eq!(nodes(model), "abc".len() + "d".len() + "xyz".len() + "é".len() + 1);
        assert_eq!(nodes(r#"{"type":"BPE","vocab":{"abc":0},"merges":[]}"#), 0);
    }
}
