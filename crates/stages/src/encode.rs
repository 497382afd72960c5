//! Text encoders: from token ids to the states that the prior and the decoder attend to.

use std::sync::Arc;

use wuerst_core::{Args, Ctx, Node, NodeSpec, Refusal, Result, Value};

use crate::contract::Contract;
use crate::sample::blame_model;
use crate::sessions::Sessions;

/// `wuerst.encode`: the last hidden states of a text encoder.
pub(crate) struct Encode {
    spec: NodeSpec,
    sessions: Arc<Sessions>,
}

impl Encode {
    pub(crate) fn new(sessions: Arc<Sessions>) -> Result<Encode> {
        let signature = "ids: i64[1,l], mask: i64[1,l], model: model -> states: f32[1,l,d]";
        let about = "Makes the states of a text, which the prior and the decoder attend to.";
        let spec = NodeSpec::new("wuerst.encode", 1, signature, about)?
            .describe("ids", "Token ids, from `wuerst.tokenize` with the same model.")?
            .describe("mask", "1 for tokens of the text, 0 for padding.")?
            .describe("model", "A model with the contract `text-encoder`.")?
            .describe("states", "One state for each token.")?;
        Ok(Encode { spec, sessions })
    }
}

impl Node for Encode {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            self.sessions.facts(known.model("model")?, Contract::TextEncoder).map_err(blame_model)?;
        }
        Ok(())
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let stage = self.sessions.stage(ctx, args.model("model")?, Contract::TextEncoder)?;
        ctx.step(0, 1)?;
        let feeds = [("input_ids", args.tensor("ids")?), ("attention_mask", args.tensor("mask")?)];
        let states = stage.run(ctx, &feeds, "states")?;
        ctx.step(1, 1)?;
        Ok(vec![states.into()])
    }
}
