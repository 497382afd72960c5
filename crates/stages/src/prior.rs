//! Stage C: from text to the small semantic embedding that says what the picture shows.

use std::sync::Arc;

use wuerst_core::{Args, Ctx, Error, Model, Node, NodeSpec, Refusal, Result, Tensor, Value};
use wuerst_model::facts::{self, Facts};
use wuerst_model::noise::Noise;

use crate::contract::Contract;
use crate::sample::{self, Defaults, Sampling, batched, blame_model, sampling_ports};
use crate::sessions::Sessions;

/// Channels of the embedding, where the model takes any.
const CHANNELS: usize = 16;

/// `wuerst.prior`: takes the noise off an embedding, guided by text.
pub(crate) struct Prior {
    spec: NodeSpec,
    sessions: Arc<Sessions>,
}

impl Prior {
    pub(crate) fn new(sessions: Arc<Sessions>) -> Result<Prior> {
        let signature = concat!(
            "text: f32[1,l,d], negative: f32[1,l,d]?, model: model, ",
            "width: int? {1..16384}, height: int? {1..16384}, ",
            sampling_ports!(),
            ", seed: int = 0 {0..} -> embedding: f32[1,c,h,w], rng: u8[n]"
        );
        let about = "Stage C. Makes the semantic embedding of a picture from text.";
        let mut spec = NodeSpec::new("wuerst.prior", 1, signature, about)?
            .describe("text", "States of the prior's text encoder.")?
            .describe("negative", "States for what the picture should not show.")?
            .describe("model", "A model with the contract `prior`.")?
            .describe("width", "Width of the picture in pixels; what the model does best when left out.")?
            .describe("height", "Height of the picture in pixels; what the model does best when left out.")?
            .describe("seed", "Starts the random numbers; the same seed gives the same embedding.")?
            .describe("embedding", "What the picture shows, for the decoder.")?
            .describe("rng", "Where the random numbers have got to, for the decoder to go on from.")?;
        for (port, about) in sample::ABOUT {
            spec = spec.describe(port, about)?;
        }
        Ok(Prior { spec, sessions })
    }

    fn facts(&self, model: &Model) -> Result<facts::Prior> {
        match self.sessions.facts(model, Contract::Prior)? {
            Facts::Prior(facts) => Ok(facts),
            other => Err(Error::Internal(format!("a prior with the facts of a {}", other.contract()))),
        }
    }
}

/// The side that `port` asks for, in pixels, which must be one that all stages can serve.
fn side(port: &str, args: &Args<'_>, facts: &facts::Prior) -> Result<usize> {
    let pixels = if args.has(port) { args.count(port)? } else { facts.native_size };
    facts.scale.serve(pixels).map_err(|message| Error::invalid(port, message))
}

impl Node for Prior {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            let facts = self.facts(known.model("model")?).map_err(blame_model)?;
            for port in ["width", "height"].into_iter().filter(|port| known.has(port)) {
                side(port, known, &facts)?;
            }
        }
        Ok(())
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let model = args.model("model")?;
        let facts = self.facts(model)?;
        let height = facts.scale.prior(side("height", args, &facts)?);
        let width = facts.scale.prior(side("width", args, &facts)?);
        let sampling = Sampling::new(
            args,
            Defaults {
                steps: facts.steps,
                guidance: facts.guidance,
                schedule: &facts.schedule,
                timesteps: &facts.timesteps,
                preview: facts.preview.as_ref(),
            },
        )?;
        let text = Tensor::from(args.tensor_f32("text")?);
        let negative = match sampling.batch() {
            2 => Some(Tensor::from(args.tensor_f32("negative")?)),
            _ => None,
        };
        let text = batched(&text, negative.as_ref())?;

        let stage = self.sessions.stage(ctx, model, Contract::Prior)?;
        let channels = stage.channels().unwrap_or(CHANNELS);
        let mut noise = Noise::new(args.int("seed")?.cast_unsigned());
        let latents =
            sampling.run(ctx, &mut noise, [channels, height, width], |ctx, latents, timestep| {
                let feeds = [("latents", latents), ("timestep", timestep), ("text", &text)];
                stage.run(ctx, &feeds, "noise")
            })?;

        let (scale, shift) = (facts.embedding_scale as f32, facts.embedding_shift as f32);
        let embedding = latents.iter().map(|z| z * scale + shift).collect();
        let embedding = Tensor::from_vec(&[1, channels, height, width], embedding)?;
        let rng = noise.to_bytes();
        Ok(vec![embedding.into(), Tensor::from_vec(&[rng.len()], rng)?.into()])
    }
}
