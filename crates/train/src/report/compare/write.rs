//! A comparison as Markdown.

use super::paired::{Comparison, Difference};
use crate::report::resample::Interval;
use std::fmt::Write as _;

pub fn markdown(comparison: &Comparison) -> String {
    let [one, other] = &comparison.models;
    let mut md = format!(
        "# Comparison\n\n- **A**: `{one}`\n- **B**: `{other}`\n\nPictures of the same prompt and seed are compared in pairs. Brackets \
         hold 95 % of 1,000 bootstrap draws of the prompts. The sign test takes pairs as independent. The judge adds the \
         differences of alignment and of realness (likeness to the five nearest real pictures), each divided by its root mean \
         square over all pairs; it is an automatic judge, no person.\n"
    );
    if comparison.unpaired > 0 {
        let _ =
            writeln!(md, "\n{} pictures of one model have no partner of the other one.", comparison.unpaired);
    }
    md +=
        "\n| prompts | pairs | the judge prefers A | A / neither / B | sign test |\n|---|---|---|---|---|\n";
    for set in &comparison.sets {
        let Interval { value, low, high } = set.win_rate;
        let (rate, [a, neither, b]) =
            (format!("{:.1} % ({:.1}–{:.1})", 100. * value, 100. * low, 100. * high), set.wins);
        let _ = writeln!(
            md,
            "| {} | {} | {rate} | {a} / {neither} / {b} | {} |",
            set.set,
            set.pairs,
            p(set.sign_test)
        );
    }
    for set in &comparison.sets {
        let _ = write!(
            md,
            "\n## {}\n\n| measure | A | B | A − B | A / equal / B | sign test |\n|---|---|---|---|---|---|\n",
            set.set
        );
        for Difference { measure, one, other, difference, better: [a, equal, b], sign_test } in &set.measures
        {
            let [one, other, difference] =
                [one, other, difference].map(|i| format!("{:.3} ({:.3} to {:.3})", i.value, i.low, i.high));
            let _ = writeln!(
                md,
                "| {measure} | {one} | {other} | {difference} | {a} / {equal} / {b} | {} |",
                p(*sign_test)
            );
        }
    }
    md
}

fn p(p: f64) -> String {
    if p < 0.001 { "p below 0.001".into() } else { format!("p {p:.3}") }
}
