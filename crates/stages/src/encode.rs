//! Text encoders: compute from token ids the states that the prior and the decoder attend to, and a vector for each text.

use std::sync::Arc;

use wuerst_core::{
    Args, Batch, Ctx, Digest, Error, KnownLength, NodeKind, NodeSpec, Refusal, Result, Tensor, Value,
};
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
            .describe("states", "One state for each token, of each text; chunks follow one another.")?;
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
            .describe("states", "One state for each token, of each text; chunks follow one another.")?
            .describe("pooled", "Of each text as a whole, at the end of its first chunk.")?;
        Ok(Encode { spec, pooled: true, models })
    }
}

impl NodeKind for Encode {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        let mut lengths = lengths::of_model(&self.models, known, Contract::TextEncoder);
        // Several chunks of the model's length are encoded one by one.
        let given = known.length("ids", 1);
        let chunks = |length: usize| given.is_some_and(|given| length > 0 && given % length == 0);
        lengths.retain(|known| known.dim != "l" || !chunks(known.length));
        lengths
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
        let metadata: metadata::TextEncoder =
            self.models.metadata(args.model("model")?, Contract::TextEncoder)?;
        let chunks = match ids.len().checked_rem(metadata.length) {
            Some(0) => (ids.len() / metadata.length).max(1),
            _ => 1,
        };
        let [ids, mask] = [ids, mask].map(|tokens| tokens.reshaped(&[chunks, tokens.len() / chunks]));
        let (ids, mask) = (ids?, mask?);
        let mut results: Vec<Vec<Tensor>> = Vec::with_capacity(chunks);
        for chunk in 0..chunks {
            ctx.step(chunk, chunks)?;
            let [ids, mask] = [&ids, &mask].map(|tokens| tokens.rows(chunk..chunk + 1));
            let (Some(ids), Some(mask)) = (ids, mask) else {
                return Err(Error::Internal("a text without tokens".to_owned()));
            };
            let feeds = [("input_ids", &ids), ("attention_mask", &mask)];
            results.push(match self.pooled {
                true => loaded.run_for(ctx, &feeds, ["states", "pooled"])?.to_vec(),
                false => vec![loaded.run(ctx, &feeds, "states")?],
            });
        }
        ctx.step(chunks, chunks)?;
        if chunks == 1 {
            return Ok(results.swap_remove(0).into_iter().map(Value::from).collect());
        }
        let states: Vec<&Tensor> = results.iter().map(|results| &results[0]).collect();
        let states = Tensor::joined(&states)?;
        let &[count, tokens, features] = states.shape() else {
            return Err(Error::Internal("states of another rank".to_owned()));
        };
        let states = states.reshaped(&[1, count * tokens, features])?;
        // As in ComfyUI, the first chunk stands for the whole text.
        let pooled = results.swap_remove(0).into_iter().skip(1);
        Ok(std::iter::once(states).chain(pooled).map(Value::from).collect())
    }
}
