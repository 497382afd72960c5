//! The training pictures: which sprites, where, on what background, and the caption, all from an index.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use anyhow::{Result, bail};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::caption;
use super::config::DataConfig;
use super::manifest::{Entry, Split, manifest};
use super::packages::{SETS, set_of_style};
use super::palette::{COLOURS, WHITE};
use super::phrase::{Noun, may_mirror, noun};
use super::raster::{Canvas, Rect};
use super::scene::{HeldOut, Layout, Relation, colour_held_out, count_held_out, pair_held_out};
use super::sprites::{SpriteInfo, SpriteSet, render_set};

/// One training picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// `size × size × 3` bytes, row by row: what the model learns to make.
    pub rgb: Vec<u8>,
    /// The same picture at `compressor_size`: what the semantic compressor sees.
    pub rgb_large: Vec<u8>,
    /// What the text encoder reads.
    pub caption: String,
    /// How often to show it, relative to others, in (0, 1].
    pub weight: f32,
}

/// A picture that is planned but not drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Index into [`COLOURS`].
    pub background: usize,
    /// What is drawn, in this order.
    pub placements: Vec<Placement>,
    /// What the text encoder reads.
    pub caption: String,
    /// How often to show it, relative to others, in (0, 1].
    pub weight: f32,
}

/// One sprite in a planned picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Index of the entry, as in [`Dataset::entries`].
    pub entry: usize,
    /// The part of the sprite that is drawn, in its pixels.
    pub from: Rect,
    /// Where it goes, in pixels of the canvas.
    pub to: Rect,
    /// Mirrored left to right.
    pub mirrored: bool,
}

/// Weight of skin-tone variants and of flags, of which there are many alike.
const RARE_WEIGHT: f32 = 0.25;
/// How far a sprite may be enlarged before it looks soft.
const MAX_ENLARGEMENT: f32 = 1.25;
/// Draws before a wish that cannot be met (a pair of the right kind, say) is given up.
const MAX_DRAWS: usize = 400;
/// Scenes need some choice.
const MIN_OBJECTS: usize = 20;

/// The pictures of one split under one configuration.
#[derive(Debug)]
pub struct Dataset {
    config: DataConfig,
    split: Split,
    entries: Vec<Entry>,
    infos: Vec<SpriteInfo>,
    sets: BTreeMap<String, SpriteSet>,
    /// Entries that can stand in scenes, by style.
    objects: BTreeMap<String, Vec<usize>>,
    all_objects: Vec<usize>,
    scenes_per_round: usize,
    singles_per_round: usize,
}

impl Dataset {
    /// Prepares the pictures of a split; renders the sprite sets that are not yet cached.
    ///
    /// # Errors
    /// A configuration out of range, packages that were not fetched, a split with no pictures.
    pub fn open(data_dir: &Path, config: &DataConfig, split: Split) -> Result<Dataset> {
        config.check()?;
        let all = manifest()?;
        let source = if split == Split::TestScene { Split::Train } else { split };
        let mut sets = BTreeMap::new();
        let entries: Vec<Entry> =
            all.iter().filter(|entry| entry.split == source && config.admits(entry)).cloned().collect();
        for style in &config.styles {
            let Some(set) = set_of_style(style) else { bail!("unknown style `{style}`") };
            let icons: BTreeSet<&str> =
                all.iter().filter(|entry| entry.set == set.name).map(|entry| entry.icon.as_str()).collect();
            render_set(data_dir, set, &icons, config.sprite_size)?;
            let wanted: HashSet<&str> =
                entries.iter().filter(|e| e.set == set.name).map(|entry| entry.icon.as_str()).collect();
            let sprites = SpriteSet::load(data_dir, set, config.sprite_size, |icon| wanted.contains(icon))?;
            sets.insert(set.name.to_owned(), sprites);
        }
        Dataset::assemble(config.clone(), split, entries, sets)
    }

