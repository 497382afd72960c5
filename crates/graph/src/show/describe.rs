//! Descriptions of node kinds in text.

use std::fmt::Write;

use wuerst_core::{NodeSpec, Port, Registry};

use super::example::example;

/// All node kinds, one line each: kind and description.
pub fn list(registry: &Registry) -> String {
    let specs: Vec<&NodeSpec> = registry.kinds().map(|kind| kind.spec()).collect();
    let width = specs.iter().map(|spec| spec.kind.len()).max().unwrap_or(0);
    let line = |spec: &&NodeSpec| {
        let about = spec.about.lines().next().unwrap_or_default();
        format!("{:width$}  {about}", spec.kind).trim_end().to_owned() + "\n"
    };
    specs.iter().map(line).collect()
}

/// Full description of one node kind: every port with type, default, range and description, and an example graph.
pub fn describe(spec: &NodeSpec) -> String {
    let note = if spec.pure { "" } else { ", run every time" };
    let mut text = format!("{} (version {}{note})\n", spec.kind, spec.version);
    if !spec.about.is_empty() {
        text = format!("{text}  {}\n", spec.about.replace('\n', "\n  "));
    }
    ports(&mut text, "inputs", &spec.signature.inputs);
    ports(&mut text, "outputs", &spec.signature.outputs);
    let example = example(spec);
    let _ = writeln!(text, "\nexample\n  {}", example.trim_end().replace('\n', "\n  "));
    text
}

fn ports(text: &mut String, title: &str, ports: &[Port]) {
    if ports.is_empty() {
        return;
    }
    let lines: Vec<String> = ports.iter().map(Port::to_string).collect();
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n{title}");
    for (line, port) in lines.iter().zip(ports) {
        let _ = writeln!(text, "{}", format!("  {line:width$}  {}", port.about).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_described_by_its_ports() {
        let spec = NodeSpec::new("a.b", 2, "x: int = 1 {0..9}, yy: text? -> z: u8[n]", "Does it.").unwrap();
        let spec = spec.describe("x", "How often.").unwrap();
        let text = "a.b (version 2)\n  Does it.\n\ninputs\n  x: int = 1 {0..9}  How often.\n  yy: text?\n\n\
                    outputs\n  z: u8[n]\n\nexample\n  wuerstchen: 1\n  nodes:\n    b:\n      use: a.b\n  \
                    outputs: { z: $b.z }\n";
        assert_eq!(describe(&spec), text);
    }
}
