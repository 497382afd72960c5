//! Stage C: computes from text the small semantic embedding that decides what the picture shows.

use std::sync::Arc;

use wuerst_core::{
    Args, Batch, Ctx, Digest, Error, KnownLength, Model, NodeKind, NodeSpec, Refusal, Result, Tensor, Unused,
    Value,
};
use wuerst_model::metadata;
use wuerst_model::noise::Noise;
use wuerst_runtime::{Contract, LoadedModel, ModelCache};

use crate::lengths;
use crate::sampling::batch;
use crate::sampling::guidance::{self, Feeds, Guidance};
use crate::sampling::inputs::{self, PortInput};
use crate::sampling::seeds;
use crate::sampling::start::{self, start_ports};
use crate::sampling::{self, Sampling, blame_model, sampling_ports};

/// Channels of the embedding, if the model accepts any number.
const CHANNELS: usize = 16;

/// `wuerst.prior`: denoises an embedding, conditioned on text.
pub(crate) struct Prior {
    spec: NodeSpec,
    models: Arc<ModelCache>,
}

impl Prior {
    pub(crate) fn new(models: Arc<ModelCache>) -> Result<Prior> {
        let signature = concat!(
            "text: f32[b,l,d] as text, negative: f32[n,l,d] as text?, model: model, ",
            "width: int? {1..16384}, height: int? {1..16384}, ",
            sampling_ports!(),
            ", seed: int = 0 {0..}, seeds: i64[s]?, init: f32[b,c,h,w] as embedding?, ",
            start_ports!(),
            ", pooled: f32[b,1,p]?, negative_pooled: f32[n,1,p]?, image: f32[m,k,i]?",
            " -> embedding: f32[b,c,h,w] as embedding, rng: u8[r]"
        );
        let about = "Stage C. Makes the semantic embedding of a picture from text; of several, one for each text of a batch.";
        let mut spec = NodeSpec::new("wuerst.prior", 1, signature, about)?
            .with_expected_ms(1000.)
            .describe("text", "States of the prior's text encoder, one for each picture.")?
            .describe("negative", "States for what the picture should not show; one for all pictures, or one for each.")?
            .describe("model", "A model with the contract `prior`.")?
            .describe("width", "Width of the picture in pixels; what the model does best when left out.")?
            .describe("height", "Height of the picture in pixels; what the model does best when left out.")?
            .describe("seed", "Starts the random numbers, from 0 to 18446744073709551615; its low 32 bits count, as in PyTorch. The same seed gives the same embedding. The next of a batch has the next seed.")?
            .describe("seeds", seeds::ABOUT)?
            .describe("embedding", "The semantic embedding, for the decoder.")?
            .describe("pooled", "Of each text as a whole, from `wuerst.text_encode_pooled`; for Stable Cascade.")?
            .describe("negative_pooled", "The pooled vector of the negative prompt.")?
            .describe("image", "Pictures to vary, from `wuerst.clip_image`, for all pictures or one set for each; for Stable Cascade. None when left out.")?
            .describe("rng", "State of the random numbers, which the decoder continues from.")?;
        for (port, about) in sampling::ABOUT.into_iter().chain(guidance::ABOUT).chain(start::ABOUT) {
            spec = spec.describe(port, about)?;
        }
        Ok(Prior { spec, models })
    }

    fn metadata(&self, model: &Model) -> Result<metadata::Prior> {
        self.models.metadata(model, Contract::Prior)
    }
}

/// Inputs that only Stable Cascade's networks have.
const CASCADE: [PortInput; 3] =
    [("pooled", "pooled", true), ("negative_pooled", "pooled", false), ("image", "image", false)];

