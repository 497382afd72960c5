//! Stage A: from latents to pixels.

use std::sync::Arc;

use wuerst_core::{Args, Ctx, Error, Model, Node, NodeSpec, Refusal, Result, Tensor, Value};
use wuerst_model::facts::{self, Facts};

use crate::contract::Contract;
use crate::preview::byte;
use crate::sample::blame_model;
use crate::sessions::Sessions;

/// `wuerst.vqgan`: the VQGAN's decoding half, without quantisation.
pub(crate) struct Vqgan {
    spec: NodeSpec,
    sessions: Arc<Sessions>,
}

impl Vqgan {
    pub(crate) fn new(sessions: Arc<Sessions>) -> Result<Vqgan> {
        let signature = "latents: f32[1,4,H,W], model: model -> image: u8[h,w,3], pixels: f32[h,w,3]";
        let spec = NodeSpec::new("wuerst.vqgan", 1, signature, "Stage A. Makes pixels from latents.")?
            .describe("latents", "From the decoder.")?
            .describe("model", "A model with the contract `vqgan-decoder`.")?
            .describe("image", "The picture, RGB.")?
            .describe("pixels", "The same before rounding, in 0..1.")?;
        Ok(Vqgan { spec, sessions })
    }

    fn facts(&self, model: &Model) -> Result<facts::Vqgan> {
        match self.sessions.facts(model, Contract::VqganDecoder)? {
            Facts::VqganDecoder(facts) => Ok(facts),
            other => Err(Error::Internal(format!("a VQGAN with the facts of a {}", other.contract()))),
        }
    }
}

impl Node for Vqgan {
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
        let scale = self.facts(model)?.latent_scale as f32;
        let latents = Tensor::from(args.tensor_f32("latents")?.mapv(|z| z * scale));
        let stage = self.sessions.stage(ctx, model, Contract::VqganDecoder)?;
        ctx.step(0, 1)?;
        let image = stage.run(ctx, &[("latents", &latents)], "image")?;
        ctx.step(1, 1)?;

        let (&[1, 3, height, width], Some(planes)) = (image.shape(), image.values::<f32>()) else {
            let got = format!("{}{:?}", image.dtype(), image.shape());
            return Err(Error::Type { what: "the model's `image`".into(), want: "f32[1,3,h,w]".into(), got });
        };
        let cells = height * width;
        let pixels: Vec<f32> = (0..cells)
            .flat_map(|cell| [0, 1, 2].map(|colour| planes[colour * cells + cell].clamp(0., 1.)))
            .collect();
        let bytes = pixels.iter().map(|colour| byte(*colour)).collect();
        let shape = [height, width, 3];
        Ok(vec![Tensor::from_vec(&shape, bytes)?.into(), Tensor::from_vec(&shape, pixels)?.into()])
    }
}
