//! Drawings for Graphviz.

use std::fmt::Write;

use wuerst_core::is_command;

use super::boxes::{Drawing, Row, Sort};
use super::text::short;
use crate::graph::Graph;

/// The longest text in a box.
const WIDEST: usize = 40;

/// A graph for Graphviz: each node is a record with its ports, and each wire connects two ports and shows its type.
pub fn dot(graph: &Graph) -> String {
    let drawing = Drawing::of(graph);
    let mut text = "digraph wuerst {\n  rankdir=LR\n  node [fontname=\"sans-serif\" fontsize=10]\n  \
                    edge [fontname=\"sans-serif\" fontsize=8]\n"
        .to_owned();
    for (index, shown) in drawing.boxes.iter().enumerate() {
        let (id, name, about) = (shown.id(index), field(&shown.name), field(&shown.about));
        // Writing to a String cannot fail.
        let _ = match shown.sort {
            Sort::Node => {
                let (inputs, outputs) = (ports('i', &shown.inputs), ports('o', &shown.outputs));
                writeln!(text, "  {id} [shape=record label=\"{{{inputs}{name}\\n{about}{outputs}}}\"]")
            }
            Sort::Input => writeln!(text, "  {id} [shape=oval label=\"{name}\\n{about}\"]"),
            Sort::Output => writeln!(text, "  {id} [shape=box style=rounded label=\"{name}\\n{about}\"]"),
        };
    }
    for wire in &drawing.wires {
        let end = |(index, row): (usize, usize), letter: char| {
            let shown = &drawing.boxes[index];
            let port = if shown.sort == Sort::Node { format!(":{letter}{row}") } else { String::new() };
            format!("{}{port}", shown.id(index))
        };
        let (from, to) = (end(wire.from, 'o'), end(wire.to, 'i'));
        let _ = writeln!(text, "  {from} -> {to} [label=\"{}\"]", field(&wire.ty));
    }
    text + "}\n"
}

/// The ports of one side of a record, with the separator to its middle.
fn ports(letter: char, rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let port = |(index, row): (usize, &Row)| {
        let value = row.value.as_ref().map_or_else(String::new, |value| format!(" = {value}"));
        format!("<{letter}{index}> {}", field(&format!("{}{value}", row.name)))
    };
    let ports: Vec<String> = rows.iter().enumerate().map(port).collect();
    let ports = format!("{{{}}}", ports.join("|"));
    if letter == 'i' { format!("{ports}|") } else { format!("|{ports}") }
}

/// Text within quotes and within a field of a record.
fn field(text: &str) -> String {
    let mut field = String::new();
    for c in short(text, WIDEST).chars() {
        match c {
            '"' | '\\' | '{' | '}' | '|' | '<' | '>' => field.extend(['\\', c]),
            c if is_command(c) => field.push(' '),
            c => field.push(c),
        }
    }
    field
}
