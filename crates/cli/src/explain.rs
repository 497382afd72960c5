//! Formats a run's report and the placement of models as tables.

use std::time::Duration;

use wuerst::graph::{NodeReport, Outcome};
use wuerst::{EngineReport, Report};

use crate::size::bytes;

/// A row for each node, in the order of the graph, and one for the whole run.
pub(crate) fn table(report: &Report) -> String {
    let head = ["", "node", "ms", "in models", "loading", "size", "device", "why"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(report.nodes.iter().map(row));
    rows.push(whole(report));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..8).map(width).collect();
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            2..=5 => format!("{cell:>width$}"),
            _ => format!("{cell:width$}"),
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(node: &NodeReport) -> [String; 8] {
    let did = if matches!(node.outcome, Outcome::Ran(_)) { "ran" } else { "reused" };
    let usage = &node.usage;
    [
        did.to_owned(),
        node.node.clone(),
        milliseconds(node.duration),
        milliseconds(usage.inference),
        milliseconds(usage.loading),
        bytes(node.bytes as u64),
        usage.devices.join(","),
        node.outcome.to_string(),
    ]
}

fn whole(report: &Report) -> [String; 8] {
    let usage = report.usage();
    let held = report.nodes.iter().map(|node| node.bytes as u64).sum();
    [
        "run".to_owned(),
        String::new(),
        milliseconds(report.duration),
        milliseconds(usage.inference),
        milliseconds(usage.loading),
        bytes(held),
        usage.devices.join(","),
        format!("{} ran, {} reused", report.ran().count(), report.reused().count()),
    ]
}

/// Placement of each loaded model, one line each: the execution providers with their numbers of operators.
pub(crate) fn placements(report: &EngineReport) -> String {
    report.models.iter().map(|placement| format!("{placement}\n")).collect()
}

/// Empty for zero.
fn milliseconds(duration: Duration) -> String {
    if duration.is_zero() { String::new() } else { format!("{:.1}", duration.as_secs_f64() * 1e3) }
}

#[cfg(test)]
mod tests {
    use wuerst::core::Usage;
    use wuerst::graph::{CacheHit, RunReason};

    use super::*;

    #[test]
    fn columns_are_aligned() {
        let node = |name: &str, outcome, millis, usage| NodeReport {
            node: name.into(),
            kind: "wuerst.prior".into(),
            outcome,
            duration: Duration::from_millis(millis),
            bytes: 2048,
            usage,
        };
        let inference = Usage::inference("cpu", Duration::from_millis(1200));
        let report = Report {
            nodes: vec![
                node("text", Outcome::Reused(CacheHit::Unchanged), 0, Usage::default()),
                node(
                    "prior",
                    Outcome::Ran(RunReason::Changed(vec!["seed".into(), "steps".into()])),
                    1234,
                    inference,
                ),
            ],
            duration: Duration::from_millis(1300),
        };
        let table = table(&report);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[1].starts_with("reused  text ") && lines[1].ends_with("nothing changed"), "{table}");
        assert!(lines[2].starts_with("ran     prior  1234.0     1200.0"), "{table}");
        assert!(lines[2].ends_with("cpu     changed: seed, steps"), "{table}");
        assert!(lines[3].ends_with("1 ran, 1 reused"), "{table}");
    }
}
