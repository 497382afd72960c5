//! Captions: what the text encoder reads about a picture.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::manifest::{Entry, GROUP_PEOPLE, GROUP_SMILEYS};
use super::palette::{COLOURS, WHITE};
use super::phrase::{article, with_article};

/// How often a caption ends in ", STYLE style".
const WITH_STYLE: f64 = 0.7;
/// Probability that a caption of one emoji has search words after its label.
const WITH_TAGS: f64 = 0.35;
/// Probability that a label gets its article: people type both "a red apple" and "red apple".
const WITH_ARTICLE: f64 = 0.5;
/// Probability that a white background is named; every other colour always is.
const WITH_WHITE: f64 = 0.15;

/// A caption of one emoji: label, background, some tags, style.
pub fn single(entry: &Entry, background: usize, rng: &mut impl Rng) -> String {
    let mut caption = if takes_article(entry) && rng.random_bool(WITH_ARTICLE) {
        with_article(&entry.caption)
    } else {
        entry.caption.clone()
    };
    push_background(&mut caption, background, rng);
    if rng.random_bool(WITH_TAGS) {
        let count = rng.random_range(1..=3);
        for tag in entry.tags.choose_multiple(rng, count) {
            caption.push_str(", ");
            caption.push_str(tag);
        }
    }
    push_style(&mut caption, &entry.style, rng);
    as_typed(&caption)
}

/// A caption of a scene: what it shows, background, style.
pub fn scene(subject: &str, style: &str, background: usize, rng: &mut impl Rng) -> String {
    let mut caption = subject.to_owned();
    push_background(&mut caption, background, rng);
    push_style(&mut caption, style, rng);
    as_typed(&caption)
}

/// CLDR labels use typographic quotes; people type plain ones.
fn as_typed(caption: &str) -> String {
    caption.replace('’', "'").replace(['“', '”'], "\"")
}

fn push_background(caption: &mut String, background: usize, rng: &mut impl Rng) {
    if background != WHITE || rng.random_bool(WITH_WHITE) {
        let name = COLOURS[background].name;
        caption.push_str(&format!(" on {} {name} background", article(name)));
    }
}

fn push_style(caption: &mut String, style: &str, rng: &mut impl Rng) {
    if rng.random_bool(WITH_STYLE) {
        caption.push_str(&format!(", {style} style"));
    }
}

/// Things take an article. Labels of people and faces do if they begin or end as a countable noun. Symbols ("up arrow",
/// "ZZZ") and flags do not.
fn takes_article(entry: &Entry) -> bool {
    let label = entry.caption.as_str();
    match entry.group {
        Some(GROUP_SMILEYS) => {
            !label.starts_with("face ")
                && ["face", "heart", "cat", "ghost", "robot"].iter().any(|end| label.ends_with(end))
        }
        Some(GROUP_PEOPLE) => ["man ", "woman ", "person ", "baby", "boy", "girl", "child"]
            .iter()
            .any(|start| label.starts_with(start)),
        _ => entry.is_object(),
    }
}
