//! The tree that the library builds from the tokens of a `Unigram` model: a level for each byte, and a table for each node.

use std::borrow::Cow;

use serde::Deserialize;

/// Maximum number of nodes. Vocabularies of 250,000 tokens have about half as many.
pub(super) const MOST: usize = 2_000_000;
/// Approximate size of a node in bytes (measured: 310).
pub(super) const NODE: usize = 320;

/// In other models, the tokens are not a list.
#[derive(Deserialize)]
struct Model<'a> {
    #[serde(borrow)]
    vocab: Vec<(Cow<'a, str>, f64)>,
}

/// Number of nodes in the tree of a model: 0 for models of other types.
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
