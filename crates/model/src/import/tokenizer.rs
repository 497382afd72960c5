//! The tokenizer of a published text encoder.

use super::folder::Folder;
use crate::text::tokenizer::{self, ClipFiles, ClipTokenizer, Vocabulary};

/// The tokenizer in the part `tokenizer`, for an encoder with `positions` positions.
pub fn open(folder: &mut Folder<'_>, positions: usize) -> Option<ClipTokenizer> {
    let name = |file: &str| format!("tokenizer/{file}");
    let whole = name("tokenizer.json");
    // A `tokenizer.json` without a configuration contains the relevant settings.
    let config = name("tokenizer_config.json");
    let alone = !folder.path(&config).exists() && folder.path(&whole).exists();
    let config = if alone { "{}".to_owned() } else { folder.text(&config)? };
    let special = name("special_tokens_map.json");
    let special = if folder.path(&special).exists() { Some(folder.text(&special)?) } else { None };
    let parts = [name("vocab.json"), name("merges.txt")];
    let missing = parts.iter().all(|part| !folder.path(part).exists());
    let texts: Vec<String> = if missing && folder.path(&whole).exists() {
        vec![folder.text(&whole)?]
    } else {
        // Both are read, so that both are named if both are missing.
        let read: Vec<_> = parts.iter().map(|part| folder.text(part)).collect();
        read.into_iter().collect::<Option<_>>()?
    };
    let vocabulary = match &texts[..] {
        [vocab, merges] => Vocabulary::Parts(vocab, merges),
        [whole, ..] => Vocabulary::Whole(whole),
        [] => return None,
    };
    let made =
        tokenizer::clip(ClipFiles { vocabulary, config: &config, special: special.as_deref() }, positions);
    let made = folder.keep("tokenizer", made)?;
    if made.length > positions {
        folder.problem(
            "tokenizer/tokenizer_config.json",
            format!("model_max_length is {}, but the text encoder has {positions} positions", made.length),
        );
        return None;
    }
    Some(made)
}
