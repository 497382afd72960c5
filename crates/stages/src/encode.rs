//! Text encoders: compute from token ids the states that the prior and the decoder attend to, and a vector for each text.

use std::sync::Arc;

use wuerst_core::{Args, Batch, Ctx, Digest, KnownLength, NodeKind, NodeSpec, Refusal, Result, Value};
use wuerst_model::metadata;
use wuerst_runtime::{Contract, ModelCache};

use crate::lengths;
use crate::sampling::batch;
use crate::sampling::blame_model;

/// `wuerst.text_encode` and `wuerst.text_encode_pooled`: compute the last hidden states of a text encoder, without or
/// with the pooled text.
pub(crate) struct Encode {
    spec: NodeSpec,
    pooled: bool,
    models: Arc<ModelCache>,
}

impl Encode {
    pub(crate) fn new(models: Arc<ModelCache>) -> Result<Encode> {
        let signature = "ids: i64[b,l], mask: i64[b,l], model: model -> states: f32[b,l,d] as text";
        let about = "Makes the states of a text, which the prior and the decoder attend to.";
        let spec = NodeSpec::new("wuerst.text_encode", 1, signature, about)?
            .with_expected_ms(50.)
            .describe("ids", "Token ids, from `wuerst.tokenize` with the same model.")?
            .describe("mask", "1 for tokens of the text, 0 for padding.")?
            .describe("model", "A model with the contract `text-encoder`.")?
            .describe("states", "One state for each token, of each text.")?;
        Ok(Encode { spec, pooled: false, models })
    }

    pub(crate) fn pooled(models: Arc<ModelCache>) -> Result<Encode> {
        let signature =
            "ids: i64[b,l], mask: i64[b,l], model: model -> states: f32[b,l,d] as text, pooled: f32[b,1,p]";
        let about =
            "Makes the states of a text and one vector for it as a whole, which Stable Cascade reads.";
        let spec = NodeSpec::new("wuerst.text_encode_pooled", 1, signature, about)?
            .with_expected_ms(50.)
            .describe("ids", "Token ids, from `wuerst.tokenize` with the same model.")?
            .describe("mask", "1 for tokens of the text, 0 for padding.")?
            .describe("model", "A model with the contract `text-encoder` that gives `pooled` too.")?
            .describe("states", "One state for each token, of each text.")?
            .describe("pooled", "Of each text as a whole, at its end.")?;
        Ok(Encode { spec, pooled: true, models })
    }
}

impl NodeKind for Encode {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        lengths::of_model(&self.models, known, Contract::TextEncoder)
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            let model = known.model("model")?;
            self.models
                .metadata::<metadata::TextEncoder>(model, Contract::TextEncoder)
                .map_err(blame_model)?;
            if self.pooled && !self.models.has(model, Contract::TextEncoder, "pooled")? {
                let message = format!("{} gives no `pooled`: use wuerst.text_encode", model.path().display());
                return Err(Refusal::at("model", message));
            }
        }
        Ok(())
    }

    fn batch(&self, _given: &dyn Fn(&str) -> bool) -> Option<Batch> {
        Some(Batch::new("ids", &["mask"], None))
    }

    fn state(&self, _known: &Args<'_>) -> Result<Option<Digest>> {
        self.models.lora_digest(Contract::TextEncoder)
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let loaded = self.models.get(ctx, args.model("model")?, Contract::TextEncoder)?;
        let (ids, mask) = (args.tensor("ids")?, args.tensor("mask")?);
        batch::alone("ids", ids)?;
        ctx.step(0, 1)?;
        let feeds = [("input_ids", ids), ("attention_mask", mask)];
        let results = if self.pooled {
            loaded.run_for(ctx, &feeds, ["states", "pooled"])?.map(Value::from).to_vec()
        } else {
            vec![loaded.run(ctx, &feeds, "states")?.into()]
        };
        ctx.step(1, 1)?;
        Ok(results)
    }
}