/// The conditioning tensors: for the text with pictures, or for the negative text without pictures.
fn conditioning(args: &Args<'_>, loaded: &LoadedModel, negative: bool) -> Result<Feeds> {
    let [text, pooled] = if negative { ["negative", "negative_pooled"] } else { ["text", "pooled"] };
    let one = |port: &str| match args.has(port) {
        true => batch::one(args, port),
        false => Err(Error::invalid(port, "is left out, and guidance by a model with pooled text needs it")),
    };
    let mut feeds = vec![("text", one(text)?)];
    if loaded.has("pooled") {
        feeds.push(("pooled", one(pooled)?));
        let shown = if args.has("image") { Some(batch::one(args, "image")?) } else { None };
        feeds.push((
            "image",
            match shown {
                Some(shown) if !negative => shown,
                // Zeros for as many pictures as with the text.
                shown => {
                    let features = loaded.length("image", 2).unwrap_or(FEATURES);
                    let shape = shown.map_or(vec![1, 1, features], |shown| shown.shape().to_vec());
                    Tensor::from_vec(&shape, vec![0f32; shape.iter().product()])?
                }
            },
        ));
    }
    Ok(feeds)
}

/// Features of a picture's CLIP embedding, if the model accepts any number.
const FEATURES: usize = 768;

/// The side requested by `port` in pixels, checked to be valid for all stages.
fn side(port: &str, args: &Args<'_>, metadata: &metadata::Prior) -> Result<usize> {
    let pixels = if args.has(port) { args.count(port)? } else { metadata.native_size };
    metadata.scale.serve(pixels).map_err(|message| Error::invalid(port, message))
}

/// The ports for the picture's size, with the axis of the embedding and its name in the signature.
const SIDES: [(&str, usize, &str); 2] = [("height", 2, "h"), ("width", 3, "w")];

/// Cells of the embedding along a side: for the picture's size, or from a given embedding; `None` if unknown. `given`
/// tells whether a port has a value.
fn cells(
    (port, axis): (&str, usize),
    args: &Args<'_>,
    given: impl Fn(&str) -> Option<bool>,
    metadata: &metadata::Prior,
) -> Result<Option<usize>> {
    let wanted = || Ok::<_, Error>(metadata.scale.prior(side(port, args, metadata)?));
    let init = args.length("init", axis);
    if let Some(init) = init
        && args.has(port)
        && wanted()? != init
    {
        let pixels = metadata.scale.decoder(init) * metadata.scale.pixels_per_latent;
        let message = format!(
            "`init` is of a picture of {pixels} pixels along this side: set it to {pixels}, or leave it out"
        );
        return Err(Error::invalid(port, message));
    }
    Ok(match (given("init"), given(port)) {
        (Some(true), _) => init,
        (Some(false), Some(true)) if args.has(port) => Some(wanted()?),
        (Some(false), Some(false)) => Some(wanted()?),
        _ => None,
    })
}

