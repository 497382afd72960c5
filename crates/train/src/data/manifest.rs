//! The list of captioned emoji, with their splits.

use std::io::{BufRead, BufReader};

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};

static MANIFEST: &[u8] = include_bytes!("../../data/emoji_manifest.jsonl.gz");

/// Part of the data that a picture belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatasetSplit {
    /// Training data.
    Train,
    /// A random sample of the training cells, for the loss curve.
    Val,
    /// 240 concepts, each with one whole style family hidden: "a fox, twemoji style".
    TestStyle,
    /// 66 of 330 person families, each with one skin tone hidden in every set.
    TestTone,
    /// 60 objects that training never sees in any style.
    TestConcept,
    /// Scenes of training sprites in combinations that training never sees. Not in the manifest.
    TestScene,
}

/// Skin tone of an emoji.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Tone {
    /// 0 for none, otherwise 1 (light) to 5 (dark).
    One(u8),
    /// Two people of different tones.
    Two([u8; 2]),
}

/// Emojibase's group of smileys.
pub const GROUP_SMILEYS: u8 = 0;
/// Emojibase's group of people and body parts.
pub const GROUP_PEOPLE: u8 = 1;
/// Emojibase's groups of drawable things: animals, food, travel, activities, objects.
pub const GROUPS_OF_OBJECTS: std::ops::RangeInclusive<u8> = 3..=7;
/// Emojibase's group of flags.
pub const GROUP_FLAGS: u8 = 9;

/// One picture of one emoji set, with its caption.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// Part of the data that it belongs to.
    pub split: DatasetSplit,
    /// Style word of the set.
    pub style: String,
    /// Name of the set.
    pub set: String,
    /// Name of the icon in the set, or of its file.
    pub icon: String,
    /// Unicode code points, in hexadecimal, joined by `-`.
    pub hex: String,
    /// The CLDR label, such as "red apple".
    pub caption: String,
    /// Search words for it, such as "fruit".
    pub tags: Vec<String>,
    /// Emojibase's group, 0 to 9; `None` for regional indicators.
    pub group: Option<u8>,
    /// Skin tone.
    pub tone: Tone,
}

impl Entry {
    /// Whether the picture shows a chosen skin tone.
    pub fn is_toned(&self) -> bool {
        self.tone != Tone::One(0)
    }

    /// Whether it is a flag.
    pub fn is_flag(&self) -> bool {
        self.group == Some(GROUP_FLAGS)
    }

    /// Whether it can be part of a scene: an animal, food, a vehicle, a tool.
    pub fn is_object(&self) -> bool {
        !self.is_toned() && self.group.is_some_and(|group| GROUPS_OF_OBJECTS.contains(&group))
    }
}

/// Reads the embedded manifest: 19,016 entries in a fixed order.
///
/// # Errors
/// Only if the embedded file is damaged; the message gives the line.
pub fn manifest() -> Result<Vec<Entry>> {
    let lines = BufReader::new(GzDecoder::new(MANIFEST)).lines();
    let mut entries = Vec::with_capacity(20_000);
    for (index, line) in lines.enumerate() {
        let line = line.context("the embedded manifest cannot be unpacked")?;
        let entry: Entry =
            serde_json::from_str(&line).with_context(|| format!("manifest line {}", index + 1))?;
        entries.push(entry);
    }
    if entries.is_empty() {
        bail!("the embedded manifest is empty");
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_have_published_sizes() {
        let entries = manifest().unwrap();
        let count = |split| entries.iter().filter(|entry| entry.split == split).count();
        assert_eq!(entries.len(), 19_016);
        assert_eq!(count(DatasetSplit::Train), 17_635);
        assert_eq!(count(DatasetSplit::Val), 349);
        assert_eq!(count(DatasetSplit::TestStyle), 343);
        assert_eq!(count(DatasetSplit::TestTone), 316);
        assert_eq!(count(DatasetSplit::TestConcept), 373);
    }

    #[test]
    fn hidden_concepts_never_train() {
        let entries = manifest().unwrap();
        let hidden: std::collections::HashSet<_> =
            entries.iter().filter(|e| e.split == DatasetSplit::TestConcept).map(|e| &e.hex).collect();
        assert!(entries.iter().all(|e| e.split != DatasetSplit::Train || !hidden.contains(&e.hex)));
    }
}
