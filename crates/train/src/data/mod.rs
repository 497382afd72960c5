//! Training data: captioned emoji from pinned packages, rendered once and composed on the fly.
//!
//! The path of a picture, one file each:
//! [`packages`] (pins) → [`fetch`] (download, checksum) → [`archive`] → [`iconify`] (SVG) → [`sprites`]
//! (render, cache) → [`manifest`] (captions, splits) → [`stock`] (a split's entries and sprites) → [`plan`]
//! (what is where; with [`scene`], [`caption`], [`phrase`], [`palette`]) → [`raster`] (pixels) → [`dataset`]
//! (all of it from an index).
//!
//! Everything is deterministic: picture `i` of a [`Dataset`] depends on the configuration, its seed and `i` only, so
//! pictures need not be stored, and can be generated again on any thread.

pub mod archive;
pub mod caption;
pub mod config;
pub mod dataset;
pub mod fetch;
pub mod iconify;
pub mod manifest;
pub mod packages;
pub mod palette;
pub mod phrase;
pub mod plan;
pub mod raster;
pub mod scene;
pub mod sheet;
pub mod sprites;
pub mod stock;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use config::DataConfig;
pub use dataset::{Dataset, Picture};
pub use manifest::DatasetSplit;
pub use sheet::contact_sheet;

/// Arguments of `wuerst-train data`.
#[derive(Debug, Clone, clap::Args)]
pub struct DataArgs {
    /// Folder for packages, weights and sprites
    #[arg(long, default_value = ".train")]
    pub dir: PathBuf,
    /// Side of the cached sprites in pixels
    #[arg(long, default_value_t = 128)]
    pub sprite_size: usize,
    /// Also write a contact sheet of training pictures to this PNG
    #[arg(long, value_name = "PNG")]
    pub sheet: Option<PathBuf>,
}

/// Fetches the packages, renders every emoji set, and prints a summary.
///
/// # Errors
/// As [`fetch::fetch`], [`stock::render_all`] and [`Dataset::open`].
pub fn run(args: &DataArgs) -> Result<()> {
    fetch::fetch(&args.dir)?;
    stock::render_all(&args.dir, args.sprite_size)?;
    let entries = manifest::manifest()?;
    for set in packages::SETS {
        let of_set = || entries.iter().filter(|entry| entry.set == set.name);
        let plain = of_set().filter(|entry| !entry.is_toned() && !entry.is_flag()).count();
        println!("{:12} {:5} pictures, {plain:5} without skin tones and flags", set.style, of_set().count());
    }
    if let Some(path) = &args.sheet {
        let config = DataConfig { sprite_size: args.sprite_size, ..DataConfig::default() };
        write_sample_sheet(&args.dir, &config, path)?;
        println!("contact sheet: {}", path.display());
    }
    Ok(())
}

/// Writes a contact sheet of the first 128 pictures of the first training epoch, with a text file of their captions, one
/// per line.
///
/// # Errors
/// As [`Dataset::open`], and files that cannot be written.
pub fn write_sample_sheet(data_dir: &Path, config: &DataConfig, path: &Path) -> Result<()> {
    let dataset = Dataset::open(data_dir, config, DatasetSplit::Train)?;
    let order = dataset.epoch(0);
    let pictures: Vec<Picture> =
        order.iter().take(128).map(|&index| dataset.picture(index as usize)).collect();
    let rgb: Vec<&[u8]> = pictures.iter().map(|picture| picture.rgb.as_slice()).collect();
    contact_sheet(&rgb, config.size, 16, path)?;
    let captions: String = pictures.iter().map(|picture| format!("{}\n", picture.caption)).collect();
    let text = path.with_extension("txt");
    std::fs::write(&text, captions).with_context(|| format!("cannot write {}", text.display()))
}
