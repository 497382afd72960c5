//! Example graph for a node kind, made from its signature.

use std::fmt::Write;

use wuerst_core::{NodeSpec, Port};

/// Longer lines are broken up.
const WIDEST: usize = 100;

/// A graph with a single node of this kind, whose required arguments come from inputs.
///
/// The graph is valid for [`Graph::load`](crate::Graph::load) if the node has an output.
pub fn example(spec: &NodeSpec) -> String {
    let (_, name) = spec.kind.split_once('.').unwrap_or(("", &spec.kind));
    // A kind may begin with a digit, but a node's name may not.
    let id = if name.starts_with(|c: char| c.is_ascii_digit()) { "node" } else { name };
    let signature = &spec.signature;
    let given = |port: &&Port| port.required() || spec.example.contains(&port.name);
    let needed: Vec<&Port> = signature.inputs.iter().filter(given).collect();
    let mut text = "wuerstchen: 1\n".to_owned();
    let declarations = needed.iter().map(|port| (port.name.as_str(), declaration(port)));
    mapping(&mut text, "", "inputs", &declarations.collect::<Vec<_>>());
    // Writing to a String cannot fail.
    let _ = writeln!(text, "nodes:\n  {id}:\n    use: {}", spec.kind);
    let wires = needed.iter().map(|port| (port.name.as_str(), format!("${}", port.name)));
    mapping(&mut text, "    ", "with", &wires.collect::<Vec<_>>());
    let outputs = signature.outputs.iter().map(|port| (port.name.as_str(), format!("${id}.{}", port.name)));
    mapping(&mut text, "", "outputs", &outputs.collect::<Vec<_>>());
    text
}

/// The type and limits of a port, quoted where YAML would read them otherwise.
fn declaration(port: &Port) -> String {
    let whole = port.to_string();
    let declaration = whole.strip_prefix(&format!("{}: ", port.name)).unwrap_or(&whole);
    let plain = declaration.chars().all(|c| c.is_ascii_alphanumeric());
    if plain { declaration.to_owned() } else { format!("'{declaration}'") }
}

/// A mapping in one line, or in several if it is long; empty if it has no entries.
fn mapping(text: &mut String, indent: &str, key: &str, entries: &[(&str, String)]) {
    if entries.is_empty() {
        return;
    }
    let entries: Vec<String> = entries.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let line = format!("{indent}{key}: {{ {} }}\n", entries.join(", "));
    if line.chars().count() <= WIDEST {
        *text += &line;
    } else {
        let lines: String = entries.iter().map(|entry| format!("{indent}  {entry}\n")).collect();
        let _ = write!(text, "{indent}{key}:\n{lines}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_ports_become_inputs() {
        let spec = NodeSpec::new("a.b", 1, "x: u8[h,w,3], n: int {1..9}, z: int = 1 -> y: int", "").unwrap();
        let text = "wuerstchen: 1\ninputs: { x: 'u8[h,w,3]', n: 'int {1..9}' }\nnodes:\n  b:\n    use: a.b\n    \
                    with: { x: $x, n: $n }\noutputs: { y: $b.y }\n";
        assert_eq!(example(&spec), text);
    }

    #[test]
    fn example_inputs_are_given() {
        let spec = NodeSpec::new("a.b", 1, "x: int?, y: int? -> z: int", "").unwrap().with_example(&["y"]);
        assert!(example(&spec).contains("with: { y: $y }"), "{}", example(&spec));
    }
}
