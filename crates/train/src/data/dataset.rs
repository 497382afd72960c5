//! The pictures of one split, each generated from its index alone.

use std::path::Path;

use anyhow::{Result, bail};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::config::DataConfig;
use super::manifest::{DatasetSplit, Entry};
use super::palette::COLOURS;
use super::plan::{Planner, Recipe, weight_of};
use super::raster::Canvas;
use super::stock::Stock;

/// One training picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// `size × size × 3` bytes, row by row: the model's target.
    pub rgb: Vec<u8>,
    /// This picture at `compressor_size`, for the semantic compressor.
    pub rgb_large: Vec<u8>,
    /// Text for the text encoder.
    pub caption: String,
    /// Relative frequency, in (0, 1].
    pub weight: f32,
}

/// Scenes need some choice.
const MIN_OBJECTS: usize = 20;

/// The pictures of one split under one configuration.
///
/// They are organised in rounds: every entry once alone, then the scenes that belong to this number of single pictures.
/// Rounds differ in places, backgrounds and captions.
#[derive(Debug)]
pub struct Dataset {
    config: DataConfig,
    split: DatasetSplit,
    stock: Stock,
    singles_per_round: usize,
    scenes_per_round: usize,
}

impl Dataset {
    /// Prepares the pictures of a split; renders the sprite sets that are not yet cached.
    ///
    /// # Errors
    /// A configuration out of range, missing packages, a split with no pictures, too few objects for scenes.
    pub fn open(data_dir: &Path, config: &DataConfig, split: DatasetSplit) -> Result<Dataset> {
        config.check()?;
        let stock = Stock::open(data_dir, config, split)?;
        let (singles, objects) = (stock.entries().len(), stock.objects().len());
        let scenes_per_single = f64::from(config.scenes) / (1.0 - f64::from(config.scenes));
        let (singles_per_round, scenes_per_round) = match split {
            DatasetSplit::TestScene => (0, objects),
            DatasetSplit::Train => (singles, (singles as f64 * scenes_per_single).round() as usize),
            _ => (singles, 0),
        };
        if (split == DatasetSplit::TestScene || scenes_per_round > 0) && objects < MIN_OBJECTS {
            bail!(
                "scenes need at least {MIN_OBJECTS} objects, these styles and groups have {objects}: widen them, \
                 or set data.scenes to 0"
            );
        }
        Ok(Dataset { config: config.clone(), split, stock, singles_per_round, scenes_per_round })
    }

    /// Number of pictures: every index below it is valid.
    pub fn len(&self) -> usize {
        (self.singles_per_round + self.scenes_per_round) * self.config.variants_per_sprite
    }

    /// Whether there are no pictures.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The captioned emoji that pictures are made from.
    pub fn entries(&self) -> &[Entry] {
        self.stock.entries()
    }

    /// The configuration it was opened with.
    pub fn config(&self) -> &DataConfig {
        &self.config
    }

    /// Indices of all pictures in a random order that depends on the seed and the epoch; a picture of weight w is
    /// included with probability w.
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

