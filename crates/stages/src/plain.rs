//! Nodes that need nothing but their arguments.

use wuerst_core::{Args, Ctx, Node, NodeSpec, Registry, Result, Value};

/// Computes a node's outputs.
type Run = fn(&mut Ctx<'_>, &Args<'_>) -> Result<Vec<Value>>;

/// A node that is a function and keeps nothing.
struct Plain {
    spec: NodeSpec,
    run: Run,
}

impl Node for Plain {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        (self.run)(ctx, args)
    }
}

/// What a node is, but for its function.
pub(crate) struct Plan<'a> {
    pub kind: &'a str,
    /// In signature notation.
    pub signature: &'a str,
    pub about: &'a str,
    /// What each port means.
    pub ports: &'a [(&'a str, &'a str)],
}

impl Plan<'_> {
    /// The spec of a pure node.
    pub(crate) fn spec(&self) -> Result<NodeSpec> {
        let spec = NodeSpec::new(self.kind, 1, self.signature, self.about)?;
        self.ports.iter().try_fold(spec, |spec, (port, about)| spec.describe(port, about))
    }

    /// Adds the pure node that `run` computes.
    pub(crate) fn add(&self, registry: &mut Registry, run: Run) -> Result<()> {
        registry.add(Plain { spec: self.spec()?, run })
    }
}
