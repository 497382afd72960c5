//! Stage B: from the semantic embedding to the latents of the VQGAN.

use std::sync::Arc;

use wuerst_core::{Args, Ctx, Error, Model, Node, NodeSpec, Refusal, Result, Tensor, Value};
use wuerst_model::facts::{self, Facts};
use wuerst_model::noise::Noise;
use wuerst_model::scale::Scale;

use crate::contract::Contract;
use crate::sample::{self, Defaults, Sampling, batched, blame_model, sampling_ports};
use crate::sessions::Sessions;

/// Channels of the VQGAN's latents.
const CHANNELS: usize = 4;

/// `wuerst.decode`: takes the noise off the VQGAN's latents, guided by the embedding and by text.
pub(crate) struct Decode {
    spec: NodeSpec,
    sessions: Arc<Sessions>,
}

impl Decode {
    pub(crate) fn new(sessions: Arc<Sessions>) -> Result<Decode> {
        let signature = concat!(
            "embedding: f32[1,c,h,w], text: f32[1,l,d], negative: f32[1,l,d]?, model: model, ",
            sampling_ports!(),
            ", seed: int? {0..}, rng: u8[n]? -> latents: f32[1,4,H,W]"
        );
        let about = "Stage B. Makes the latents of a picture from its semantic embedding.";
        let mut spec = NodeSpec::new("wuerst.decode", 1, signature, about)?
            .describe("embedding", "What the picture shows, from the prior or a compressor.")?
            .describe("text", "States of the decoder's text encoder.")?
            .describe("negative", "States for what the picture should not show.")?
            .describe("model", "A model with the contract `decoder`.")?
            .describe("seed", "Starts the random numbers anew. When left out, they go on from `rng`.")?
            .describe("rng", "Where the prior left the random numbers. With neither, the seed is 0.")?
            .describe("latents", "The picture as the VQGAN knows it, 4 pixels to a cell.")?;
        for (port, about) in sample::ABOUT {
            spec = spec.describe(port, about)?;
        }
        Ok(Decode { spec, sessions })
    }

    fn facts(&self, model: &Model) -> Result<facts::Decoder> {
        match self.sessions.facts(model, Contract::Decoder)? {
            Facts::Decoder(facts) => Ok(facts),
            other => Err(Error::Internal(format!("a decoder with the facts of a {}", other.contract()))),
        }
    }
}

/// Cells of the latents along a side of the embedding, which the network must be able to halve.
fn side(cells: usize, scale: &Scale) -> Result<usize> {
    let latents = scale.decoder(cells);
    if latents > 0 && scale.latent_multiple > 0 && latents.is_multiple_of(scale.latent_multiple) {
        return Ok(latents);
    }
    let multiple = scale.latent_multiple;
    Err(Error::invalid(
        "embedding",
        format!(
            "its side of {cells} makes {latents} latents, but the decoder needs a multiple of {multiple}"
        ),
    ))
}

fn noise(args: &Args<'_>) -> Result<Noise> {
    if args.has("seed") || !args.has("rng") {
        let seed = if args.has("seed") { args.int("seed")? } else { 0 };
        return Ok(Noise::new(seed.cast_unsigned()));
    }
    let state = args.tensor_u8("rng")?;
    let state = state.as_slice().and_then(Noise::from_bytes);
    state.ok_or_else(|| Error::invalid("rng", "is not the state of a generator, as `wuerst.prior` gives it"))
}

impl Node for Decode {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            self.facts(known.model("model")?).map_err(blame_model)?;
        }
        Ok(())
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let model = args.model("model")?;
        let facts = self.facts(model)?;
        let embedding = Tensor::from(args.tensor_f32("embedding")?);
        let [height, width] = [2, 3].map(|axis| embedding.shape()[axis]);
        let (height, width) = (side(height, &facts.scale)?, side(width, &facts.scale)?);
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
        let (text, embedding) = if sampling.batch() == 2 {
            let negative = Tensor::from(args.tensor_f32("negative")?);
            // Without guidance the decoder knows neither what the picture shows nor the text.
            let nothing = Tensor::from_vec(embedding.shape(), vec![0f32; embedding.len()])?;
            (batched(&text, Some(&negative))?, batched(&embedding, Some(&nothing))?)
        } else {
            (text, embedding)
        };

        let stage = self.sessions.stage(ctx, model, Contract::Decoder)?;
        let latents =
            sampling.run(ctx, &mut noise(args)?, [CHANNELS, height, width], |ctx, latents, timestep| {
                let feeds = [
                    ("latents", latents),
                    ("timestep", timestep),
                    ("embedding", &embedding),
                    ("text", &text),
                ];
                stage.run(ctx, &feeds, "noise")
            })?;
        Ok(vec![Tensor::from_vec(&[1, CHANNELS, height, width], latents)?.into()])
    }
}
