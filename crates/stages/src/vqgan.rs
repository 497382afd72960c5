//! Stage A: computes pixels from latents.

use std::sync::Arc;

use wuerst_core::colour::byte;
use wuerst_core::{
    Args, Batch, Ctx, Digest, KnownLength, Model, NodeKind, NodeSpec, Refusal, Result, Tensor, Usage, Value,
    memory,
};
use wuerst_model::metadata;
use wuerst_model::network::Network;
use wuerst_runtime::{Contract, LoadedModel, ModelCache};

use crate::lengths;
use crate::sampling::batch;
use crate::sampling::blame_model;
use crate::tiles::{self, Tiles};

/// `wuerst.vqgan_decode`, and `wuerst.vqgan_decode_batch` for several pictures: the VQGAN's decoding half, without quantisation.
pub(crate) struct Vqgan {
    spec: NodeSpec,
    models: Arc<ModelCache>,
    /// Whether the result is a list of pictures, even for a single one.
    list: bool,
}

impl Vqgan {
    /// The node for one picture.
    pub(crate) fn new(models: Arc<ModelCache>) -> Result<Vqgan> {
        let signature = concat!(
            "latents: f32[1,z,H,W] as latents, model: model, ",
            memory_port!(),
            " -> image: u8[h,w,3], pixels: f32[h,w,3] as picture"
        );
        let spec = NodeSpec::new("wuerst.vqgan_decode", 1, signature, "Stage A. Makes pixels from latents.")?
            .with_expected_ms(200.)
            .describe("latents", "From the decoder.")?
            .describe("model", "A model with the contract `vqgan-decoder`.")?
            .describe("memory", MEMORY)?
            .describe("image", "The picture, RGB.")?
            .describe("pixels", "The picture before rounding, in 0..1.")?;
        Ok(Vqgan { spec, models, list: false })
    }

    /// The node for several pictures.
    pub(crate) fn batch(models: Arc<ModelCache>) -> Result<Vqgan> {
        let signature = concat!(
            "latents: f32[b,z,H,W] as latents, model: model, ",
            memory_port!(),
            " -> images: u8[b,h,w,3], pixels: f32[b,h,w,3] as picture"
        );
        let about = "Stage A. Makes the pixels of several pictures, one after the other.";
        let spec = NodeSpec::new("wuerst.vqgan_decode_batch", 1, signature, about)?
            .with_expected_ms(200.)
            .describe("latents", "From the decoder, of each picture.")?
            .describe("model", "A model with the contract `vqgan-decoder`.")?
            .describe("memory", MEMORY)?
            .describe("images", "The pictures, RGB; `image.grid` lays them out, `image.pick` takes one.")?
            .describe("pixels", "The picture before rounding, in 0..1.")?;
        Ok(Vqgan { spec, models, list: true })
    }
}

/// The port for the memory of either half, in the notation of signatures.
macro_rules! memory_port {
    () => {
        "memory: int = 4096 {1..1048576}"
    };
}
pub(crate) use memory_port;

/// Description of the port `memory`.
pub(crate) const MEMORY: &str = "MiB that intermediate values may take. A picture that is predicted to take more is made in \
                                 tiles, which read as much around them as the network sees: the picture is the same up to \
                                 rounding.";

/// The metadata of either half of a VQGAN.
pub(crate) fn metadata(models: &ModelCache, model: &Model, contract: Contract) -> Result<metadata::Vqgan> {
    models.metadata(model, contract)
}

impl NodeKind for Vqgan {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        let mut lengths = lengths::of_model(&self.models, known, Contract::VqganDecoder);
        let metadata =
            known.model("model").and_then(|model| metadata(&self.models, model, Contract::VqganDecoder));
        if let Ok(metadata) = metadata {
            let sides = [("h", 2), ("w", 3)].map(|(dim, axis)| {
                let cells = known.length("latents", axis)?;
                Some(KnownLength::new(dim, cells.checked_mul(metadata.pixels_per_latent)?, "latents"))
            });
            lengths.extend(sides.into_iter().flatten());
        }
        lengths
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            let model = known.model("model")?;
            metadata(&self.models, model, Contract::VqganDecoder).map_err(blame_model)?;
            let latents: [_; 4] = lengths::of_one(known, "latents");
            let contract = (model, Contract::VqganDecoder);
            lengths::fit(&self.models, contract, ("latents", "latents"), &latents)?;
        }
        Ok(())
    }

    fn batch(&self, _given: &dyn Fn(&str) -> bool) -> Option<Batch> {
        self.list.then(|| Batch::new("latents", &[], None))
    }

    fn state(&self, _known: &Args<'_>) -> Result<Option<Digest>> {
        self.models.lora_digest(Contract::VqganDecoder)
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let model = args.model("model")?;
        let metadata = metadata(&self.models, model, Contract::VqganDecoder)?;
        let scale = metadata.latent_scale as f32;
        let loaded = self.models.get(ctx, model, Contract::VqganDecoder)?;
        let latents = batch::one(args, "latents")?;
        let scaled = latents.values::<f32>().unwrap_or_default().iter().map(|z| z * scale);
        let scaled = memory::collected(scaled)?;
        let scaled = Tensor::from_vec(latents.shape(), scaled)?;
        let budget = args.count("memory")?;
        let (shape, pixels) = decode(ctx, &loaded, &scaled, (metadata.pixels_per_latent, budget))?;
        let bytes = memory::collected(pixels.iter().map(|colour| byte(*colour)))?;
        let shape = if self.list { [&[1][..], &shape].concat() } else { shape.to_vec() };
        Ok(vec![Tensor::from_vec(&shape, bytes)?.into(), Tensor::from_vec(&shape, pixels)?.into()])
    }
}

