//! The report as Markdown and JSON.

use super::measures::{self, Report};
use super::neighbours::Nearness;
use super::prompts::{Kind, Prompt};
use crate::data::fetch::write_whole;
use anyhow::Result;
use std::fmt::Write as _;
use std::path::Path;

/// Writes `report.json` and `report.md` into a folder.
///
/// # Errors
/// A folder that cannot be written.
pub fn write(report: &Report, prompts: &[Prompt], out: &Path) -> Result<()> {
    std::fs::create_dir_all(out)?;
    write_whole(&out.join("report.json"), &serde_json::to_vec_pretty(report)?)?;
    write_whole(&out.join("report.md"), markdown(report, prompts)?.as_bytes())
}

fn markdown(report: &Report, prompts: &[Prompt]) -> Result<String> {
    let mut md = String::from("# Report\n\n");
    let Report { pictures, seed, concepts, .. } = report;
    writeln!(
        md,
        "{pictures} pictures drawn from the captions of real ones, by the exported model with its own steps and \
         guidance, seeds from {seed}.\n"
    )?;
    likeness(&mut md, report)?;
    writeln!(md, "\n## What is shown\n")?;
    writeln!(
        md,
        "The metric predicts the mean MiniLM state of label and search words from EfficientNet-Lite2 features, by a \
         ridge regression fitted on all real pictures, hidden ones included; {concepts} concepts. Alignment is the \
         cosine of prediction and truth. Background: whether the border has the colour that the caption names (white \
         if none).\n"
    )?;
    writeln!(
        md,
        "| pictures | n | alignment | top 1 | top 5 | style | background |\n|---|---|---|---|---|---|---|"
    )?;
    let s = &report.scores;
    let rows = [
        ("seen concepts, real (ceiling)", s.real),
        ("the same after Stage A's encoder and decoder", s.stage_a),
        ("drawn by stages B and A from the real pictures' embeddings", s.stages_b_and_a),
        ("seen concepts, drawn", s.drawn),
        ("real pictures, shuffled captions (floor)", s.shuffled),
        ("hidden styles, real", s.real_style),
        ("hidden styles, drawn", s.drawn_style),
        ("hidden concepts, real", s.real_concept),
        ("hidden concepts, drawn", s.drawn_concept),
    ];
    for (name, score) in rows {
        let percent =
            [score.top1, score.top5, score.style, score.background].map(|x| format!("{:.0} %", 100. * x));
        writeln!(md, "| {name} | {} | {:.3} | {} |", score.pictures, score.alignment, percent.join(" | "))?;
    }
    writeln!(md, "\nFrom floor to ceiling, seen concepts have come {:.0} % of the way.", 100. * s.way())?;
    writeln!(md, "\n## Training\n\n{}", measures::table(&report.spent))?;
    sheet(&mut md, prompts)?;
    Ok(md)
}

fn likeness(md: &mut String, report: &Report) -> Result<()> {
    writeln!(md, "| measure | value |\n|---|---|")?;
    let (frechet, n) = (report.frechet, report.pictures);
    writeln!(
        md,
        "| Fréchet distance on EfficientNet-Lite2 features, drawn to real, n = {n} | {:.1} |",
        frechet.drawn
    )?;
    writeln!(md, "| the same, real to real (floor) | {:.1} |", frechet.floor)?;
    let near = |nearness: Option<Nearness>| {
        nearness.map_or("none".into(), |x| format!("{:.3} (a tenth below {:.3})", x.median, x.tenth))
    };
    let median = "nearest training picture, median of 1 − cosine";
    writeln!(md, "| {median}, drawn | {} |", near(report.nearness.drawn))?;
    writeln!(md, "| the same, real pictures of training sprites | {} |", near(report.nearness.seen))?;
    writeln!(md, "| the same, real pictures of hidden sprites | {} |", near(report.nearness.unseen))?;
    writeln!(md, "| Stage A's reconstructions, PSNR | {:.1} dB |", report.psnr)?;
    if n < 2000 {
        writeln!(
            md,
            "\nn is below 2,000: the Fréchet distances are rough, and comparable with each other only."
        )?;
    }
    Ok(())
}

fn sheet(md: &mut String, prompts: &[Prompt]) -> Result<()> {
    writeln!(md, "\n## Contact sheet\n\n![drawn from the prompts below, row by row](sheet.png)\n")?;
    writeln!(
        md,
        "Chosen before training. `neighbours.png` shows the nearest training picture below each.\n"
    )?;
    for kind in Kind::ALL {
        let texts: Vec<String> = prompts
            .iter()
            .enumerate()
            .filter(|(_, p)| p.kind == kind)
            .map(|(i, p)| format!("{} {}", i + 1, p.text))
            .collect();
        let about = match kind {
            Kind::Seen => "Seen concepts",
            Kind::Style => "Concepts in hidden styles",
            Kind::Concept => "Hidden concepts",
            Kind::Composed => "Hidden colours and scenes",
        };
        writeln!(md, "- **{about}**: {}", texts.join("; "))?;
    }
    Ok(())
}
