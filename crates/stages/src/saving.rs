//! Nodes that save files: `image.save`, `mask.save` and `tensor.save`.

use std::sync::Arc;

use wuerst_core::{Args, Ctx, Error, NodeKind, NodeSpec, Refusal, Registry, Result, Value};

use crate::files::Outputs;
use crate::plain::Plan;

/// A node kind that saves a file: its first argument, under the name in the argument `name`.
struct Saving {
    spec: NodeSpec,
    format: Format,
    outputs: Arc<Outputs>,
}

/// File format of a saving node.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    /// Allowed suffixes of file names.
    pub(crate) ends: &'static [&'static str],
    /// Refuses other arguments that do not fit the name, as far as they are known.
    pub(crate) check: fn(&str, &Args<'_>) -> Result<()>,
    /// Makes the content of the file, with an XMP packet if a model made the first argument.
    pub(crate) encode: fn(&Args<'_>, Option<&str>) -> Result<Vec<u8>>,
}

/// Description of the port `saved`.
pub(crate) const SAVED: &str = "The name again, so that a graph can have the file as its output.";

impl Format {
    /// Description of the port `name`.
    pub(crate) fn about_name(&self) -> String {
        let (last, others) = self.ends.split_last().map_or(("", self.ends), |(last, others)| (*last, others));
        let others = others.iter().map(|end| format!(".{end}")).collect::<Vec<_>>().join(", ");
        let or = if others.is_empty() { "" } else { " or " };
        format!(
            "The file's name, which ends in {others}{or}.{last}; it may lie in a folder that is there, without `..`. It has no \
             colon and no signs that cannot be seen, and is not a name of a device."
        )
    }

    /// Adds a node that saves files of this format.
    pub(crate) fn add(self, plan: &Plan<'_>, registry: &mut Registry, outputs: &Arc<Outputs>) -> Result<()> {
        let spec = plan.spec()?.volatile();
        registry.add(Saving { spec, format: self, outputs: Arc::clone(outputs) })
    }
}

/// An error of encoding, which blames the port.
pub(crate) fn unwritable(port: &str, args: &Args<'_>, error: impl std::fmt::Display) -> Error {
    let name = args.text("name").unwrap_or_default();
    Error::invalid(port, format!("cannot be written as `{name}`: {error}"))
}

impl NodeKind for Saving {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("name") {
            let name = known.text("name")?;
            self.outputs.path(name, self.format.ends)?;
            (self.format.check)(name, known)?;
        }
        Ok(())
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let name = args.text("name")?;
        // Before the work of encoding.
        self.outputs.path(name, self.format.ends)?;
        (self.format.check)(name, args)?;
        self.outputs.room(ctx.saved(), 0)?;
        let mark = self.outputs.mark(ctx.origin(0));
        let bytes = (self.format.encode)(args, mark.as_deref())?;
        self.outputs.write(ctx.saved(), name, self.format.ends, &bytes)?;
        Ok(vec![name.into()])
    }
}
