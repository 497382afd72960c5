//! `wuerst.native_size`: returns the size that a prior makes best.

use std::sync::Arc;

use wuerst_core::{Args, Ctx, NodeKind, NodeSpec, Refusal, Result, Value};
use wuerst_model::metadata;
use wuerst_runtime::{Contract, ModelCache};

use crate::sampling::blame_model;

pub(super) struct NativeSize {
    spec: NodeSpec,
    models: Arc<ModelCache>,
}

impl NativeSize {
    pub(super) fn new(models: Arc<ModelCache>) -> Result<NativeSize> {
        let about =
            "Tells the size of the pictures that a prior makes best, for nodes that calculate with it.";
        let spec = NodeSpec::new("wuerst.native_size", 1, "model: model -> side: int", about)?
            .describe("model", "A model with the contract `prior`; it is not loaded.")?
            .describe("side", "The side of a square picture in pixels.")?;
        Ok(NativeSize { spec, models })
    }

    fn side(&self, args: &Args<'_>) -> Result<Value> {
        let prior: metadata::Prior = self.models.metadata(args.model("model")?, Contract::Prior)?;
        Ok(Value::Int(prior.native_size as i128))
    }
}

impl NodeKind for NativeSize {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") { self.side(known).map(drop).map_err(blame_model) } else { Ok(()) }
    }

    fn known_results(&self, known: &Args<'_>) -> Vec<Option<Value>> {
        vec![self.side(known).ok()]
    }

    fn run(&self, _: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        Ok(vec![self.side(args)?])
    }
}
