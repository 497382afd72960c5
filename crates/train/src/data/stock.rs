//! Captioned sprites, from which pictures are made.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::config::DataConfig;
use super::manifest::{DatasetSplit, Entry, manifest};
use super::packages::{EmojiSet, SETS, set_of_style};
use super::phrase::{Noun, noun};
use super::raster::Sprite;
use super::sprites::{SpriteInfo, SpriteSet, render_set};

/// The entries of one split under one configuration, with their sprites in memory.
#[derive(Debug)]
pub struct Stock {
    entries: Vec<Entry>,
    infos: Vec<SpriteInfo>,
    sets: BTreeMap<String, SpriteSet>,
    objects: Vec<usize>,
    objects_by_style: BTreeMap<String, Vec<usize>>,
}

impl Stock {
    /// Loads the sprites of a split, rendering the sets that are not yet cached. Held-out scenes
    /// ([`DatasetSplit::TestScene`]) consist of training sprites.
    ///
    /// # Errors
    /// Missing packages, or no picture left under this configuration.
    pub fn open(data_dir: &Path, config: &DataConfig, split: DatasetSplit) -> Result<Stock> {
        let all = manifest()?;
        let source = if split == DatasetSplit::TestScene { DatasetSplit::Train } else { split };
        let entries: Vec<Entry> =
            all.iter().filter(|entry| entry.split == source && config.admits(entry)).cloned().collect();
        if entries.is_empty() {
            bail!("no pictures in split {split:?} with these styles and groups");
        }
        let mut sets = BTreeMap::new();
        for style in &config.styles {
            let set = set_of_style(style).with_context(|| format!("unknown style `{style}`"))?;
            render_set(data_dir, set, &icons_of(set, &all), config.sprite_size)?;
            let wanted: HashSet<&str> = entries
                .iter()
                .filter(|entry| entry.set == set.name)
                .map(|entry| entry.icon.as_str())
                .collect();
            let sprites = SpriteSet::load(data_dir, set, config.sprite_size, |icon| wanted.contains(icon))?;
            sets.insert(set.name.to_owned(), sprites);
        }
        let mut infos = Vec::with_capacity(entries.len());
        let mut objects_by_style: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let info = sets.get(&entry.set).and_then(|set| set.info(&entry.icon));
            infos.push(
                info.with_context(|| format!("icon {} of {} was not rendered", entry.icon, entry.set))?,
            );
            // "Noon above a fox" makes little sense: clock times and other names are not used in scenes.
            if entry.is_object() && noun(&entry.caption) != Noun::Name {
                objects_by_style.entry(entry.style.clone()).or_default().push(index);
            }
        }
        let objects = objects_by_style.values().flatten().copied().collect();
        Ok(Stock { entries, infos, sets, objects, objects_by_style })
    }

    /// All entries, in the manifest's order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Properties of the sprite of entry `index`.
    pub fn info(&self, index: usize) -> SpriteInfo {
        self.infos[index]
    }

    /// The pixels of entry `index`.
    pub fn sprite(&self, index: usize) -> Sprite<'_> {
        self.sets[&self.entries[index].set].sprite(self.infos[index])
    }

    /// Indices of the entries that can stand in scenes.
    pub fn objects(&self) -> &[usize] {
        &self.objects
    }

    /// Objects of the same style as entry `index`, which must be one of [`objects`](Self::objects).
    pub fn objects_in_style_of(&self, index: usize) -> &[usize] {
        &self.objects_by_style[&self.entries[index].style]
    }
}

/// Renders all eight sets at this size, so that every configuration finds its sprites.
///
/// # Errors
/// As [`render_set`].
pub fn render_all(data_dir: &Path, sprite_size: usize) -> Result<()> {
    let all = manifest()?;
    SETS.iter().try_for_each(|set| render_set(data_dir, set, &icons_of(set, &all), sprite_size))
}

fn icons_of<'a>(set: &EmojiSet, entries: &'a [Entry]) -> BTreeSet<&'a str> {
    entries.iter().filter(|entry| entry.set == set.name).map(|entry| entry.icon.as_str()).collect()
}
