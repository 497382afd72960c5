//! Draws the SVG of a page; the page contains the style.

use std::fmt::Write;

use super::boxes::{Box, Drawing, Row, Sort};
use super::layout::{self, HEAD, ROW, WIDTH};
use super::report::{Entry, THUMBNAIL};
use super::text::{escaped, short};

/// Maximum number of characters per line of a box.
const LETTERS: usize = 30;

/// Draws boxes and wires; `did` holds the report of each box, if there is one.
pub(super) fn svg(drawing: &Drawing, did: &[Option<&Entry>]) -> String {
    let more: Vec<f64> = did.iter().map(|entry| entry.map_or(0., Entry::height)).collect();
    let layout = layout::place(drawing, &more);
    let (width, height) = layout.size;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" \
         aria-label=\"The graph\">\n"
    );
    for wire in &drawing.wires {
        let end = |(index, row): (usize, usize), output: bool| {
            let (x, y) = layout.corners[index];
            (x + if output { WIDTH } else { 0. }, y + layout::port(&drawing.boxes[index], output, row))
        };
        let ((x, y), (to_x, to_y)) = (end(wire.from, true), end(wire.to, false));
        let bend = ((to_x - x) / 2.).min(140.);
        // Writing to a String cannot fail.
        let _ = writeln!(
            svg,
            "<path class=\"wire {}\" d=\"M{x:.1} {y:.1}C{:.1} {y:.1} {:.1} {to_y:.1} {to_x:.1} {to_y:.1}\">\
             <title>{}: {}</title></path>",
            sort(&wire.ty),
            x + bend,
            to_x - bend,
            escaped(&drawing.boxes[wire.from.0].name),
            escaped(&wire.ty),
        );
    }
    for (index, shown) in drawing.boxes.iter().enumerate() {
        draw(&mut svg, shown, layout.corners[index], did[index], more[index]);
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, shown: &Box, (x, y): (f64, f64), did: Option<&Entry>, more: f64) {
    let class = match shown.sort {
        Sort::Input => "input",
        Sort::Output => "output",
        Sort::Node => did.map_or("node", |entry| if entry.ran { "node ran" } else { "node reused" }),
    };
    let tall = layout::height(shown, more);
    let _ = write!(svg, "<g class=\"box {class}\" transform=\"translate({x:.1} {y:.1})\">");
    let round = if shown.sort == Sort::Node { 6. } else { HEAD / 2. };
    let _ = write!(svg, "<rect width=\"{WIDTH}\" height=\"{tall:.1}\" rx=\"{round}\"/>");
    text(svg, "name", 10., 17., "", &shown.name);
    text(svg, "about", 10., 32., "", &shown.about);
    if shown.sort == Sort::Node {
        let _ = write!(svg, "<path class=\"line\" d=\"M0 {HEAD}H{WIDTH}\"/>");
    }
    let rows = |svg: &mut String, rows: &[Row], output: bool| {
        for (at, row) in rows.iter().enumerate() {
            let middle = layout::port(shown, output, at);
            if shown.sort == Sort::Node {
                port(svg, row, middle, output);
            }
            if row.value.is_none() {
                let edge = if output { WIDTH } else { 0. };
                let _ = write!(
                    svg,
                    "<circle class=\"{}\" cx=\"{edge}\" cy=\"{middle:.1}\" r=\"4\"/>",
                    sort(&row.ty)
                );
            }
        }
    };
    rows(svg, &shown.inputs, false);
    rows(svg, &shown.outputs, true);
    if let Some(entry) = did {
        report(svg, entry, tall - more);
    }
    svg.push_str("</g>\n");
}

/// A line of a node: an input on the left, an output on the right.
fn port(svg: &mut String, row: &Row, middle: f64, output: bool) {
    let base = middle + 4.;
    let label = match &row.value {
        Some(value) => format!("{} = {value}", row.name),
        None => format!("{}: {}", row.name, row.ty),
    };
    let class = if row.value.is_some() { "port given" } else { "port" };
    match output {
        true => text(svg, class, WIDTH - 10., base, " text-anchor=\"end\"", &label),
        false => text(svg, class, 10., base, "", &label),
    }
}

/// The report of a node, below its ports.
fn report(svg: &mut String, entry: &Entry, top: f64) {
    let _ = write!(svg, "<path class=\"line\" d=\"M0 {top:.1}H{WIDTH}\"/>");
    let _ = write!(
        svg,
        "<rect class=\"time\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{ROW}\"/>",
        entry.share * WIDTH
    );
    text(svg, "did", 10., top + 13., "", &entry.headline());
    text(svg, "about", 10., top + 13. + ROW, "", &entry.reason);
    if let Some(picture) = &entry.preview {
        let _ = write!(
            svg,
            "<image href=\"{}\" x=\"10\" y=\"{:.1}\" width=\"{}\" height=\"{THUMBNAIL}\" \
             preserveAspectRatio=\"xMinYMid\"/>",
            escaped(picture),
            top + 2. * ROW + 4.,
            WIDTH - 20.,
        );
    }
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, more: &str, text: &str) {
    let shown = escaped(&short(text, LETTERS));
    let whole = if text.chars().count() > LETTERS {
        format!("<title>{}</title>", escaped(text))
    } else {
        String::new()
    };
    let _ = write!(svg, "<text class=\"{class}\" x=\"{x}\" y=\"{y:.1}\"{more}>{shown}{whole}</text>");
}

/// Colour class of a type.
fn sort(ty: &str) -> &'static str {
    match ty.split('[').next() {
        Some("u8") => "picture",
        Some("f32" | "f16" | "i64") => "tensor",
        Some("text") => "words",
        Some("model" | "file") => "disk",
        _ => "number",
    }
}
