//! Stage B: from the semantic embedding to the latents of the VQGAN.

use std::sync::Arc;

use wuerst_core::{
    Args, Batch, Ctx, Digest, Error, KnownLength, Model, NodeKind, NodeSpec, Refusal, Result, Tensor, Unused,
    Value,
};
use wuerst_model::metadata;
use wuerst_model::noise::Noise;
use wuerst_model::scale::Scale;
use wuerst_runtime::{Contract, ModelCache};

use crate::lengths;
use crate::sampling::batch;
use crate::sampling::guidance::{self, Guidance};
use crate::sampling::inputs::{self, PortInput};
use crate::sampling::seeds;
use crate::sampling::start::{self, start_ports};
use crate::sampling::{self, Sampling, blame_model, sampling_ports};

/// Channels of the VQGAN's latents, unless the model states another number.
const CHANNELS: usize = 4;

/// `wuerst.decoder`: denoises the VQGAN's latents, conditioned on the embedding and the text.
pub(crate) struct Decode {
    spec: NodeSpec,
    models: Arc<ModelCache>,
}

impl Decode {
    pub(crate) fn new(models: Arc<ModelCache>) -> Result<Decode> {
        let signature = concat!(
            "embedding: f32[b,c,h,w] as embedding, text: f32[t,l,d] as text?, negative: f32[n,l,d] as text?, model: model, ",
            sampling_ports!(),
            ", seed: int? {0..}, seeds: i64[s]?, rng: u8[r]?, init: f32[b,z,H,W] as latents?, ",
            start_ports!(),
            ", pooled: f32[t,1,p]?, negative_pooled: f32[n,1,p]?, ",
            "width: int? {1..16384}, height: int? {1..16384}",
            " -> latents: f32[b,z,H,W] as latents"
        );
        let about = "Stage B. Makes the latents of a picture from its semantic embedding; of several, one for each of a batch.";
        let mut spec = NodeSpec::new("wuerst.decoder", 1, signature, about)?
            .with_expected_ms(2000.)
            .describe("embedding", "The semantic embedding, from the prior or a compressor.")?
            .describe("text", "States of the decoder's text encoder; one for all pictures, or one for each. Stable Cascade takes `pooled` in its place.")?
            .describe("negative", "States for what the picture should not show; one for all pictures, or one for each.")?
            .describe("model", "A model with the contract `decoder`.")?
            .describe("seed", "Starts the random numbers anew; its low 32 bits count. The next of a batch has the next seed. When left out, they go on from `rng`.")?
            .describe("seeds", seeds::ABOUT)?
            .describe("rng", "State of the random numbers after the prior. With neither, the seed is 0.")?
            .describe("pooled", "The pooled vector of the prompt, from `wuerst.text_encode_pooled`; for Stable Cascade.")?
            .describe("negative_pooled", "The pooled vector of the negative prompt.")?
            .describe("width", "Width of the picture in pixels; what follows from the embedding when left out. Stable Cascade's decoder makes any multiple of 8.")?
            .describe("height", "Height of the picture in pixels; what follows from the embedding when left out.")?
            .describe("latents", "The picture as the VQGAN knows it; published models have 4 channels, and 4 pixels to a cell.")?;
        for (port, about) in sampling::ABOUT.into_iter().chain(guidance::ABOUT).chain(start::ABOUT) {
            spec = spec.describe(port, about)?;
        }
        Ok(Decode { spec, models })
    }

    fn metadata(&self, model: &Model) -> Result<metadata::Decoder> {
        self.models.metadata(model, Contract::Decoder)
    }
}

/// Inputs that only one family of networks has.
const INPUTS: [PortInput; 4] = [
    ("text", "text", true),
    ("negative", "text", false),
    ("pooled", "pooled", true),
    ("negative_pooled", "pooled", false),
];

/// The ports for the picture's size, with the axis of latents and embedding, and its name in the signature.
const SIDES: [(&str, usize, &str); 2] = [("height", 2, "H"), ("width", 3, "W")];

