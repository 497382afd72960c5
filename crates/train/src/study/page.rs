//! The page of a study: one HTML file with all pictures, which loads nothing else.

use super::key::{EXTRA, Key, Pair, Shown};
use super::pictures::Pictures;
use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;

static PAGE: &str = include_str!("page/page.html");
static STYLE: &str = include_str!("page/page.css");
static SCRIPT: &str = include_str!("page/page.js");

/// Maximum length of a page in bytes; browsers slow down far below.
const LONGEST: usize = 1 << 30;

/// The page, from the pictures of each model and those of noise by name.
///
/// # Errors
/// A picture that is missing, or a page that is too large.
pub fn html(
    key: &Key,
    models: &[Pictures],
    noise: &BTreeMap<String, Vec<u8>>,
    per_voter: usize,
) -> Result<String> {
    let numbered = key.by_number();
    let mut images = serde_json::Map::new();
    let mut length = 0;
    for (pair, shown) in
        key.pairs.iter().flat_map(|pair| pair.pictures.iter().map(move |shown| (pair, shown)))
    {
        let png = match shown.model {
            Some(model) => models[model].get(&pair.prompt),
            None => noise.get(&shown.id),
        };
        let png = png.with_context(|| format!("a picture of prompt {} is missing", pair.prompt))?;
        if !images.contains_key(&shown.id) {
            let url = format!("data:image/png;base64,{}", STANDARD.encode(png));
            length += url.len();
            ensure!(length <= LONGEST, "the page would be larger than 1 GiB: take fewer prompts with --n");
            images.insert(shown.id.clone(), Value::String(url));
        }
    }
    let pair = |pair: &Pair| {
        let ids = pair.pictures.each_ref().map(|Shown { id, .. }| id.clone());
        json!({ "id": pair.id, "prompt": pair.prompt, "text": numbered[&pair.prompt].text, "pictures": ids })
    };
    let (pairs, checks): (Vec<&Pair>, Vec<&Pair>) =
        key.pairs.iter().partition(|pair| pair.models().is_some());
    let [pairs, checks] = [pairs, checks].map(|some| some.into_iter().map(pair).collect::<Vec<_>>());
    let study = json!({
        "study": key.study,
        "per_voter": per_voter.min(pairs.len()),
        "extra": EXTRA,
        "pairs": pairs,
        "checks": checks,
        "images": images,
    });
    // A prompt may hold `</script>`.
    let data = serde_json::to_string(&study)?.replace('<', "\\u003c");
    Ok(PAGE.replacen("/*STYLE*/", STYLE, 1).replacen("/*SCRIPT*/", SCRIPT, 1).replacen("/*DATA*/", &data, 1))
}
