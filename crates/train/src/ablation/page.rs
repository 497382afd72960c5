//! The page of an ablation: the plan, written before the runs, and what came out.

use super::Measure;
use super::config::{Ablation, Claim, Model};
use super::differences::Difference;
use super::points::Row;
use crate::report::resample::Interval;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The page's first half. `runs` says what is trained for how long.
pub fn plan(ablation: &Ablation, runs: &str) -> String {
    let Claim { side, than, measure, less } = &ablation.claim;
    let mut md = format!(
        "# Cascade and single stage at equal operations\n\nThis half was written before the runs.\n\n## Question\n\n\
         Würstchen's paper compares its Stage C, 24,602 A100 hours, with single-stage models; with all stages the account is about \
         36,000 hours. Both accounts are given here: operations of the side's own training, and those with Stage A and the passes \
         of frozen networks. Latents, text states, corpus, noise schedule, loss, average and batches are equal on both sides.\n\n\
         ## Expectation\n\n{}\n\n\
         For the claim counts: by {measure} ({} is better), with the most steps, `{side}` beats `{than}` at every part of the \
         budget with every seed, and the intervals do not meet. Against it counts the opposite. All else is undecided.\n",
        ablation.expectation.trim(),
        if *less { "less" } else { "more" }
    );
    let _ = write!(
        md,
        "\n## Runs\n\nBudget N = {:.2e} operations; every point is a run of its own, from scratch, with a rate that falls at its end. \
         Of the cascade's budget, {:.0} % go to the joint training of compressor and Stage B, {:.0} % to Stage B, {:.0} % to \
         Stage C. Seeds: {}. Measures: {} pictures of seen concepts; intervals of 95 % over prompts.\n\n{runs}",
        ablation.budget,
        100. * ablation.split.compressor,
        100. * ablation.split.decoder,
        100. * ablation.split.prior,
        ablation.seeds.iter().map(i64::to_string).collect::<Vec<_>>().join(", "),
        ablation.pictures
    );
    let inference =
        ablation.inference.iter().map(|s| format!("{} ({})", s.steps, s.decoder)).collect::<Vec<_>>();
    let _ = writeln!(md, "\nEvaluations for a picture (of Stage B): {}.", inference.join(", "));
    for side in ablation.sides.iter().filter(|side| side.rate != 1.) {
        let model = if side.model == Model::Cascade { "cascade" } else { "baseline" };
        let _ = writeln!(md, "\n`{}` is the {model} with {} times the run's rates.", side.name, side.rate);
    }
    md
}

/// Verdict on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every pair of points speaks for it.
    For,
    /// Every pair of points speaks against it.
    Against,
    /// Neither, or there are no points.
    Undecided,
}

/// Compares the sides of the claim with the most steps, at each part of the budget and with each seed.
pub fn verdict(claim: &Claim, rows: &[Row]) -> Verdict {
    let steps = rows.iter().map(|row| row.steps).max();
    let of = |side: &str| -> Vec<&Row> {
        let wanted =
            |row: &&Row| row.side == side && row.measure == claim.measure && Some(row.steps) == steps;
        rows.iter().filter(wanted).collect()
    };
    let (side, than) = (of(&claim.side), of(&claim.than));
    let partner =
        |row: &Row| than.iter().find(|other| other.part == row.part && other.seed == row.seed).copied();
    let pairs: Vec<(&Row, &Row)> = side.into_iter().filter_map(|row| Some((row, partner(row)?))).collect();
    let below = |a: &Row, b: &Row| a.high < b.low;
    let better = |a: &Row, b: &Row| if claim.less { below(a, b) } else { below(b, a) };
    match pairs.as_slice() {
        [] => Verdict::Undecided,
        pairs if pairs.iter().all(|(a, b)| better(a, b)) => Verdict::For,
        pairs if pairs.iter().all(|(a, b)| better(b, a)) => Verdict::Against,
        _ => Verdict::Undecided,
    }
}

/// Findings in addition to the table.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Measures of real pictures.
    pub references: Vec<Measure>,
    /// Differences of the claim's sides.
    pub differences: Vec<Difference>,
    /// Names of the curves' files.
    pub curves: Vec<String>,
}

/// The whole page: the plan, and what came out.
pub fn results(
    ablation: &Ablation,
    plan: &str,
    rows: &[Row],
    Found { references, differences, curves }: &Found,
) -> String {
    let verdict = match verdict(&ablation.claim, rows) {
        Verdict::For => "The result is for the claim.",
        Verdict::Against => "The result is against the claim.",
        Verdict::Undecided => "The result is undecided: it is neither for nor against the claim.",
    };
    let mut md = format!("{plan}\n## What came out\n\n{verdict}\n");
    if !references.is_empty() {
        let of = |Measure { name, value, low, high }: &Measure| {
            format!("{name} {value:.4} ({low:.4} to {high:.4})")
        };
        let of_real = references.iter().map(of).collect::<Vec<_>>().join(", ");
        let _ = writeln!(md, "\nReal pictures, the floor of distances and the ceiling of scores: {of_real}.");
    }
    if !differences.is_empty() {
        let Claim { side, than, .. } = &ablation.claim;
        let _ = write!(
            md,
            "\n### Difference over prompts and seeds\n\n`{side}` minus `{than}`: alignment of seen concepts, pictures paired by prompt and \
             seed; intervals over training seeds and prompts, each drawn on its own.\n\n\
             | part of N | training seeds | difference |\n|---|---|---|\n"
        );
        for Difference { part, seeds, alignment } in differences {
            let Interval { value, low, high } = alignment;
            let _ = writeln!(md, "| {part} | {seeds} | {value:.4} ({low:.4} to {high:.4}) |");
        }
    }
    let measures: BTreeSet<&str> = rows.iter().map(|row| row.measure.as_str()).collect();
    let steps = rows.iter().map(|row| row.steps).max();
    for measure in measures {
        let _ = write!(
            md,
            "\n### {measure}\n\n| side | part of N | seed | operations | with Stage A and frozen networks | {measure} |\n\
             |---|---|---|---|---|---|\n"
        );
        for row in rows.iter().filter(|row| row.measure == measure && Some(row.steps) == steps) {
            let Row { side, part, seed, operations, operations_all, value, low, high, .. } = row;
            let _ = writeln!(
                md,
                "| {side} | {part} | {seed} | {operations:.2e} | {operations_all:.2e} | {value:.4} ({low:.4} to {high:.4}) |"
            );
        }
        let prefix = format!("{}-over-", measure.replace(' ', "-"));
        for file in curves.iter().filter(|file| file.starts_with(&prefix)) {
            let about = file.trim_end_matches(".svg").replace('-', " ");
            let _ = write!(md, "\n![{about}]({file})\n");
        }
    }
    md += "\nTables show the most steps; `points.csv` has all. Lines are means over seeds, dots the seeds, bars their intervals over \
           prompts.\n";
    md
}
