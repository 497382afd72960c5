//! A graph file as a node of other graphs.
//!
//! The graph's inputs, with types, defaults and ranges, and its outputs become the node's ports. A graph that uses the
//! node is checked against these ports; then the node is replaced by the nodes within, which are called `outer/inner`.
//! Caching, progress and reports therefore treat them like all other nodes, and the code that runs graphs knows no nested
//! graphs.

use std::any::Any;
use std::sync::Arc;

use wuerst_core::{
    Args, Ctx, Error, Models, NodeKind, NodeSpec, Refusal, Registry, Result, Value, byte_order,
};

use crate::cache::Cache;
use crate::graph::each::Each;
use crate::graph::effective_inputs::allowed;
use crate::graph::{Graph, ValueSource};
use crate::run::Run;
use crate::run::inputs::Inputs;

/// A graph as a node kind.
pub(crate) struct Subgraph {
    pub(super) spec: NodeSpec,
    /// The graph, with nested graphs expanded.
    pub(super) graph: Graph,
    /// Its source, to be loaded again with changes.
    pub(super) text: Arc<str>,
    pub(super) registry: Registry,
}

impl Subgraph {
    pub(crate) fn kind(&self) -> &str {
        &self.spec.kind
    }

    /// The node kind for this graph, which was loaded from `text` with the node kinds of `registry`.
    pub(super) fn of_graph(kind: &str, graph: Graph, text: Arc<str>, registry: Registry) -> Result<Subgraph> {
        let spec = NodeSpec::new(kind, 1, "->", &about(&text))?;
        for output in &graph.outputs {
            if let ValueSource::Input(index) = output.source
                && graph.inputs[index].optional
            {
                let input = &graph.inputs[index].name;
                let message = format!(
                    "is the input `{input}`, which may be left out: what is a node must give each of its outputs"
                );
                return Err(Error::invalid(format!("output `{}` of `{kind}`", output.name), message));
            }
        }
        let nodes = || graph.nodes.iter().map(|node| node.kind.spec());
        let spec = NodeSpec {
            signature: graph.interface.clone(),
            pure: nodes().all(|spec| spec.pure),
            expected_ms: nodes().map(|spec| spec.expected_ms).sum(),
            ..spec
        };
        Ok(Subgraph { spec, graph, text, registry })
    }

    /// The graph behind a node kind, if it is one.
    pub(crate) fn of(kind: &dyn NodeKind) -> Option<&Subgraph> {
        (kind as &dyn Any).downcast_ref()
    }
}

/// Resolves the names in the defaults of a node kind that is a graph: they stand in its file.
pub(crate) fn models(kind: &dyn NodeKind) -> Option<&Models> {
    let kind = Each::of(kind).map_or(kind, |each| &**each.inner());
    Subgraph::of(kind).map(|sub| &sub.graph.models)
}

/// Description from the first paragraph of the comment at the beginning of a graph file.
fn about(text: &str) -> String {
    let comment = byte_order::unmarked(text).lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    let lines: Vec<&str> = comment
        .skip_while(|line| line.is_empty() || line.starts_with("yaml-language-server:"))
        .take_while(|line| !line.is_empty())
        .collect();
    if lines.is_empty() { "A graph.".to_owned() } else { lines.join(" ") }
}

impl NodeKind for Subgraph {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    /// Lets the nodes within check their arguments. A refusal of a port that is wired to an input becomes a refusal of
    /// that input.
    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        for (index, value) in known.values().iter().enumerate() {
            if let Some(value) = value {
                allowed(&self.graph, index, value)?;
            }
        }
        for node in &self.graph.nodes {
            let ports = &node.kind.spec().signature.inputs;
            let given = |source: &ValueSource| match source {
                ValueSource::Literal(_) => source.literal(),
                ValueSource::Input(index) => known.values()[*index].clone(),
                ValueSource::Output { .. } | ValueSource::LeftOut => None,
            };
            let within: Vec<Option<Value>> = ports
                .iter()
                .zip(&node.args)
                .map(|(port, source)| Some(port.ty.widen(given(source)?)))
                .collect();
            node.kind.check(&Args::new(ports, &within)).map_err(|refusal| {
                let blamed =
                    ports.iter().zip(&node.args).find(|(port, _)| refusal.port.as_ref() == Some(&port.name));
                let (port, message) = match blamed {
                    Some((_, ValueSource::Input(index))) => {
                        (Some(self.graph.inputs[*index].name.clone()), refusal.message)
                    }
                    Some((port, _)) => (None, format!("`{}.{}`: {}", node.id, port.name, refusal.message)),
                    None => (None, format!("`{}`: {}", node.id, refusal.message)),
                };
                Refusal { port, message, cause: refusal.cause }
            })?;
        }
        Ok(())
    }

    /// Only for direct calls: a graph replaces this node by the nodes within.
    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let mut inputs = Inputs::new();
        for (port, value) in self.spec.signature.inputs.iter().zip(args.values()) {
            if let Some(value) = value {
                inputs.set(&self.graph, &port.name, value.clone())?;
            }
        }
        let outputs: Vec<&str> = self.graph.outputs.iter().map(|output| output.name.as_str()).collect();
        Run::new(&self.graph, &inputs, &Cache::new(0), ctx.cancel(), &mut ()).outputs(&outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_comment_paragraph_describes_subgraph() {
        let text =
            "# yaml-language-server: $schema=x\n# Two lines\n# of text.\n#\n#   wuerst run\nwuerstchen: 1\n";
        assert_eq!(about(text), "Two lines of text.");
        assert_eq!(about("wuerstchen: 1\n# x\n"), "A graph.");
    }
}
