//! Nodes that depend on more than their arguments, and that make several results: a plug-in keeps both.

use std::fs;

use wuerst_abi::core::{Args, Batch, Ctx, Digest, NodeKind, NodeSpec, Result, Value};

/// `house.size`: the length of a file whose path is a text, which the run before knows nothing of.
pub(crate) struct Size(NodeSpec);

impl Size {
    pub(crate) fn new() -> Result<Size> {
        let spec = NodeSpec::new("house.size", 1, "path: text -> bytes: int", "The length of a file.")?;
        Ok(Size(spec.with_expected_ms(25.)))
    }
}

impl NodeKind for Size {
    fn spec(&self) -> &NodeSpec {
        &self.0
    }

    fn run(&self, _: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let length = fs::metadata(args.text("path")?).map_or(0, |about| about.len());
        Ok(vec![length.into()])
    }

    fn state(&self, known: &Args<'_>) -> Result<Option<Digest>> {
        if !known.has("path") {
            return Ok(None);
        }
        let content = fs::read_to_string(known.text("path")?).unwrap_or_default();
        Ok(Some(Value::from(content).digest()))
    }
}

/// `house.rows`: adds a number that counts to each row.
pub(crate) struct Rows(NodeSpec);

impl Rows {
    pub(crate) fn new() -> Result<Rows> {
        let signature = "rows: f32[b,1], by: f32[b,1]?, seed: int = 0 -> rows: f32[b,1]";
        Ok(Rows(NodeSpec::new("house.rows", 1, signature, "Adds a number that counts to each row.")?))
    }
}

impl NodeKind for Rows {
    fn spec(&self) -> &NodeSpec {
        &self.0
    }

    fn batch(&self, given: &dyn Fn(&str) -> bool) -> Option<Batch> {
        let each: &[&str] = if given("by") { &["by"] } else { &[] };
        Some(Batch::new("rows", each, Some("seed")))
    }

    fn run(&self, _: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let rows = args.tensor_f32("rows")?;
        let by = if args.has("by") { args.tensor_f32("by")?[[0, 0].as_slice()] } else { 0. };
        Ok(vec![(&rows + by + args.int("seed")? as f32).into_shared().into()])
    }
}
