//! The model card: contents of the folder, data and length of the training, and attributions.

use super::stages::Export;
use crate::config::{LatentsRun, RunConfig};
use crate::data::manifest::{DatasetSplit, manifest};
use crate::report::measures;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use wuerst_model::count;
use wuerst_model::vqgan::VqganConfig;
use wuerst_read::regular::{self, Links};

static ATTRIBUTIONS: &str = include_str!("../../data/ATTRIBUTIONS.md");

/// Files of `wuerst-train report` in a run's folder that the card shows.
const REPORT: [&str; 4] = ["report.md", "report.json", "sheet.png", "neighbours.png"];

/// Emojibase's groups by number.
const GROUPS: [&str; 10] = [
    "smileys",
    "people",
    "components",
    "animals and nature",
    "food",
    "travel",
    "activities",
    "objects",
    "symbols",
    "flags",
];

/// Writes `README.md`, and copies the run's report if there is one.
///
/// # Errors
/// Files that cannot be read or written.
pub fn write(config: &RunConfig, exports: &[Export], out: &Path) -> Result<()> {
    // The run's report is that of the cascade.
    let is_cascade = exports.iter().any(|export| export.name == "prior");
    let measured = is_cascade && report(config, out)?;
    let mut md = String::from("# Model card\n\n");
    let size = config.data.size;
    let what = if is_cascade {
        "A small Würstchen"
    } else {
        "A latent diffusion model to compare a small Würstchen with"
    };
    writeln!(
        md,
        "{what}: text to icons of {size}×{size} pixels. Written by `wuerst-train export`. Weights are stored \
         as f16 and computed in f32; each file carries its contract and metadata as ONNX metadata, which \
         `wuerst inspect` shows.\n"
    )?;
    writeln!(md, "| file | parameters |\n|---|---|")?;
    for export in exports {
        let params = count::cost(&export.graph).params as f64 / 1e6;
        writeln!(md, "| `{}.onnx` | {params:.2} M |", export.name)?;
    }
    data(&mut md, config)?;
    writeln!(md, "\n## Training\n")?;
    md.push_str(&measures::table(&measures::spent(config, !is_cascade)?));
    let frozen = match is_cascade {
        true => format!(" and the first {} blocks of the compressor", config.compressor.frozen_blocks),
        false => String::new(),
    };
    writeln!(
        md,
        "\nOne multiply-add counts as two operations, the backward pass as two forward ones. The text encoder{frozen} \
         has published weights and stayed as it was."
    )?;
    writeln!(md, "\n{}", latents(config))?;
    if !config.remarks.is_empty() {
        writeln!(md, "\n{}", config.remarks.trim())?;
    }
    if measured {
        writeln!(
            md,
            "\n## Measured\n\n[report.md](report.md), with the contact sheet:\n\n![contact sheet](sheet.png)"
        )?;
    }
    // One heading level lower than in the separate file.
    let attributions = ATTRIBUTIONS.replace("\n## ", "\n### ").replacen("# ", "## ", 1);
    write!(md, "\n{attributions}")?;
    let path = out.join("README.md");
    fs::write(&path, md).with_context(|| format!("cannot write {}", path.display()))
}

/// Describes whether Stage A's latents use a codebook.
fn latents(config: &RunConfig) -> String {
    let VqganConfig { latent_channels, num_vq_embeddings, .. } = config.vqgan.network;
    let LatentsRun { quantised, noised, noise, .. } = config.vqgan.latents;
    if quantised > 0. {
        format!(
            "Stage A learned with a codebook of {num_vq_embeddings} entries on {:.0} % of the pictures. Models draw \
             unquantised latents, and the report's PSNR is that of unquantised ones.",
            100. * quantised
        )
    } else {
        format!(
            "Stage A has no codebook: its {latent_channels} channels were never quantised. In its place {:.0} % of the \
             pictures had noise of up to {noise} standard deviations on their latents.",
            100. * noised
        )
    }
}

fn data(md: &mut String, config: &RunConfig) -> Result<()> {
    let entries = manifest()?;
    let count = |split| entries.iter().filter(|e| e.split == split && config.data.admits(e)).count();
    let groups: Vec<&str> = match config.data.groups.as_slice() {
        [] => GROUPS.to_vec(),
        some => some.iter().filter_map(|g| GROUPS.get(usize::from(*g)).copied()).collect(),
    };
    writeln!(md, "\n## Data\n")?;
    writeln!(
        md,
        "{} pictures of {} in the styles {}, each in {} variants of {}background and caption; {:.0} % \
         scenes. Hidden from training: {} pictures of concepts in one style, {} of concepts in every style, and one in \
         ten pairings of object and background colour. It draws what it was shown, and little else.",
        count(DatasetSplit::Train),
        groups.join(", "),
        config.data.styles.join(", "),
        config.data.variants_per_sprite,
        if config.data.scatter > 0. { "place, size, " } else { "" },
        100. * config.data.scenes,
        count(DatasetSplit::TestStyle),
        count(DatasetSplit::TestConcept),
    )?;
    Ok(())
}

/// Copies the run's report; false if there is none.
fn report(config: &RunConfig, out: &Path) -> Result<bool> {
    let folder = config.folder.join("report");
    if !folder.join(REPORT[0]).is_file() {
        return Ok(false);
    }
    for file in REPORT {
        let from = folder.join(file);
        regular::copy(&from, &out.join(file), Links::Followed)
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(true)
}