    /// Relative frequency of picture `index`, without planning it.
    pub fn weight(&self, index: usize) -> f32 {
        match self.single(index) {
            Some(entry) => weight_of(&self.stock.entries()[entry]),
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
        let planner = Planner {
            stock: &self.stock,
            config: &self.config,
            held_out_scenes: self.split == DatasetSplit::TestScene,
        };
        match self.single(index) {
            Some(entry) => planner.single(entry, &mut rng),
            None => planner.scene(&mut rng),
        }
    }

    /// Draws a planned picture at the canvas size, the larger of the model's and the compressor's sizes.
    pub fn draw(&self, recipe: &Recipe) -> Canvas {
        let mut canvas = Canvas::new(self.config.canvas_size(), COLOURS[recipe.background].rgb);
        for placement in &recipe.placements {
            let sprite = self.stock.sprite(placement.entry);
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

    /// The entry that picture `index` shows alone; `None` for a scene.
    fn single(&self, index: usize) -> Option<usize> {
        let within = index % (self.singles_per_round + self.scenes_per_round);
        (within < self.singles_per_round).then_some(within)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs::{self, File};

    use super::super::fetch::PACKAGE_FOLDER;
    use super::super::manifest::manifest;
    use super::super::packages::set_of_style;
    use super::super::palette::WHITE;
    use super::super::scene::{colour_held_out, count_held_out, pair_held_out};
    use super::*;

    /// A data folder whose "streamline" package holds a disc of its own grey for every icon.
    fn data_folder() -> tempfile::TempDir {
        let set = set_of_style("streamline").unwrap();
        let mut icons = String::new();
        for (index, entry) in manifest().unwrap().iter().filter(|entry| entry.set == set.name).enumerate() {
            let grey = format!("#{:02x}{0:02x}{0:02x}", index % 256);
            let body = format!("<circle cx='24' cy='24' r='20' fill='{grey}'/>");
            write!(icons, "{}\"{}\":{{\"body\":\"{body}\"}}", if index > 0 { "," } else { "" }, entry.icon)
                .unwrap();
        }
        let json = format!("{{\"prefix\":\"test\",\"width\":48,\"height\":48,\"icons\":{{{icons}}}}}");
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(PACKAGE_FOLDER)).unwrap();
        let file = File::create(dir.path().join(PACKAGE_FOLDER).join(set.file)).unwrap();
        let gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        let mut header = tar::Header::new_gnu();
        header.set_size(json.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, "package/icons.json", json.as_bytes()).unwrap();
        tar.into_inner().unwrap().finish().unwrap();
        dir
    }

    fn config() -> DataConfig {
        DataConfig {
            size: 16,
            compressor_size: 32,
            sprite_size: 32,
            styles: vec!["streamline".into()],
            ..DataConfig::default()
        }
    }

    /// Whether a combination in the recipe is one that training leaves out.
    fn held_out(dataset: &Dataset, recipe: &Recipe) -> bool {
        let label = |place: usize| dataset.entries()[recipe.placements[place].entry].caption.as_str();
        let colour = COLOURS[recipe.background].name;
        let count = recipe.placements.len();
        let two = count == 2 && label(0) != label(1);
        (recipe.background != WHITE && (0..count).any(|place| colour_held_out(label(place), colour)))
            || (two && pair_held_out(label(0), label(1)))
            || (count > 1 && !two && count_held_out(label(0), count))
    }

    #[test]
    fn same_index_gives_same_picture() {
        let dir = data_folder();
        let first = Dataset::open(dir.path(), &config(), DatasetSplit::Train).unwrap();
        // The second one reads the cache that the first has written.
        let second = Dataset::open(dir.path(), &config(), DatasetSplit::Train).unwrap();
        for index in [0, 5, first.len() - 1, first.len() + 7] {
            let picture = first.picture(index);
            assert_eq!(picture, second.picture(index));
            assert_eq!((picture.rgb.len(), picture.rgb_large.len()), (16 * 16 * 3, 32 * 32 * 3));
        }
        assert_eq!(first.epoch(3), second.epoch(3));
        assert_ne!(first.epoch(3), first.epoch(4));
        assert_ne!(first.picture(0), first.picture(first.len()), "variants differ");
    }

    #[test]
    fn held_out_combinations_stay_out_of_training() {
        let dir = data_folder();
        let train = Dataset::open(dir.path(), &config(), DatasetSplit::Train).unwrap();
        let test = Dataset::open(dir.path(), &config(), DatasetSplit::TestScene).unwrap();
        for index in 0..2000 {
            let recipe = train.recipe(index);
            assert!(!held_out(&train, &recipe), "{}", recipe.caption);
            let recipe = test.recipe(index);
            assert!(held_out(&test, &recipe), "{}", recipe.caption);
        }
    }

    #[test]
    fn coloured_background_is_seen_and_named() {
        let dir = data_folder();
        let dataset = Dataset::open(dir.path(), &config(), DatasetSplit::Train).unwrap();
        for index in 0..500 {
            let recipe = dataset.recipe(index);
            let colour = COLOURS[recipe.background];
            if recipe.background != WHITE {
                assert!(
                    recipe.caption.contains(&format!("{} background", colour.name)),
                    "{}",
                    recipe.caption
                );
            }
            // The corners of discs are background.
            assert_eq!(dataset.draw(&recipe).to_rgb(32)[..3], colour.rgb, "{}", recipe.caption);
        }
    }

    #[test]
    fn missing_package_names_command() {
        let dir = tempfile::tempdir().unwrap();
        let error = Dataset::open(dir.path(), &config(), DatasetSplit::Train).unwrap_err().to_string();
        assert!(error.contains("wuerst-train data"), "{error}");
    }
}
