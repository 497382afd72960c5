//! Drawings in Mermaid, which many Markdown viewers render.

use std::fmt::Write;

use wuerst_core::is_command;

use super::boxes::{Drawing, Sort};
use super::text::short;
use crate::graph::Graph;

/// The longest text in a box.
const WIDEST: usize = 60;

/// A graph as a Mermaid flow chart: a box for each input, node and output; each wire names its port.
pub fn mermaid(graph: &Graph) -> String {
    let drawing = Drawing::of(graph);
    let mut text = "flowchart LR\n".to_owned();
    for (index, shown) in drawing.boxes.iter().enumerate() {
        let (name, about) = (quoted(&shown.name), quoted(&shown.about));
        let (open, close) = match shown.sort {
            Sort::Input => ("([", "])"),
            Sort::Node => ("[", "]"),
            Sort::Output => ("[[", "]]"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}{open}\"<b>{name}</b><br/>{about}\"{close}", shown.id(index));
    }
    for wire in &drawing.wires {
        let (from, to) = (&drawing.boxes[wire.from.0], &drawing.boxes[wire.to.0]);
        let port = quoted(&to.inputs[wire.to.1].name);
        let label = if port.is_empty() { String::new() } else { format!("|\"{port}\"|") };
        let _ = writeln!(text, "  {} -->{label} {}", from.id(wire.from.0), to.id(wire.to.0));
    }
    text
}

/// Text for Mermaid's quotes; special characters of Mermaid and HTML become entities.
fn quoted(text: &str) -> String {
    let piece = |c: char| match c {
        '"' => "#quot;".to_owned(),
        '<' => "#lt;".to_owned(),
        '>' => "#gt;".to_owned(),
        '&' => "#amp;".to_owned(),
        '#' => "#35;".to_owned(),
        '`' => "#96;".to_owned(),
        c if is_command(c) => " ".to_owned(),
        c => c.to_string(),
    };
    short(text, WIDEST).chars().map(piece).collect()
}