/// Latent cells for a side of the embedding; the network must be able to halve their number.
fn side(cells: usize, scale: &Scale) -> Result<usize> {
    let latents = scale.decoder(cells);
    if latents > 0 && scale.makes(latents) {
        return Ok(latents);
    }
    let multiple = scale.latent_multiple;
    let advice = match scale.least_latents {
        Some(least) => format!(" from {least} on: set `width` and `height`"),
        None => String::new(),
    };
    Err(Error::invalid(
        "embedding",
        format!(
            "its side of {cells} makes {latents} latents, but the decoder needs a multiple of {multiple}{advice}"
        ),
    ))
}

/// Latent cells along a side, as far as they are known; `given` tells whether a port has a value.
fn cells(
    (port, axis): (&str, usize),
    args: &Args<'_>,
    given: Option<bool>,
    scale: &Scale,
) -> Result<Option<usize>> {
    let embedding = args.length("embedding", axis);
    let follows = || embedding.map(|cells| side(cells, scale)).transpose();
    if given == Some(false) {
        return follows();
    }
    if !args.has(port) {
        return Ok(None);
    }
    let pixels = args.count(port)?;
    scale.serve(pixels).map_err(|message| Error::invalid(port, message))?;
    let latents = scale.latents(pixels);
    let other = if scale.least_latents.is_none() { follows()?.filter(|own| *own != latents) } else { None };
    match other {
        Some(own) => {
            let own = own.saturating_mul(scale.pixels_per_latent);
            Err(Error::invalid(
                port,
                format!("the embedding is of a picture of {own} pixels along this side"),
            ))
        }
        None => Ok(Some(latents)),
    }
}

/// Latent cells down and across, as far as they are known.
///
/// # Errors
/// The decoder makes no picture from such an embedding, or `init` belongs to a picture of another size.
fn check_sizes(
    args: &Args<'_>,
    given: impl Fn(&str) -> Option<bool>,
    metadata: &metadata::Decoder,
) -> Result<[Option<usize>; 2]> {
    let [down, across] = SIDES.map(|(port, axis, _)| cells((port, axis), args, given(port), &metadata.scale));
    let (wanted, init) = ([down?, across?], [2, 3].map(|axis| args.length("init", axis)));
    let differ = |(wanted, init): (&Option<usize>, &Option<usize>)| {
        wanted.zip(*init).is_some_and(|(wanted, init)| wanted != init)
    };
    if wanted.iter().zip(&init).any(differ) {
        return Err(other_size(init, wanted, &metadata.scale));
    }
    Ok(wanted)
}

/// An error for an `init` of another picture size than the embedding, in pixels; both arguments are cells down and across.
fn other_size(init: [Option<usize>; 2], embedding: [Option<usize>; 2], scale: &Scale) -> Error {
    let pixels = |cells: usize| cells.saturating_mul(scale.pixels_per_latent);
    let shown = |sides: [Option<usize>; 2]| {
        let [down, across] =
            sides.map(|cells| cells.map_or_else(|| "?".to_owned(), |cells| pixels(cells).to_string()));
        format!("{across}x{down}")
    };
    let refused = init.iter().flatten().find_map(|cells| scale.serve(pixels(*cells)).err());
    let why = refused.unwrap_or_else(|| format!("the embedding is of one of {}", shown(embedding)));
    Error::invalid("init", format!("is of a picture of {} pixels, but {why}", shown(init)))
}

/// The random numbers: from a seed, or continued from the prior.
fn noise(args: &Args<'_>) -> Result<Noise> {
    if let Some(seed) = seeds::one(args)? {
        return Ok(Noise::new(seed.into()));
    }
    if args.has("seed") || !args.has("rng") {
        let seed = if args.has("seed") { args.seed("seed")? } else { 0 };
        return Ok(Noise::new(seed.into()));
    }
    args.tensor_u8("rng")?.as_slice().and_then(Noise::from_bytes).ok_or_else(|| {
        let message = "is not the state of a generator for each picture, as `wuerst.prior` gives it";
        Error::invalid("rng", message)
    })
}

