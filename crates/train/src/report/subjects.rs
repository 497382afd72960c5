//! Real pictures for measurements, each with its content.

use crate::data::manifest::{DatasetSplit, Entry};
use crate::data::palette::WHITE;
use crate::data::plan::Recipe;
use crate::data::{DataConfig, Dataset};
use anyhow::Result;
use rayon::prelude::*;
use std::path::Path;
use tch::{Kind, Tensor};

/// One picture, real or generated, with its intended content.
#[derive(Debug, Clone)]
pub struct Subject {
    /// `size × size × 3` bytes, row by row.
    pub rgb: Vec<u8>,
    /// The real picture at the compressor's size, even if `rgb` is a generated one.
    pub large: Vec<u8>,
    /// Text for the text encoder.
    pub caption: String,
    /// CLDR label of the single thing in the picture.
    pub label: String,
    /// Label and search words, from which the metric computes the meaning.
    pub meaning: String,
    /// Style word of the set.
    pub style: String,
    /// Index into the palette.
    pub background: usize,
}

/// The pictures of a split, each of one thing.
pub struct Gallery {
    dataset: Dataset,
}

impl Gallery {
    /// Opens a split of the run's data, without scenes.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn open(cache: &Path, data: &DataConfig, split: DatasetSplit) -> Result<Gallery> {
        let data = DataConfig { scenes: 0., ..data.clone() };
        Ok(Gallery { dataset: Dataset::open(cache, &data, split)? })
    }

    /// Number of different things in different styles.
    pub fn entries(&self) -> usize {
        self.dataset.entries().len()
    }

    /// `n` pictures from index `first` on, in an order that visits every entry once before any twice.
    pub fn pictures(&self, first: usize, n: usize) -> Vec<Subject> {
        (first..first + n).into_par_iter().map(|index| self.picture(index)).collect()
    }

    fn picture(&self, index: usize) -> Subject {
        let entries = self.entries();
        // A step coprime with the number of entries spreads a few pictures over all groups.
        let step = (entries * 5 / 8..).find(|step| coprime(*step, entries)).unwrap_or(1);
        let index = index - index % entries + index % entries * step % entries;
        subject(&self.dataset, self.dataset.recipe(index))
    }
}

/// At most `n` pictures of one training object each on a colour that training never shows it on; none if the run's
/// groups have too few objects for scenes.
///
/// # Errors
/// As [`Dataset::open`].
pub fn hidden_colours(cache: &Path, data: &DataConfig, n: usize) -> Result<Vec<Subject>> {
    let Ok(dataset) = Dataset::open(cache, data, DatasetSplit::TestScene) else { return Ok(vec![]) };
    let alone = |index| Some(dataset.recipe(index)).filter(|recipe| recipe.placements.len() == 1);
    let coloured = (0..dataset.len()).filter_map(alone).filter(|recipe| recipe.background != WHITE);
    let recipes: Vec<Recipe> = coloured.take(n).collect();
    Ok(recipes.into_par_iter().map(|recipe| subject(&dataset, recipe)).collect())
}

fn subject(dataset: &Dataset, recipe: Recipe) -> Subject {
    let entry = &dataset.entries()[recipe.placements[0].entry];
    let canvas = dataset.draw(&recipe);
    Subject {
        rgb: canvas.to_rgb(dataset.config().size),
        large: canvas.to_rgb(dataset.config().compressor_size),
        caption: recipe.caption,
        label: entry.caption.clone(),
        meaning: meaning(entry),
        style: entry.style.clone(),
        background: recipe.background,
    }
}

fn meaning(entry: &Entry) -> String {
    let words = std::iter::once(&entry.caption).chain(&entry.tags);
    words.map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn coprime(a: usize, b: usize) -> bool {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

/// Pictures as f32 `[n,3,size,size]` in 0..1.
pub fn planes(pictures: &[Subject]) -> Tensor {
    squares(pictures, |p| &p.rgb)
}

/// The real pictures at the compressor's size, f32 `[n,3,compressor_size,compressor_size]` in 0..1.
pub fn large_planes(pictures: &[Subject]) -> Tensor {
    squares(pictures, |p| &p.large)
}

fn squares(pictures: &[Subject], rgb: impl Fn(&Subject) -> &Vec<u8>) -> Tensor {
    let side = pictures.first().map_or(0, |p| (rgb(p).len() / 3).isqrt()) as i64;
    let bytes: Vec<u8> = pictures.iter().flat_map(|p| rgb(p).iter().copied()).collect();
    let pixels = Tensor::from_slice(&bytes).reshape([pictures.len() as i64, side, side, 3]);
    pixels.permute([0, 3, 1, 2]).contiguous().to_kind(Kind::Float) / 255.
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_colours_of_rows() {
        let subject = Subject {
            rgb: (0..12).map(|i| i * 20).collect(),
            large: vec![],
            caption: String::new(),
            label: String::new(),
            meaning: String::new(),
            style: String::new(),
            background: 0,
        };
        let planes = planes(&[subject]);
        assert_eq!(planes.size(), [1, 3, 2, 2]);
        // Green of the pixel below the first: byte 7.
        assert!((planes.double_value(&[0, 1, 1, 0]) - 140. / 255.).abs() < 1e-6);
    }
}
