//! Pages about all node kinds: a summary with one line each, or full descriptions.

use std::fmt::Write;

use wuerst_core::{NodeSpec, Port, Registry};

use super::example::example;

/// A summary takes sentences until it has this many bytes.
const SHORTEST: usize = 20;

/// A Markdown list with one line per kind: inputs, outputs and description. A `?` marks optional inputs.
pub fn summary(registry: &Registry) -> String {
    registry.kinds().map(|kind| line(kind.spec())).collect()
}

fn line(spec: &NodeSpec) -> String {
    let input = |port: &Port| format!("{}{}", port.name, if port.required() { "" } else { "?" });
    let inputs: Vec<String> = spec.signature.inputs.iter().map(input).collect();
    let outputs: Vec<&str> = spec.signature.outputs.iter().map(|port| port.name.as_str()).collect();
    let mut about = String::new();
    for sentence in spec.about.split_inclusive(". ") {
        about += sentence;
        // A sentence such as "Stage C." alone is too short.
        if about.len() >= SHORTEST {
            break;
        }
    }
    let about = about.trim_end();
    format!("- `{}` {} → {}: {about}\n", spec.kind, inputs.join(", "), outputs.join(", "))
}

/// A Markdown page with the full description of each kind and an example graph.
pub fn page(registry: &Registry) -> String {
    let mut page = String::from("# Nodes\n\n");
    page += "Every kind of node that is built in, as `wuerst nodes KIND` tells it. `= value` is what a port gets when \
             nothing is given, `?` marks one that may be left out without that, and braces hold what is allowed. Names in \
             brackets are lengths, equal where the name is.\n\n";
    page += "This page is made from the nodes' own declarations: `wuerst nodes --markdown`.\n";
    registry.kinds().for_each(|kind| section(&mut page, kind.spec()));
    page
}

fn section(page: &mut String, spec: &NodeSpec) {
    let note = if spec.pure { "" } else { " It has side effects, and runs every time." };
    // Writing to a String cannot fail.
    let _ = writeln!(page, "\n## `{}`\n\n{}{note}\n", spec.kind, spec.about);
    let _ = writeln!(page, "| port | type | meaning |\n|---|---|---|");
    spec.signature.inputs.iter().for_each(|port| row(page, "", port));
    spec.signature.outputs.iter().for_each(|port| row(page, "→ ", port));
    let _ = write!(page, "\n```yaml\n{}```\n", example(spec));
}

fn row(page: &mut String, arrow: &str, port: &Port) {
    let whole = port.to_string();
    let ty = whole.strip_prefix(&format!("{}: ", port.name)).unwrap_or(&whole).replace('|', "\\|");
    let _ = writeln!(page, "| {arrow}`{}` | `{ty}` | {} |", port.name, port.about.replace('|', "\\|"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_line_and_section() {
        let spec = NodeSpec::new(
            "a.b",
            1,
            "x: int, how: text = \"c\" {c|d} -> y: int",
            "Does all of it, and well. More.",
        )
        .unwrap();
        let spec = spec.volatile().describe("x", "What.").unwrap();
        assert_eq!(line(&spec), "- `a.b` x, how? → y: Does all of it, and well.\n");
        let mut page = String::new();
        section(&mut page, &spec);
        assert!(
            page.contains(
                "Does all of it, and well. More. It has side effects, and runs every time.\n\n| port"
            ),
            "{page}"
        );
        let rows = "| `x` | `int` | What. |\n| `how` | `text = \"c\" {c\\|d}` |  |\n| → `y` | `int` |  |\n\n```yaml\n";
        assert!(page.contains(rows), "{page}");
    }
}
