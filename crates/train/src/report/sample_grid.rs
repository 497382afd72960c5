//! The grid of pictures of the chosen prompts, alone and with the nearest training pictures.

use super::bench::Bench;
use super::generator::Generator;
use super::neighbours::nearest;
use super::prompts::{Prompt, prompts};
use super::subjects::Subject;
use crate::data::contact_sheet;
use anyhow::Result;
use std::path::Path;

/// Columns of the grids.
const COLUMNS: usize = 8;

/// The chosen prompts and their generated pictures.
pub struct SampleGrid {
    /// Prompts in the order of the grid.
    pub prompts: Vec<Prompt>,
    pictures: Vec<Vec<u8>>,
}

impl SampleGrid {
    /// Draws every prompt.
    ///
    /// # Errors
    /// Errors of the engine.
    pub fn draw(generator: &Generator, seed: i64) -> Result<SampleGrid> {
        let prompts = prompts()?;
        let texts: Vec<&str> = prompts.iter().map(|p| p.text).collect();
        let pictures = generator.pictures(&texts, seed, "drawing the contact sheet")?;
        Ok(SampleGrid { prompts, pictures })
    }

    /// Writes `sheet.png`, and `neighbours.png` with each row's nearest training pictures below it.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn save(&self, bench: &Bench, out: &Path, size: usize) -> Result<()> {
        std::fs::create_dir_all(out)?;
        contact_sheet(&self.pictures, size, COLUMNS, &out.join("sheet.png"))?;
        let training = &bench.training;
        let subject = |rgb: &Vec<u8>| Subject { rgb: rgb.clone(), ..training.pictures[0].clone() };
        let drawn = bench.measure(self.pictures.iter().map(subject).collect())?;
        let (rows, _) = nearest(&drawn.sturdy.head, &training.sturdy.head);
        let near: Vec<&Vec<u8>> = rows.iter().map(|row| &training.pictures[*row as usize].rgb).collect();
        let drawn: Vec<&Vec<u8>> = self.pictures.iter().collect();
        let both: Vec<&Vec<u8>> =
            drawn.chunks(COLUMNS).zip(near.chunks(COLUMNS)).flat_map(|(a, b)| [a, b].concat()).collect();
        contact_sheet(&both, size, COLUMNS, &out.join("neighbours.png"))
    }
}