impl NodeKind for Decode {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        let mut lengths = lengths::of_model(&self.models, known, Contract::Decoder);
        if let Ok(metadata) = known.model("model").and_then(|model| self.metadata(model)) {
            let sides = SIDES.map(|(port, axis, dim)| {
                let given = known.given(port);
                let from = if given == Some(true) { port } else { "embedding" };
                Some(KnownLength::new(dim, cells((port, axis), known, given, &metadata.scale).ok()??, from))
            });
            lengths.extend(sides.into_iter().flatten());
        }
        lengths
    }

    fn left_out(&self, known: &Args<'_>, port: &str) -> Option<Value> {
        let metadata = self.metadata(known.model("model").ok()?).ok()?;
        sampling::left_out(&metadata.sampling, port)
    }

    fn unused(&self, known: &Args<'_>) -> Option<Unused> {
        let metadata = self.metadata(known.model("model").ok()?).ok()?;
        Guidance::unused(known, metadata.sampling.guidance)
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        Guidance::check(known)?;
        seeds::check(known, "embedding")?;
        if known.has("model") {
            let model = known.model("model")?;
            let metadata = self.metadata(model).map_err(blame_model)?;
            let cells = check_sizes(known, |port| known.given(port), &metadata)?;
            let batch = Guidance::batch(known, metadata.sampling.guidance);
            let contract = (model, Contract::Decoder);
            let fit = |port: &str, input: &str, lengths: &[Option<usize>]| {
                lengths::fit(&self.models, contract, (port, input), lengths)
            };
            fit("model", "latents", &[batch])?;
            fit("init", "latents", &[None, known.length("init", 1)])?;
            fit("embedding", "latents", &[None, None, cells[0], cells[1]])?;
            fit("embedding", "embedding", &lengths::of_one::<4>(known, "embedding"))?;
            fit("text", "text", &lengths::of_one::<3>(known, "text"))?;
            fit("pooled", "pooled", &lengths::of_one::<3>(known, "pooled"))?;
            inputs::check(&self.models, contract, known, &INPUTS)?;
        }
        Ok(())
    }

    fn batch(&self, given: &dyn Fn(&str) -> bool) -> Option<Batch> {
        let counts = (!given("seeds") && (given("seed") || !given("rng"))).then_some("seed");
        let beside = &["text", "negative", "rng", "init", "seeds", "pooled", "negative_pooled"];
        Some(Batch::new("embedding", beside, counts))
    }

    fn state(&self, _known: &Args<'_>) -> Result<Option<Digest>> {
        self.models.lora_digest(Contract::Decoder)
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let model = args.model("model")?;
        let metadata = self.metadata(model)?;
        let [Some(height), Some(width)] = check_sizes(args, |port| Some(args.has(port)), &metadata)? else {
            return Err(Error::Internal("an embedding without sides".into()));
        };
        let pixels = metadata.scale.pixels_per_latent;
        let sampling = Sampling::new(args, model.path(), &metadata.sampling)?
            .of_picture([height, width].map(|side| side.saturating_mul(pixels)));
        let loaded = self.models.get(ctx, model, Contract::Decoder)?;
        let channels = loaded.channels().unwrap_or(CHANNELS);
        if let Some(Value::Tensor(init)) = args.get("init")
            && init.shape()[1] != channels
        {
            let message = format!("it has {} channels, and the model takes {channels}", init.shape()[1]);
            return Err(Error::invalid("init", message));
        }
        let embedding = batch::one(args, "embedding")?;
        inputs::check(&self.models, (model, Contract::Decoder), args, &INPUTS)?;
        let condition =
            if loaded.has("pooled") { ["pooled", "negative_pooled"] } else { ["text", "negative"] };
        let input = condition[0];
        let text = vec![("embedding", embedding.clone()), (input, batch::one(args, input)?)];
        let conditions = sampling.conditions(text, || {
            // Unconditional guidance drops the embedding together with the text.
            let nothing = Tensor::from_vec(embedding.shape(), vec![0f32; embedding.len()])?;
            Ok(vec![("embedding", nothing), (input, batch::one(args, condition[1])?)])
        })?;
        let init = if args.has("init") { Some(batch::one(args, "init")?) } else { None };
        let init = init.as_ref().and_then(|init| init.values::<f32>());
        let shape = [channels, height, width];
        let latents =
            sampling.run(ctx, &mut noise(args)?, init, shape, &conditions, |ctx, feeds, invariant| {
                loaded.noise(ctx, feeds, invariant)
            })?;
        Ok(vec![Tensor::from_vec(&[1, channels, height, width], latents)?.into()])
    }
}
