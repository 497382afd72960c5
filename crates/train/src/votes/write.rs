//! The results of a study as Markdown.

use super::Results;
use super::people::Person;
use super::summary::{Shares, Summary};
use crate::report::resample::Interval;
use std::fmt::Write as _;

/// Shares as the page writes them.
fn percent(Interval { value, low, high }: Interval) -> String {
    if value.is_nan() {
        return "–".into();
    }
    format!("{:.1} % ({:.1}–{:.1})", 100. * value, 100. * low, 100. * high)
}

fn number(Interval { value, low, high }: Interval) -> String {
    format!("{value:.2} ({low:.2} to {high:.2})")
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "below 0.001".into() } else { format!("{p:.3}") }
}

/// The page of results.
pub fn markdown(results: &Results) -> String {
    let mut md = format!("# Votes of the study {}\n", results.study);
    for (letter, name) in letters().zip(&results.models) {
        let _ = write!(md, "\n- **{letter}**: `{name}`");
    }
    md += "\n\nBrackets hold 95 % of 1,000 bootstrap draws of voters and prompts, each drawn on its own, so that votes of one \
           voter or on one prompt do not count as independent.\n";
    section(&mut md, "All voters", &results.all, results.models.len());
    let careless = results.people.iter().filter(|person| person.careless).count();
    match &results.careful {
        _ if careless == 0 => md += "\nThe rule for careless voters leaves none out.\n",
        Some(careful) => section(&mut md, "Without careless voters", careful, results.models.len()),
        None => md += "\nThe rule for careless voters leaves all of them out.\n",
    }
    people(&mut md, &results.people);
    md
}

fn letters() -> impl Iterator<Item = char> {
    'A'..='Z'
}

fn letter(model: usize) -> char {
    letters().nth(model).unwrap_or('?')
}

fn section(md: &mut String, title: &str, summary: &Summary, models: usize) {
    let _ = write!(md, "\n## {title}\n\n{} voters, {} votes.\n\n", summary.voters, summary.votes);
    *md += "| pair | votes | first | neither | second | first among decided | if votes were independent | sign test |\n\
            |---|---|---|---|---|---|---|---|\n";
    for pair in &summary.pairs {
        let [low, high] = pair.wilson.map(|share| 100. * share);
        let _ = writeln!(
            md,
            "| {} | {} | {} | {} | {} | {} | {low:.1}–{high:.1} | p {} |",
            versus(pair),
            pair.votes,
            percent(pair.shares[0]),
            percent(pair.shares[1]),
            percent(pair.shares[2]),
            percent(pair.decided),
            p_value(pair.sign_test)
        );
    }
    *md += "\nVoters by the model that they prefer more often, as the paper counts them:\n\n\
            | pair | voters | first / equal / second | half of the voters with the most votes | sign test over voters |\n\
            |---|---|---|---|---|\n";
    for pair in &summary.pairs {
        let counts = |counts: [u64; 3]| counts.map(|n| n.to_string()).join(" / ");
        let _ = writeln!(
            md,
            "| {} | {} | {} | {} | p {} |",
            versus(pair),
            pair.people.iter().sum::<u64>(),
            counts(pair.people),
            counts(pair.busiest),
            p_value(pair.sign_test_people)
        );
    }
    let _ = write!(md, "\n- Left picture among decided votes: {}\n", percent(summary.left));
    let or = |interval: Option<Interval>, none: &str, write: fn(Interval) -> String| {
        interval.map_or(none.into(), write)
    };
    let _ = writeln!(
        md,
        "- Agreement with oneself on pairs shown twice: {}",
        or(summary.self_agreement, "no pair was shown twice", percent)
    );
    let _ = writeln!(
        md,
        "- Krippendorff's α over first, neither, second (interval over prompts): {}",
        or(summary.alpha, "no pair has two voters, or all agree on one value", number)
    );
    let tie = summary.tie.map_or("no ties".into(), |tie| format!("ln ν {tie:.2}"));
    let strengths = summary.strengths.iter().enumerate().take(models);
    let strengths: Vec<String> = strengths.map(|(at, x)| format!("{} {}", letter(at), number(*x))).collect();
    let _ = writeln!(md, "- Bradley-Terry strengths with Davidson's ties: {}; {tie}", strengths.join(", "));
    if summary.categories.len() > 1 {
        *md += "\n| category | pair | votes | first | neither | second |\n|---|---|---|---|---|---|\n";
        for (category, pair) in
            summary.categories.iter().flat_map(|(name, pairs)| pairs.iter().map(move |p| (name, p)))
        {
            let shares = pair.shares.map(percent).join(" | ");
            let _ = writeln!(md, "| {category} | {} | {} | {shares} |", versus(pair), pair.votes);
        }
    }
}

fn versus(pair: &Shares) -> String {
    format!("{} against {}", letter(pair.models[0]), letter(pair.models[1]))
}

fn people(md: &mut String, people: &[Person]) {
    *md += "\n## Voters\n\nCareless is, by a rule fixed beforehand: more than a quarter of the attention checks missed, or a median \
            below 500 ms. One-sided: too many choices of one side for chance, all voters considered (p below 0.05).\n\n\
            | voter | votes | checks missed | median | left / right | repeats agreed | |\n|---|---|---|---|---|---|---|\n";
    for person in people {
        let Person { voter, votes, checks, missed, median_ms, sides: [left, right], repeats, agreed, .. } =
            person;
        let marks = [(person.careless, "careless"), (person.one_sided, "one-sided")];
        let marks: Vec<&str> = marks.into_iter().filter(|(mark, _)| *mark).map(|(_, name)| name).collect();
        let _ = writeln!(
            md,
            "| {voter} | {votes} | {missed} of {checks} | {median_ms:.0} ms | {left} / {right} | {agreed} of {repeats} | {} |",
            marks.join(", ")
        );
    }
}
