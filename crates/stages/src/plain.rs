//! Nodes that depend only on their arguments.

use std::io;

use wuerst_core::{
    Args, Ctx, Error, File, KnownLength, NodeKind, NodeSpec, Refusal, Registry, Result, Value,
};

/// Computes a node's outputs.
type Run = fn(&mut Ctx<'_>, &Args<'_>) -> Result<Vec<Value>>;

/// Functions of a node for the check of a graph.
#[derive(Clone, Copy)]
pub(crate) struct Hooks {
    /// Refuses arguments, like [`NodeKind::check`].
    pub check: fn(&Args<'_>) -> Result<()>,
    /// Checks a file without reading all of it.
    pub file: fn(&File) -> Result<()>,
    /// Derives dimensions, like [`NodeKind::lengths`].
    pub lengths: fn(&Args<'_>) -> Vec<KnownLength>,
    /// Finds an argument for a dimension, like [`NodeKind::value_for`].
    pub value_for: fn(&Args<'_>, &str, usize) -> Option<(&'static str, Value)>,
    /// Derives results without a run, like [`NodeKind::known_results`].
    pub results: fn(&Args<'_>) -> Vec<Option<Value>>,
    /// Optional inputs set in an example, see [`NodeSpec::example`].
    pub example: &'static [&'static str],
}

impl Default for Hooks {
    fn default() -> Hooks {
        Hooks {
            check: |_| Ok(()),
            file: |_| Ok(()),
            lengths: |_| Vec::new(),
            value_for: |_, _, _| None,
            results: |_| Vec::new(),
            example: &[],
        }
    }
}

/// A node without state, made from a function.
struct Plain {
    spec: NodeSpec,
    run: Run,
    hooks: Hooks,
    /// Maximum file size in bytes.
    largest: u64,
}

impl NodeKind for Plain {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    /// A file that is too large or of the wrong kind is refused before it is read for its digest.
    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        for (port, value) in self.spec.signature.inputs.iter().zip(known.values()) {
            let Some(Value::File(file)) = value else { continue };
            if file.size() > self.largest {
                let source = io::Error::other(format!("has more than {} MiB", self.largest >> 20));
                let error = Error::File { path: file.path().to_owned(), source };
                return Err(Refusal::because(&port.name, error));
            }
            (self.hooks.file)(file).map_err(|error| Refusal::because(&port.name, error))?;
        }
        (self.hooks.check)(known).map_err(Refusal::from)
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        (self.hooks.lengths)(known)
    }

    fn value_for(&self, known: &Args<'_>, dim: &str, length: usize) -> Option<(&'static str, Value)> {
        (self.hooks.value_for)(known, dim, length)
    }

    fn known_results(&self, known: &Args<'_>) -> Vec<Option<Value>> {
        (self.hooks.results)(known)
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        (self.run)(ctx, args)
    }
}

/// A node whose results are known as soon as its arguments are.
struct Derived {
    spec: NodeSpec,
    derive: fn(&Args<'_>) -> Result<Value>,
}

impl Derived {
    /// The result; `None` as long as an argument is unknown.
    fn result(&self, known: &Args<'_>) -> Result<Option<Value>> {
        match known.values().iter().all(Option::is_some) {
            true => (self.derive)(known).map(Some),
            false => Ok(None),
        }
    }
}

impl NodeKind for Derived {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        self.result(known).map(drop).map_err(Refusal::from)
    }

    fn known_results(&self, known: &Args<'_>) -> Vec<Option<Value>> {
        vec![self.result(known).ok().flatten()]
    }

    fn run(&self, _: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        (self.derive)(args).map(|value| vec![value])
    }
}

/// Refuses an `index` beyond the last entry of a list, as far as both are known.
pub(crate) fn check_index(known: &Args<'_>, list: &str) -> Result<()> {
    match (known.count("index"), known.length(list, 0)) {
        (Ok(index), Some(count)) if index >= count => {
            Err(Error::invalid("index", format!("{index} is behind the last of {count}")))
        }
        _ => Ok(()),
    }
}

/// Description of a node without its function.
pub(crate) struct Plan<'a> {
    pub kind: &'a str,
    /// Signature of the node, in signature notation.
    pub signature: &'a str,
    pub about: &'a str,
    /// Descriptions of the ports.
    pub ports: &'a [(&'a str, &'a str)],
}

impl Plan<'_> {
    /// The spec of a pure node.
    pub(crate) fn spec(&self) -> Result<NodeSpec> {
        let spec = NodeSpec::new(self.kind, 1, self.signature, self.about)?;
        self.ports.iter().try_fold(spec, |spec, (port, about)| spec.describe(port, about))
    }

    /// Adds a pure node computed by `run`.
    pub(crate) fn add(&self, registry: &mut Registry, run: Run) -> Result<()> {
        self.add_checked(registry, Hooks::default(), run)
    }

    /// Adds a pure node with functions for the check of a graph.
    pub(crate) fn add_checked(&self, registry: &mut Registry, hooks: Hooks, run: Run) -> Result<()> {
        self.add_reading(u64::MAX, registry, hooks, run)
    }

    /// Adds a pure node without optional inputs whose only result `derive` computes, also before a run.
    pub(crate) fn add_derived(
        &self,
        registry: &mut Registry,
        derive: fn(&Args<'_>) -> Result<Value>,
    ) -> Result<()> {
        registry.add(Derived { spec: self.spec()?, derive })
    }

    /// Adds a pure node that reads files of limited size.
    pub(crate) fn add_reading(
        &self,
        largest: u64,
        registry: &mut Registry,
        hooks: Hooks,
        run: Run,
    ) -> Result<()> {
        registry.add(Plain { spec: self.spec()?.with_example(hooks.example), run, hooks, largest })
    }
}