/// Tiles of `[height,width]` latents such that the network, which sees `margin` latents around each place, stays within
/// `mebibytes`; one tile if the model does not state its network. `shape` returns the shape of the input for a tile.
pub(crate) fn tiles(
    loaded: &LoadedModel,
    (input, margin): (&str, usize),
    sides: [usize; 2],
    mebibytes: usize,
    shape: impl Fn([usize; 2]) -> [usize; 4],
) -> Result<Tiles> {
    let budget = (mebibytes as u64).saturating_mul(1 << 20);
    let fits = |sides| loaded.predicted_memory(input, &shape(sides)).is_none_or(|bytes| bytes <= budget);
    tiles::plan(sides, margin, fits)
}

/// The shape of a picture, `[h,w,3]`, and its pixels, row by row with interleaved colours. A latent has
/// `per_latent` pixels along each side.
fn decode(
    ctx: &mut Ctx<'_>,
    loaded: &LoadedModel,
    latents: &Tensor,
    (per_latent, mebibytes): (usize, usize),
) -> Result<([usize; 3], Vec<f32>)> {
    let (channels, cells) = (latents.shape()[1], [2, 3].map(|axis| latents.shape()[axis]));
    let margin = match loaded.network() {
        Some(Network::VqganDecoder(config)) => config.decoder_margin(),
        _ => 0,
    };
    let [rows, columns] = tiles(loaded, ("latents", margin), cells, mebibytes, |[h, w]| [1, channels, h, w])?;
    let [height, width] = cells.map(|side| side.saturating_mul(per_latent));
    let why = format!("`wuerst.pixels_per_latent` in its metadata is {per_latent}");
    let count = rows.len() * columns.len();
    ctx.step(0, count)?;
    let image = if count == 1 {
        let image = loaded.run(ctx, &[("latents", latents)], "image")?;
        loaded.shaped("image", &image, &[1, 3, height, width], &why)?;
        ctx.step(1, 1)?;
        image
    } else {
        let whole = latents.values::<f32>().unwrap_or_default();
        let mut planes = memory::room(3 * height * width)?;
        planes.resize(3 * height * width, 0.);
        for (done, (down, across)) in
            rows.iter().flat_map(|d| columns.iter().map(move |a| (d, a))).enumerate()
        {
            let tile = tiles::cut(whole, cells, &down.read, &across.read);
            let read = [down, across].map(|span| span.read.len());
            let tile = Tensor::from_vec(&[1, channels, read[0], read[1]], tile)?;
            let made = loaded.run(ctx, &[("latents", &tile)], "image")?;
            loaded.shaped("image", &made, &[1, 3, read[0] * per_latent, read[1] * per_latent], &why)?;
            let made = made.values::<f32>().unwrap_or_default();
            tiles::paste(&mut planes, [height, width], made, [down, across], per_latent);
            ctx.step(done + 1, count)?;
        }
        ctx.used(&Usage::tiled(count));
        Tensor::from_vec(&[1, 3, height, width], planes)?
    };
    let planes = image.values::<f32>().unwrap_or_default();
    if let Some(doubt) = doubt(planes) {
        ctx.warn(&format!("{}: {doubt}", loaded.file_name()));
    }
    let places = height * width;
    let colours = |place: usize| [0, 1, 2].map(|colour| planes[colour * places + place].clamp(0., 1.));
    let mut pixels = memory::room(3 * places)?;
    pixels.extend((0..places).flat_map(colours));
    Ok(([height, width, 3], pixels))
}

/// Distance beyond 0 to 1 that colours of a good model may reach in all white or all black pictures.
const BEYOND: f32 = 0.25;

/// Reason to doubt that a model returns colours from 0 to 1; `None` if most of them are in that range.
fn doubt(colours: &[f32]) -> Option<String> {
    let outside = |x: &&f32| !(-BEYOND..=1. + BEYOND).contains(*x);
    let count = colours.iter().filter(outside).count();
    if 2 * count <= colours.len() {
        return None;
    }
    let (least, most) = colours.iter().fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
    let range = if least < -BEYOND && most <= 2. { "-1 to 1" } else { "0 to 255" };
    Some(format!(
        "{}% of its colours lie outside 0 to 1, from {least} to {most}, and were cut off; does the model give {range}?",
        count * 100 / colours.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_doubted() {
        let bytes: Vec<f32> = (0..=255).map(|byte| byte as f32).collect();
        assert!(doubt(&bytes).is_some_and(|said| said.ends_with("does the model give 0 to 255?")));
        assert!(doubt(&bytes).is_some_and(|said| said.starts_with("99% of its colours")));
        let signed = [-1., -0.9, -0.8, 0.5];
        assert!(doubt(&signed).is_some_and(|said| said.ends_with("does the model give -1 to 1?")));
        assert_eq!(doubt(&[1.1, 1.2, 1.01, -0.2, 0.5]), None, "as a white picture has them");
        assert_eq!(doubt(&[]), None);
    }
}
