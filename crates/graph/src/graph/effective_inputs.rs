//! Limits and descriptions of a graph's inputs, combined from their declarations and the ports that they feed.

use std::ops::RangeInclusive;

use wuerst_core::{Error, Port, Result, Value};

use crate::graph::Graph;

impl Graph {
    /// The inputs with the ranges and choices that every port they are wired to allows. An input without a description
    /// gets that of the first such port, and likewise its role. For controls and listings; names, types and defaults are those of
    /// [`Graph::inputs`].
    pub fn effective_inputs(&self) -> Vec<Port> {
        (0..self.inputs.len()).map(|index| self.effective_input(index)).collect()
    }

    fn effective_input(&self, index: usize) -> Port {
        let mut input = self.inputs[index].clone();
        for (node, arg) in self.index.readers(&self.nodes, index) {
            let port = &self.nodes[node].kind.spec().signature.inputs[arg];
            input.range = both(input.range, port.range.as_ref());
            if input.choices.is_empty() {
                input.choices.clone_from(&port.choices);
            } else if !port.choices.is_empty() {
                input.choices.retain(|choice| port.choices.contains(choice));
            }
            input.role = input.role.or(port.role);
            if input.about.is_empty() {
                input.about.clone_from(&port.about);
            }
        }
        input
    }
}

fn both(
    one: Option<RangeInclusive<f64>>,
    other: Option<&RangeInclusive<f64>>,
) -> Option<RangeInclusive<f64>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.start().max(*other.start())..=one.end().min(*other.end())),
        (one, other) => one.or_else(|| other.cloned()),
    }
}

/// Checks that every port that an input is wired to allows the value.
pub(crate) fn allowed(graph: &Graph, index: usize, value: &Value) -> Result<()> {
    let refused = |message: String, by: &str| {
        Error::invalid(&graph.inputs[index].name, format!("{message}, which `{by}` allows"))
    };
    for (node, arg) in graph.index.readers(&graph.nodes, index) {
        let node = &graph.nodes[node];
        for boundary in node.boundaries.iter().filter(|boundary| boundary.arg == arg) {
            boundary.port.allows(value).map_err(|message| refused(message, &boundary.name))?;
        }
        let port = &node.kind.spec().signature.inputs[arg];
        let by = || format!("{}.{}", node.id, port.name);
        port.allows(value).map_err(|message| refused(message, &by()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wuerst_core::{Args, Ctx, NodeKind, NodeSpec, Registry};

    use super::*;

    struct Plain(NodeSpec);

    impl NodeKind for Plain {
        fn spec(&self) -> &NodeSpec {
            &self.0
        }
        fn run(&self, _: &mut Ctx<'_>, _: &Args<'_>) -> Result<Vec<Value>> {
            Ok(vec![])
        }
    }

    #[test]
    fn inputs_satisfy_every_node() {
        let mut registry = Registry::new();
        for (kind, signature, about) in [
            ("a.one", "n: int? {1..50}, mode: text? {x|y|z} ->", "How many."),
            ("a.two", "n: int? {5..}, mode: text? {y|z} ->", "Else."),
        ] {
            let spec = NodeSpec::new(kind, 1, signature, "").unwrap().describe("n", about).unwrap();
            registry.add(Plain(spec)).unwrap();
        }
        let text = "{wuerstchen: 1, inputs: {n: 'int = 7 {0..20}', mode: 'text?', free: 'float?'}, outputs: {n: $n}, \
                    nodes: {b: {use: a.one, with: {n: $n, mode: $mode}}, c: {use: a.two, with: {n: $n, mode: $mode}}}}";
        let graph = Graph::load(text, &registry).unwrap();
        let effective_inputs: Vec<String> = graph.effective_inputs().iter().map(Port::to_string).collect();
        assert_eq!(effective_inputs, ["n: int = 7 {5..20}", "mode: text? {y|z}", "free: float?"]);
        assert_eq!(graph.effective_inputs()[0].about, "How many.");
        assert_eq!(graph.inputs()[0].to_string(), "n: int = 7 {0..20}");
    }
}
