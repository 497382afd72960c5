//! The report as Markdown and JSON.

use super::backbone::GRAIN;
use super::comparison::{Row, Side};
use super::measures::{self, Report};
use super::neighbours::Nearness;
use super::prompts::{Kind, Prompt};
use super::resample::{Estimate, Interval};
use super::{STAGE_A, validation};
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
    let Report { pictures, seed, .. } = report;
    writeln!(
        md,
        "{pictures} pictures drawn from the captions of real ones, by the exported model with its own steps and \
         guidance, seeds from {seed}.\n"
    )?;
    likeness(&mut md, report)?;
    shown(&mut md, report)?;
    compared(&mut md, &report.comparison)?;
    levels(&mut md, report)?;
    writeln!(md, "\n## Training\n\n{}", measures::table(&report.spent))?;
    sheet(&mut md, prompts)?;
    Ok(md)
}

fn likeness(md: &mut String, report: &Report) -> Result<()> {
    writeln!(md, "| measure | value |\n|---|---|")?;
    let n = report.pictures;
    let with_error =
        |x: Estimate, digits: usize| format!("{:.digits$} ± {:.digits$}", x.value, x.error, digits = digits);
    let (frechet, mmd) = (report.frechet, report.mmd);
    writeln!(md, "| Fréchet distance, drawn to real, n = {n} | {} |", with_error(frechet.drawn, 1))?;
    writeln!(md, "| Fréchet distance, real to real (floor) | {} |", with_error(frechet.floor, 1))?;
    writeln!(md, "| MMD², drawn to real | {} |", with_error(mmd.drawn, 3))?;
    writeln!(md, "| MMD², real to real (floor) | {} |", with_error(mmd.floor, 3))?;
    let near = |nearness: Option<Nearness>| {
        nearness.map_or("none".into(), |x| format!("{:.3} (a tenth below {:.3})", x.median, x.tenth))
    };
    let median = "nearest training picture, median of 1 − cosine";
    writeln!(md, "| {median}, drawn | {} |", near(report.nearness.drawn))?;
    writeln!(
        md,
        "| nearest training picture, real pictures of training sprites | {} |",
        near(report.nearness.seen)
    )?;
    writeln!(
        md,
        "| nearest training picture, real pictures of hidden sprites | {} |",
        near(report.nearness.unseen)
    )?;
    writeln!(md, "| Stage A's reconstructions, PSNR | {:.1} dB |", report.psnr)?;
    if n < 2000 {
        writeln!(
            md,
            "\nn is below 2,000: the Fréchet distances are rough, and comparable with each other only. MMD² has no such bias."
        )?;
    }
    writeln!(
        md,
        "\nBoth distances compare means over the picture of EfficientNet-Lite2's last block, under noise of {GRAIN}/255 on \
         every picture, real or drawn. MMD² is the unbiased squared maximum mean discrepancy under the kernel \
         (x·y/d + 1)³, that of the kernel inception distance. ± is one standard error: of a jackknife that leaves out one \
         of 50 groups of concepts at a time. The floor of MMD² lies below 0, because both real samples show every concept \
         equally often and so are more alike than independent ones."
    )?;
    Ok(())
}

fn shown(md: &mut String, report: &Report) -> Result<()> {
    writeln!(md, "\n## What is shown\n")?;
    writeln!(
        md,
        "The metric predicts the mean MiniLM state of label and search words from EfficientNet-Lite2 features under noise \
         of {GRAIN}/255, by a ridge regression fitted on all real pictures, hidden ones included, and on noisy, blurred and \
         JPEG-compressed copies of them; {} concepts. Alignment is the cosine of prediction and truth. Background: whether \
         the border has the colour that the caption names (white if none); white ground: how far its pixels are off white in the mean, \
         where that is expected, in steps of 8 bits. Brackets hold 95 % of 1,000 bootstrap draws of the prompts.\n",
        report.concepts
    )?;
    writeln!(
        md,
        "| pictures | n | alignment | top 1 | top 5 | style | background | white ground |\n|---|---|---|---|---|---|---|---|"
    )?;
    let s = &report.scores;
    let rows = [
        ("seen concepts, real (ceiling)", Some(s.real)),
        ("seen concepts, after Stage A's encoder and decoder", Some(s.stage_a)),
        ("seen concepts, drawn by stages B and A from real embeddings", s.stages_b_and_a),
        ("seen concepts, drawn", Some(s.drawn)),
        ("seen concepts, real under shuffled captions (floor)", Some(s.shuffled)),
        ("hidden styles, real", Some(s.real_style)),
        ("hidden styles, drawn", Some(s.drawn_style)),
        ("hidden concepts, real", Some(s.real_concept)),
        ("hidden concepts, drawn", Some(s.drawn_concept)),
    ];
    for (name, score) in rows.into_iter().filter_map(|(name, score)| Some((name, score?))) {
        let Interval { value, low, high } = score.alignment;
        write!(md, "| {name} | {} | {value:.3} ({low:.3}–{high:.3}) |", score.pictures)?;
        for share in [score.top1, score.top5, score.style, score.background] {
            write!(md, " {} |", percent(share))?;
        }
        let ground = score.ground.map(|g| format!("{:.1} ({:.1}–{:.1})", g.value, g.low, g.high));
        writeln!(md, " {} |", ground.unwrap_or("–".into()))?;
    }
    writeln!(md, "\nFrom floor to ceiling, seen concepts have come {} of the way.", percent(report.way))?;
    Ok(())
}