    fn assemble(
        config: DataConfig,
        split: Split,
        entries: Vec<Entry>,
        sets: BTreeMap<String, SpriteSet>,
    ) -> Result<Dataset> {
        if entries.is_empty() {
            bail!("no pictures in split {split:?} with these styles and groups");
        }
        let mut infos = Vec::with_capacity(entries.len());
        let mut objects: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let Some(info) = sets.get(&entry.set).and_then(|set| set.info(&entry.icon)) else {
                bail!("icon {} of set {} was not rendered", entry.icon, entry.set);
            };
            infos.push(info);
            // "A noon above a fox" says little: clock times and other names stay out of scenes.
            if entry.is_object() && noun(&entry.caption) != Noun::Name {
                objects.entry(entry.style.clone()).or_default().push(index);
            }
        }
        let all_objects: Vec<usize> = objects.values().flatten().copied().collect();
        let wants_scenes = split == Split::TestScene || (split == Split::Train && config.scenes > 0.0);
        if wants_scenes && all_objects.len() < MIN_OBJECTS {
            bail!(
                "scenes need at least {MIN_OBJECTS} objects, these styles and groups have {}: widen them, or \
                 set `scenes: 0`",
                all_objects.len()
            );
        }
        let (singles_per_round, scenes_per_round) = match split {
            Split::TestScene => (0, all_objects.len()),
            Split::Train => {
                let per_single = f64::from(config.scenes) / (1.0 - f64::from(config.scenes));
                (entries.len(), (entries.len() as f64 * per_single).round() as usize)
            }
            _ => (entries.len(), 0),
        };
        Ok(Dataset {
            config,
            split,
            entries,
            infos,
            sets,
            objects,
            all_objects,
            scenes_per_round,
            singles_per_round,
        })
    }

    /// How many pictures there are: every index below it is one.
    pub fn len(&self) -> usize {
        (self.singles_per_round + self.scenes_per_round) * self.config.variants_per_sprite
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The captioned emoji that pictures are made from.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The configuration it was opened with.
    pub fn config(&self) -> &DataConfig {
        &self.config
    }

    /// Indices of all pictures in a random order that depends on the seed and the epoch; a picture of
    /// weight w is in it with probability w.
    pub fn epoch(&self, epoch: u64) -> Vec<u32> {
        let mut rng = self.rng(u64::MAX - epoch);
        let mut order: Vec<u32> = (0..self.len())
            .filter(|&index| {
                let weight = self.weight(index);
                weight >= 1.0 || rng.random_bool(f64::from(weight))
            })
            .map(|index| index as u32)
            .collect();
        order.shuffle(&mut rng);
        order
    }

    /// How often to show picture `index`, relative to others, without planning it.
    pub fn weight(&self, index: usize) -> f32 {
        match self.single(index) {
            Some(entry) => weight_of(&self.entries[entry]),
            None => 1.0,
        }
    }

    /// Plans and draws picture `index`. Indices from [`len`](Self::len) on continue with further variants.
    pub fn picture(&self, index: usize) -> Picture {
        let recipe = self.recipe(index);
        let canvas = self.draw(&recipe);
        let rgb = canvas.to_rgb(self.config.size);
        let rgb_large = canvas.to_rgb(self.config.compressor_size);
        Picture { rgb, rgb_large, caption: recipe.caption, weight: recipe.weight }
    }

    /// Plans picture `index`: deterministic from the configured seed and the index.
    pub fn recipe(&self, index: usize) -> Recipe {
        let mut rng = self.rng(index as u64);
        match self.single(index) {
            Some(entry) => self.plan_single(entry, &mut rng),
            None => self.plan_scene(&mut rng),
        }
    }

    /// Draws a planned picture at the canvas size, the larger of the model's and the compressor's.
    pub fn draw(&self, recipe: &Recipe) -> Canvas {
        let mut canvas = Canvas::new(self.config.canvas_size(), COLOURS[recipe.background].rgb);
        for placement in &recipe.placements {
            let set = &self.sets[&self.entries[placement.entry].set];
            let sprite = set.sprite(self.infos[placement.entry]);
            canvas.draw(sprite, placement.from, placement.to, placement.mirrored);
        }
        canvas
    }

    fn rng(&self, stream: u64) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.config.seed.to_le_bytes());
        key[8..16].copy_from_slice(&stream.to_le_bytes());
        ChaCha8Rng::from_seed(key)
    }

    /// The entry that picture `index` shows alone; none for a scene.
    fn single(&self, index: usize) -> Option<usize> {
        let within = index % (self.singles_per_round + self.scenes_per_round);
        (within < self.singles_per_round).then_some(within)
    }

    fn plan_single(&self, entry: usize, rng: &mut ChaCha8Rng) -> Recipe {
        let canvas = self.config.canvas_size() as f32;
        let background = self.background(&[entry], rng);
        let scale: f32 =
            if rng.random_bool(0.8) { rng.random_range(0.85..1.0) } else { rng.random_range(0.6..0.85) };
        let free = (1.0 - scale) / 2.0 + 0.01;
        let mut start = || ((1.0 - scale) / 2.0 + rng.random_range(-free..=free)) * canvas;
        let to = Rect { x: start(), y: start(), width: scale * canvas, height: scale * canvas };
        let side = self.config.sprite_size as f32;
        let from = Rect { x: 0.0, y: 0.0, width: side, height: side };
        let mirrored = self.mirrored(entry, rng);
        let caption = caption::single(&self.entries[entry], background, rng);
        Recipe {
            background,
            placements: vec![Placement { entry, from, to, mirrored }],
            caption,
            weight: weight_of(&self.entries[entry]),
        }
    }

    fn plan_scene(&self, rng: &mut ChaCha8Rng) -> Recipe {
        let wanted = (self.split == Split::TestScene)
            .then(|| [HeldOut::Pair, HeldOut::Colour, HeldOut::Count][rng.random_range(0..3)]);
        for _ in 0..MAX_DRAWS {
            if let Some(recipe) = self.try_scene(wanted, rng) {
                return recipe;
            }
        }
        // Only in tiny configurations: a picture that every configuration can make.
        let entry = self.all_objects[rng.random_range(0..self.all_objects.len())];
        self.plan_single(entry, rng)
    }

    /// One draw of a scene; none if the draw is of a kind that is not wanted here.
    fn try_scene(&self, wanted: Option<HeldOut>, rng: &mut ChaCha8Rng) -> Option<Recipe> {
        let layout = match (wanted, rng.random_range(0..8)) {
            (Some(HeldOut::Pair), pick) | (None, pick @ 0..4) => {
                Layout::Pair(if pick % 2 == 0 { Relation::LeftOf } else { Relation::Above })
            }
            (Some(HeldOut::Colour), pick) | (None, pick @ 4..6) => Layout::Sized { large: pick % 2 == 0 },
            _ => Layout::Counted(rng.random_range(2..=4)),
        };
        let first = self.all_objects[rng.random_range(0..self.all_objects.len())];
        let same_style = &self.objects[&self.entries[first].style];
        let second = match layout {
            Layout::Pair(_) => same_style[rng.random_range(0..same_style.len())],
            _ => first,
        };
        let (label, other) = (&self.entries[first].caption, &self.entries[second].caption);
        let held = match layout {
            Layout::Pair(_) if label == other => return None,
            Layout::Pair(_) => pair_held_out(label, other),
            Layout::Counted(count) => count_held_out(label, count),
            Layout::Sized { .. } => false,
        };
        // A held-out scene differs from training in one respect only, so the others stand on white.
        let background = match wanted {
            Some(HeldOut::Colour) => self.held_out_colour(first, rng)?,
            Some(_) if !held => return None,
            None if held => return None,
            Some(_) => WHITE,
            None => self.background(&[first, second], rng),
        };
        if self.infos[first].lost_on.contains(background) || self.infos[second].lost_on.contains(background) {
            return None;
        }
        let subject = layout.subject(label, other, rng)?;
        let canvas = self.config.canvas_size() as f32;
        let max_scale = MAX_ENLARGEMENT * canvas / self.config.sprite_size as f32;
        let mirrored = [first, second].map(|entry| self.mirrored(entry, rng));
        let placements = layout
            .slots(rng)
            .into_iter()
            .enumerate()
            .map(|(place, slot)| {
                let second_one = matches!(layout, Layout::Pair(_)) && place == 1;
                let (entry, mirrored) = if second_one { (second, mirrored[1]) } else { (first, mirrored[0]) };
                let from = self.infos[entry].visible();
                Placement { entry, from, to: slot.fit(from, canvas, max_scale), mirrored }
            })
            .collect();
        let caption = caption::scene(&subject, &self.entries[first].style, background, rng);
        Some(Recipe { background, placements, caption, weight: 1.0 })
    }

    /// White, or a named colour on which all of these are seen and with which training may show them.
    fn background(&self, entries: &[usize], rng: &mut ChaCha8Rng) -> usize {
        let seen = |colour| entries.iter().all(|&entry| !self.infos[entry].lost_on.contains(colour));
        if rng.random_bool(f64::from(self.config.white)) && seen(WHITE) {
            return WHITE;
        }
        for _ in 0..COLOURS.len() {
            let colour = rng.random_range(WHITE + 1..COLOURS.len());
            let may = |&entry: &usize| !colour_held_out(&self.entries[entry].caption, COLOURS[colour].name);
            if seen(colour) && entries.iter().all(may) {
                return colour;
            }
        }
        WHITE
    }

    fn held_out_colour(&self, entry: usize, rng: &mut ChaCha8Rng) -> Option<usize> {
        let colour = rng.random_range(WHITE + 1..COLOURS.len());
        colour_held_out(&self.entries[entry].caption, COLOURS[colour].name).then_some(colour)
    }

    fn mirrored(&self, entry: usize, rng: &mut ChaCha8Rng) -> bool {
        let entry = &self.entries[entry];
        let allowed =
            !entry.is_flag() && entry.group.is_some_and(|group| group <= 7) && may_mirror(&entry.caption);
        // The draw is made either way so that what follows does not depend on the label.
        rng.random_bool(f64::from(self.config.mirror)) && allowed
    }
}

fn weight_of(entry: &Entry) -> f32 {
    if entry.is_toned() || entry.is_flag() { RARE_WEIGHT } else { 1.0 }
}

/// Renders all eight sets at this size, so that every configuration finds its sprites.
///
/// # Errors
/// As [`render_set`].
pub fn render_all(data_dir: &Path, sprite_size: usize) -> Result<()> {
    let all = manifest()?;
    for set in SETS {
        let icons: BTreeSet<&str> =
            all.iter().filter(|entry| entry.set == set.name).map(|entry| entry.icon.as_str()).collect();
        render_set(data_dir, set, &icons, sprite_size)?;
    }
    Ok(())
}
