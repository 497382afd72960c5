//! A study of preferences: one HTML page on which people compare pictures without knowing the models, and its key.
//!
//! [`prompts`] reads the prompts, [`pictures`] draws them, [`key`] makes pairs with random names and balanced sides,
//! [`page`] writes the page. `wuerst-train votes` ([`crate::votes`]) evaluates what voters hand in.

pub mod key;
pub mod page;
pub mod pictures;
pub mod prompts;

use crate::data::fetch::write_whole;
use anyhow::{Context, Result, ensure};
use key::Key;
use pictures::Pictures;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Maximum number of models of a study.
const MOST_MODELS: usize = 16;

/// Arguments of `wuerst-train study`.
#[derive(Debug, Clone, clap::Args)]
pub struct StudyArgs {
    /// Two or more model folders, or folders of pictures named by the prompts' numbers, such as 0001.png
    #[arg(required = true, num_args = 2..)]
    pub models: Vec<PathBuf>,
    /// Prompts: one a line, or a table such as PartiPrompts' with the columns Prompt, Category and Challenge
    #[arg(long, value_name = "FILE")]
    pub prompts: PathBuf,
    /// Folder for study.html, which voters get, and key.json, which they do not get
    #[arg(long, default_value = "study")]
    pub out: PathBuf,
    /// Number of prompts, spread evenly over the file; all when left out
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub n: Option<u32>,
    /// Number of pairs that each voter sees, in addition to attention checks and repeats
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub pairs: u32,
    /// Seed of the first prompt's pictures; those of later prompts count up, and are equal for all models
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(0..=1 << 40))]
    pub seed: i64,
}

/// Draws the pictures and writes the page and its key.
///
/// # Errors
/// Models without common prompts, a folder that has a study already, models that fail, files that cannot be written.
pub fn run(args: &StudyArgs) -> Result<()> {
    let (page, key_file) = (args.out.join("study.html"), args.out.join("key.json"));
    // Votes on an older page are worth nothing without its key.
    ensure!(
        !key_file.exists(),
        "{} is the key of another study: give --out another folder",
        key_file.display()
    );
    ensure!(args.models.len() <= MOST_MODELS, "a study compares at most {MOST_MODELS} models");
    let folders: BTreeSet<&PathBuf> = args.models.iter().collect();
    ensure!(folders.len() == args.models.len(), "a model is named twice: compare it with another one");
    let prompts = prompts::spread(prompts::read(&args.prompts)?, args.n.map_or(usize::MAX, |n| n as usize));
    let drawn = args.models.iter().map(|folder| pictures::of(folder, &prompts, args.seed));
    let drawn: Vec<Pictures> = drawn.collect::<Result<_>>()?;
    let all = prompts.len();
    let common: Vec<_> =
        prompts.into_iter().filter(|p| drawn.iter().all(|d| d.contains_key(&p.number))).collect();
    ensure!(
        !common.is_empty(),
        "the models have no common prompts: no number of {} has a picture in each folder",
        args.prompts.display()
    );
    if common.len() < all {
        eprintln!("{} of {all} prompts have a picture of each model; the others are left out", common.len());
    }
    let names: Vec<String> = args.models.iter().map(|folder| folder.display().to_string()).collect();
    let key = Key::new(&names, common, args.seed);
    let html = page::html(&key, &drawn, &noise(&key, &drawn)?, args.pairs as usize)?;
    write_whole(&key_file, format!("{}\n", serde_json::to_string_pretty(&key)?).as_bytes())?;
    write_whole(&page, html.as_bytes())?;
    println!(
        "{}: for voters\n{}: for you alone, needed by `wuerst-train votes`",
        page.display(),
        key_file.display()
    );
    Ok(())
}

/// The pictures of noise of the attention checks, by name.
fn noise(key: &Key, drawn: &[Pictures]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut noise = BTreeMap::new();
    for pair in &key.pairs {
        for shown in pair.pictures.iter().filter(|shown| shown.model.is_none()) {
            let like = drawn[0].get(&pair.prompt).context("a picture is missing")?;
            noise.insert(shown.id.clone(), pictures::noise_like(like, pair.prompt as u64)?);
        }
    }
    Ok(noise)
}