fn percent(share: Interval) -> String {
    let Interval { value, low, high } = share;
    format!("{:.0} % ({:.0}–{:.0})", 100. * value, 100. * low, 100. * high)
}

/// Selects one kind of measures of a row.
type Pick = fn(&Row) -> Side;

/// Both kinds of measures, with the cost of each set of pictures relative to Stage A's.
fn compared(md: &mut String, rows: &[Row]) -> Result<()> {
    let find = |name: &str| rows.iter().find(|row| row.name == name);
    let (Some(real), Some(stage_a)) = (find("real"), find(STAGE_A)) else { return Ok(()) };
    writeln!(md, "\n## Old measures and new\n")?;
    writeln!(
        md,
        "Plain measures are those of earlier reports: features of the pictures as they are, maps fitted on such pictures \
         alone. Each cell has plain and sturdy. Cost: the alignment that real pictures lose, as a share of what they lose \
         in Stage A. An invisible change should cost little.\n"
    )?;
    writeln!(
        md,
        "| pictures | PSNR | alignment | top 1 | of the way | cost | Fréchet | MMD² |\n|---|---|---|---|---|---|---|---|"
    )?;
    for row in rows {
        let psnr = row.psnr.map_or("–".into(), |psnr| format!("{psnr:.1} dB"));
        let both =
            |cell: &dyn Fn(Pick) -> String| format!("{} / {}", cell(|row| row.plain), cell(|row| row.sturdy));
        let cells = [
            both(&|side| format!("{:.3}", side(row).alignment)),
            both(&|side| format!("{:.0} %", 100. * side(row).top1)),
            both(&|side| format!("{:.0} %", 100. * side(row).way)),
            both(&|side| {
                let lost = |row: &Row| side(real).alignment - side(row).alignment;
                format!("{:.2}", lost(row) / lost(stage_a))
            }),
            both(&|side| format!("{:.0}", side(row).frechet)),
            both(&|side| format!("{:.3}", side(row).mmd)),
        ];
        writeln!(md, "| {} | {psnr} | {} |", row.name, cells.join(" | "))?;
    }
    Ok(())
}

fn levels(md: &mut String, report: &Report) -> Result<()> {
    if report.noise_levels.is_empty() {
        return Ok(());
    }
    writeln!(md, "\n## Loss by noise level\n")?;
    writeln!(
        md,
        "The training loss of stages B and C in eight equal parts of the time from picture (0) to noise (1), on {} pictures \
         of the split `val` and as many of training, with fixed noise.\n\n{}",
        validation::PICTURES,
        validation::table(&report.noise_levels)
    )?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, plain: f64, sturdy: f64) -> Row {
        let side = |alignment| Side { alignment, top1: 0.5, way: 1., frechet: 30.2, mmd: -0.01 };
        Row { name: name.into(), psnr: Some(42.), plain: side(plain), sturdy: side(sturdy) }
    }

    #[test]
    fn cost_is_share_of_stage_a() {
        let rows = [row("real", 0.7, 0.8), row("noise", 0.6, 0.79), row(STAGE_A, 0.5, 0.6)];
        let mut md = String::new();
        compared(&mut md, &rows).unwrap();
        assert!(md.contains("| noise | 42.0 dB | 0.600 / 0.790 |") && md.contains("| 0.50 / 0.05 |"), "{md}");
        assert!(md.contains("| 1.00 / 1.00 | 30 / 30 | -0.010 / -0.010 |"), "{md}");
    }
}
