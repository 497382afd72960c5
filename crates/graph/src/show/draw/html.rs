//! Drawings as a self-contained HTML page.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::Value as Json;

use super::boxes::{Drawing, Sort};
use super::report::{Entry, entries};
use super::svg;
use super::text::escaped;
use crate::graph::Graph;

/// A graph as one HTML page that loads no other file: nodes in layers with their ports, types and arguments, and the wires.
///
/// With the report of a run (see [`Report::to_json`](crate::Report::to_json)) it also shows which nodes ran or were
/// reused, why, and their resource usage. Pictures are shown if the report's nodes have a `preview` with a
/// `data:image/png;base64,` address. A report of another graph, or of another form, is ignored.
pub fn html(graph: &Graph, title: &str, report: Option<&Json>) -> String {
    let drawing = Drawing::of(graph);
    let entries = report.map(entries).unwrap_or_default();
    let by_name: HashMap<&str, &Entry> = entries.iter().map(|entry| (entry.node.as_str(), entry)).collect();
    let did: Vec<Option<&Entry>> = drawing
        .boxes
        .iter()
        .map(|shown| by_name.get(shown.name.as_str()).copied().filter(|_| shown.sort == Sort::Node))
        .collect();
    let title = escaped(title);
    let (inputs, nodes, outputs) = (graph.inputs().len(), graph.nodes().len(), graph.outputs().len());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         <h1>{title}</h1>\n<p>{inputs} inputs, {nodes} nodes, {outputs} outputs"
    );
    // Writing to a String cannot fail.
    if let Some(total) = report.and_then(|report| report["milliseconds"].as_f64()) {
        let ran = entries.iter().filter(|entry| entry.ran).count();
        let _ = write!(page, "; a run of {total:.1} ms in which {ran} of {} nodes ran", entries.len());
    }
    let _ = write!(page, "</p>\n<div class=\"graph\">\n{}</div>\n", svg::svg(&drawing, &did));
    if !entries.is_empty() {
        table(&mut page, &entries);
    }
    page + "</html>\n"
}

fn table(page: &mut String, entries: &[Entry]) {
    page.push_str(
        "<table>\n<tr><th>node<th>did<th>why<th class=\"n\">ms<th class=\"n\">in models<th class=\"n\">bytes<th>devices</tr>\n",
    );
    for entry in entries {
        let (did, class) = if entry.ran { ("ran", "ran") } else { ("reused", "reused") };
        let _ = writeln!(
            page,
            "<tr class=\"{class}\"><td>{}<td>{did}<td>{}<td class=\"n\">{:.1}<td class=\"n\">{:.1}<td class=\"n\">{}<td>{}</tr>",
            escaped(&entry.node),
            escaped(&entry.reason),
            entry.milliseconds,
            entry.inference,
            entry.bytes,
            escaped(&entry.devices),
        );
    }
    page.push_str("</table>\n");
}

const STYLE: &str = include_str!("page.css");
