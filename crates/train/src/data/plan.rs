//! Plans pictures: sprites with their places, background and caption.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::caption;
use super::config::DataConfig;
use super::manifest::Entry;
use super::palette::{COLOURS, WHITE};
use super::phrase::may_mirror;
use super::raster::Rect;
use super::scene::{HeldOut, Layout, Relation, colour_held_out, count_held_out, pair_held_out};
use super::stock::Stock;

/// A planned picture, not yet drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Index into [`COLOURS`].
    pub background: usize,
    /// Sprites in drawing order.
    pub placements: Vec<Placement>,
    /// Text for the text encoder.
    pub caption: String,
    /// Relative frequency, in (0, 1].
    pub weight: f32,
}

/// One sprite in a planned picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Index of the entry, as in [`Dataset::entries`](super::dataset::Dataset::entries).
    pub entry: usize,
    /// Visible part of the sprite, in its pixels.
    pub from: Rect,
    /// Destination, in pixels of the canvas.
    pub to: Rect,
    /// Mirrored left to right.
    pub mirrored: bool,
}

/// Weight of skin-tone variants and of flags, of which many are similar.
const RARE_WEIGHT: f32 = 0.25;
/// Maximum enlargement of a sprite before it looks soft.
const MAX_ENLARGEMENT: f32 = 1.25;
/// Side of a centred sprite, relative to the picture.
const CENTRED_SCALE: f32 = 0.94;
/// Maximum number of draws for a wish that may be impossible, such as a certain pair.
const MAX_DRAWS: usize = 400;

/// Relative frequency of a picture of this entry alone.
pub fn weight_of(entry: &Entry) -> f32 {
    if entry.is_toned() || entry.is_flag() { RARE_WEIGHT } else { 1.0 }
}

/// Plans pictures from a stock of sprites.
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    /// Entries and sprites for pictures.
    pub stock: &'a Stock,
    /// Sizes and probabilities.
    pub config: &'a DataConfig,
    /// Whether to plan only scenes that training leaves out; otherwise none of them.
    pub held_out_scenes: bool,
}

impl Planner<'_> {
    /// One sprite that fills most of the picture.
    pub fn single(&self, entry: usize, rng: &mut ChaCha8Rng) -> Recipe {
        let canvas = self.config.canvas_size() as f32;
        let background = self.background(&[entry], rng);
        let drawn: f32 =
            if rng.random_bool(0.8) { rng.random_range(0.85..1.0) } else { rng.random_range(0.6..0.85) };
        let scatter = self.config.scatter;
        let scale = CENTRED_SCALE + (drawn - CENTRED_SCALE) * scatter;
        let free = ((1.0 - scale) / 2.0 + 0.01) * scatter;
        let mut start = || ((1.0 - scale) / 2.0 + rng.random_range(-1.0..=1.0) * free) * canvas;
        let to = Rect { x: start(), y: start(), width: scale * canvas, height: scale * canvas };
        let side = self.config.sprite_size as f32;
        let from = Rect { x: 0.0, y: 0.0, width: side, height: side };
        let mirrored = self.mirrored(entry, rng);
        let caption = caption::single(&self.stock.entries()[entry], background, rng);
        Recipe {
            background,
            placements: vec![Placement { entry, from, to, mirrored }],
            caption,
            weight: weight_of(&self.stock.entries()[entry]),
        }
    }

    /// A scene, drawn again until it has the wanted kind.
    pub fn scene(&self, rng: &mut ChaCha8Rng) -> Recipe {
        let wanted = self
            .held_out_scenes
            .then(|| [HeldOut::Pair, HeldOut::Colour, HeldOut::Count][rng.random_range(0..3)]);
        for _ in 0..MAX_DRAWS {
            if let Some(recipe) = self.try_scene(wanted, rng) {
                return recipe;
            }
        }
        // Happens only in tiny configurations: falls back to a picture that every configuration can make.
        let entry = self.any_object(rng);
        self.single(entry, rng)
    }

    /// One draw of a scene; `None` if it has an unwanted kind.
    fn try_scene(&self, wanted: Option<HeldOut>, rng: &mut ChaCha8Rng) -> Option<Recipe> {
        let layout = match (wanted, rng.random_range(0..8)) {
            (Some(HeldOut::Pair), pick) | (None, pick @ 0..4) => {
                Layout::Pair(if pick % 2 == 0 { Relation::LeftOf } else { Relation::Above })
            }
            (Some(HeldOut::Colour), pick) | (None, pick @ 4..6) => Layout::Sized { large: pick % 2 == 0 },
            _ => Layout::Counted(rng.random_range(2..=4)),
        };
        let first = self.any_object(rng);
        let same_style = self.stock.objects_in_style_of(first);
        let second = match layout {
            Layout::Pair(_) => same_style[rng.random_range(0..same_style.len())],
            _ => first,
        };
        let (label, other) = (&self.stock.entries()[first].caption, &self.stock.entries()[second].caption);
        let held = match layout {
            Layout::Pair(_) if label == other => return None,
            Layout::Pair(_) => pair_held_out(label, other),
            Layout::Counted(count) => count_held_out(label, count),
            Layout::Sized { .. } => false,
        };
        // A held-out scene differs from training in one respect only, so the others have a white background.
        let background = match wanted {
            Some(HeldOut::Colour) => self.held_out_colour(first, rng)?,
            Some(_) if !held => return None,
            None if held => return None,
            Some(_) => WHITE,
            None => self.background(&[first, second], rng),
        };
        if self.stock.info(first).lost_on.contains(background)
            || self.stock.info(second).lost_on.contains(background)
        {
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
                let from = self.stock.info(entry).visible();
                Placement { entry, from, to: slot.fit(from, canvas, max_scale), mirrored }
            })
            .collect();
        let caption = caption::scene(&subject, &self.stock.entries()[first].style, background, rng);
        Some(Recipe { background, placements, caption, weight: 1.0 })
    }

    /// White, or a named colour on which all these sprites are visible and that training may combine with them.
    fn background(&self, entries: &[usize], rng: &mut ChaCha8Rng) -> usize {
        let seen = |colour| entries.iter().all(|&entry| !self.stock.info(entry).lost_on.contains(colour));
        if rng.random_bool(f64::from(self.config.white)) && seen(WHITE) {
            return WHITE;
        }
        for _ in 0..COLOURS.len() {
            let colour = rng.random_range(WHITE + 1..COLOURS.len());
            let may =
                |&entry: &usize| !colour_held_out(&self.stock.entries()[entry].caption, COLOURS[colour].name);
            if seen(colour) && entries.iter().all(may) {
                return colour;
            }
        }
        WHITE
    }

    fn held_out_colour(&self, entry: usize, rng: &mut ChaCha8Rng) -> Option<usize> {
        let colour = rng.random_range(WHITE + 1..COLOURS.len());
        colour_held_out(&self.stock.entries()[entry].caption, COLOURS[colour].name).then_some(colour)
    }

    fn mirrored(&self, entry: usize, rng: &mut ChaCha8Rng) -> bool {
        let entry = &self.stock.entries()[entry];
        let allowed =
            !entry.is_flag() && entry.group.is_some_and(|group| group <= 7) && may_mirror(&entry.caption);
        // Drawn in any case, so that later draws do not depend on the label.
        rng.random_bool(f64::from(self.config.mirror)) && allowed
    }

    fn any_object(&self, rng: &mut ChaCha8Rng) -> usize {
        let objects = self.stock.objects();
        objects[rng.random_range(0..objects.len())]
    }
}
