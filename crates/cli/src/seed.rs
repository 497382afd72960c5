//! Seeds: their effective part, for the line about a picture and for its metadata.

use wuerst::Graph;
use wuerst::core::{Ty, effective_seed, whole};
use wuerst::graph::ValueSource;

use crate::pairs::Texts;

/// Parses a seed from the command line; the graph checks its range.
pub(crate) fn read(text: &str) -> Result<i128, String> {
    whole(text).ok_or_else(|| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

/// The effective seed, with the given one if it differs.
pub(crate) fn shown(seed: i128) -> String {
    match effective_seed(seed) {
        counts if i128::from(counts) == seed => counts.to_string(),
        counts => format!("{counts} (the low 32 bits of {seed})"),
    }
}

/// Replaces seeds by their effective part: in `inputs` wired to the seed of a built-in node, and in `changes` of such a port.
pub(crate) fn reduce(graph: &Graph, inputs: &mut Texts, changes: &mut Texts) {
    let mut each = |node: &str, port: &str, source: &ValueSource| {
        if let Some(text) = changes.get_mut(&format!("{node}.{port}")) {
            reduced(text);
        }
        if let ValueSource::Input(index) = source
            && let Some(text) = inputs.get_mut(&graph.inputs()[*index].name)
        {
            reduced(text);
        }
    };
    for node in graph.nodes() {
        let spec = node.kind.spec();
        if !["wuerst", "tensor"].contains(&spec.namespace()) {
            continue;
        }
        for (port, source) in spec.signature.inputs.iter().zip(&node.args) {
            if port.name == "seed" && port.ty == Ty::Int {
                each(&node.id, &port.name, source);
            }
        }
    }
}

fn reduced(text: &mut String) {
    if let Some(seed) = whole(text) {
        *text = effective_seed(seed).to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_show_effective_part() {
        assert_eq!(shown(7), "7");
        assert_eq!(shown((1 << 32) + 7), "7 (the low 32 bits of 4294967303)");
        assert_eq!(
            read("18446744073709551615").map(shown).unwrap(),
            "4294967295 (the low 32 bits of 18446744073709551615)"
        );
        assert!(read("18446744073709551616").unwrap_err().contains("18446744073709551615"));
    }
}