impl NodeKind for Prior {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        let mut lengths = lengths::of_model(&self.models, known, Contract::Prior);
        if let Ok(metadata) = known.model("model").and_then(|model| self.metadata(model)) {
            let given = |port: &str| known.given(port);
            let sides = SIDES.map(|(port, axis, dim)| {
                let from = if known.given("init") == Some(true) { "init" } else { port };
                Some(KnownLength::new(dim, cells((port, axis), known, given, &metadata).ok()??, from))
            });
            lengths.extend(sides.into_iter().flatten());
        }
        lengths
    }

    fn value_for(&self, known: &Args<'_>, dim: &str, length: usize) -> Option<(&'static str, Value)> {
        let metadata = self.metadata(known.model("model").ok()?).ok()?;
        let (port, ..) = SIDES.into_iter().find(|(_, _, name)| *name == dim)?;
        let pixels = metadata.scale.decoder(length).checked_mul(metadata.scale.pixels_per_latent)?;
        let makes = known.given("init") == Some(false) && metadata.scale.serve(pixels).is_ok();
        makes.then(|| Some((port, Value::Int(i128::try_from(pixels).ok()?))))?
    }

    fn left_out(&self, known: &Args<'_>, port: &str) -> Option<Value> {
        let metadata = self.metadata(known.model("model").ok()?).ok()?;
        match port {
            "width" | "height" => Some(Value::Int(i128::try_from(metadata.native_size).ok()?)),
            _ => sampling::left_out(&metadata.sampling, port),
        }
    }

    fn unused(&self, known: &Args<'_>) -> Option<Unused> {
        let metadata = self.metadata(known.model("model").ok()?).ok()?;
        Guidance::unused(known, metadata.sampling.guidance)
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        Guidance::check(known)?;
        seeds::check(known, "text")?;
        if known.has("model") {
            let model = known.model("model")?;
            let metadata = self.metadata(model).map_err(blame_model)?;
            for port in ["width", "height"].into_iter().filter(|port| known.has(port)) {
                side(port, known, &metadata)?;
            }
            let given = |port: &str| known.given(port);
            let [down, across] = SIDES.map(|(port, axis, _)| cells((port, axis), known, given, &metadata));
            let batch = Guidance::batch(known, metadata.sampling.guidance);
            let fit = |port: &str, input: &str, lengths: &[Option<usize>]| {
                lengths::fit(&self.models, (model, Contract::Prior), (port, input), lengths)
            };
            fit("model", "latents", &[batch])?;
            fit("init", "latents", &[None, known.length("init", 1)])?;
            fit(if known.has("height") { "height" } else { "model" }, "latents", &[None, None, down?])?;
            fit(if known.has("width") { "width" } else { "model" }, "latents", &[None, None, None, across?])?;
            fit("text", "text", &lengths::of_one::<3>(known, "text"))?;
            fit("pooled", "pooled", &lengths::of_one::<3>(known, "pooled"))?;
            fit("image", "image", &lengths::of_one::<3>(known, "image"))?;
            inputs::check(&self.models, (model, Contract::Prior), known, &CASCADE)?;
        }
        Ok(())
    }

    fn batch(&self, given: &dyn Fn(&str) -> bool) -> Option<Batch> {
        let counts = (!given("seeds")).then_some("seed");
        let beside = &["negative", "init", "seeds", "pooled", "negative_pooled", "image"];
        Some(Batch::new("text", beside, counts))
    }

    fn state(&self, _known: &Args<'_>) -> Result<Option<Digest>> {
        self.models.lora_digest(Contract::Prior)
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let model = args.model("model")?;
        let metadata = self.metadata(model)?;
        let given = |port: &str| Some(args.has(port));
        let [height, width] = SIDES.map(|(port, axis, _)| cells((port, axis), args, given, &metadata));
        let (Some(height), Some(width)) = (height?, width?) else {
            return Err(Error::Internal("an embedding without sides".into()));
        };
        // The decoder's latents are that many pixels, if no other size is asked for.
        let pixels = |port: &str, cells: usize| match args.count(port) {
            Ok(pixels) => pixels,
            Err(_) => metadata.scale.decoder(cells).saturating_mul(metadata.scale.pixels_per_latent),
        };
        let sampling = Sampling::new(args, model.path(), &metadata.sampling)?
            .of_picture([pixels("height", height), pixels("width", width)]);
        let loaded = self.models.get(ctx, model, Contract::Prior)?;
        let channels = match args.get("init") {
            Some(Value::Tensor(init)) => init.shape()[1],
            _ => loaded.channels().unwrap_or(CHANNELS),
        };
        let (scale, shift) = (metadata.embedding_scale as f32, metadata.embedding_shift as f32);
        inputs::check(&self.models, (model, Contract::Prior), args, &CASCADE)?;
        let conditions =
            sampling.conditions(conditioning(args, &loaded, false)?, || conditioning(args, &loaded, true))?;
        let init = if args.has("init") { Some(batch::one(args, "init")?) } else { None };
        let init: Option<Vec<f32>> =
            init.and_then(|init| Some(init.values::<f32>()?.iter().map(|e| (e - shift) / scale).collect()));
        let mut noise = Noise::new(seeds::one(args)?.unwrap_or(args.seed("seed")?).into());
        let shape = [channels, height, width];
        let latents =
            sampling.run(ctx, &mut noise, init.as_deref(), shape, &conditions, |ctx, feeds, invariant| {
                loaded.noise(ctx, feeds, invariant)
            })?;
        let embedding = latents.iter().map(|z| z * scale + shift).collect();
        let embedding = Tensor::from_vec(&[1, channels, height, width], embedding)?;
        let rng = noise.to_bytes();
        Ok(vec![embedding.into(), Tensor::from_vec(&[rng.len()], rng)?.into()])
    }
}
