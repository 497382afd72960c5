//! Stage A backwards: computes latents from pixels.

use std::sync::Arc;

use wuerst_core::{
    Args, Ctx, Digest, Error, KnownLength, NodeKind, NodeSpec, Refusal, Result, Tensor, Usage, Value,
};
use wuerst_model::network::Network;
use wuerst_runtime::{Contract, LoadedModel, ModelCache};

use crate::image::known_size;
use crate::lengths;
use crate::sampling::blame_model;
use crate::tiles;
use crate::vqgan::{self, MEMORY, memory_port, metadata};

/// `wuerst.vqgan_encode`: the VQGAN's encoding half, without quantisation.
pub(crate) struct VqganEncode {
    spec: NodeSpec,
    models: Arc<ModelCache>,
}

impl VqganEncode {
    pub(crate) fn new(models: Arc<ModelCache>) -> Result<VqganEncode> {
        let signature = concat!(
            "image: u8[h,w,3], model: model, ",
            memory_port!(),
            " -> latents: f32[1,z,H,W] as latents"
        );
        let about = "Stage A backwards. Makes the latents of a picture, for the decoder to start from.";
        let spec = NodeSpec::new("wuerst.vqgan_encode", 1, signature, about)?
            .describe(
                "image",
                "The picture, RGB. Its sides are multiples of the pixels to a cell of the latents, and as the decoder wants them.",
            )?
            .describe("model", "A model with the contract `vqgan-encoder`.")?
            .describe("memory", MEMORY)?
            .describe("latents", "The picture as the VQGAN knows it, scaled as the decoder's own.")?;
        Ok(VqganEncode { spec, models })
    }
}

impl NodeKind for VqganEncode {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        let mut lengths = lengths::of_model(&self.models, known, Contract::VqganEncoder);
        let metadata =
            known.model("model").and_then(|model| metadata(&self.models, model, Contract::VqganEncoder));
        if let Ok(metadata) = metadata {
            let cell = metadata.pixels_per_latent.max(1);
            let cells =
                |pixels: Option<usize>| pixels.filter(|pixels| pixels.is_multiple_of(cell)).map(|p| p / cell);
            let sides = ["H", "W"].into_iter().zip(known_size(known, "image").map(cells));
            lengths.extend(sides.filter_map(|(dim, cells)| Some(KnownLength::new(dim, cells?, "image"))));
        }
        lengths
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            let model = known.model("model")?;
            let metadata = metadata(&self.models, model, Contract::VqganEncoder).map_err(blame_model)?;
            let sides = known_size(known, "image");
            check_sides(sides, metadata.pixels_per_latent.max(1))?;
            let image = [Some(1), Some(3), sides[0], sides[1]];
            lengths::fit(&self.models, (model, Contract::VqganEncoder), ("image", "image"), &image)?;
        }
        Ok(())
    }

    fn state(&self, _known: &Args<'_>) -> Result<Option<Digest>> {
        self.models.lora_digest(Contract::VqganEncoder)
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let model = args.model("model")?;
        let metadata = metadata(&self.models, model, Contract::VqganEncoder)?;
        let (scale, pixels) = (metadata.latent_scale as f32, metadata.pixels_per_latent.max(1));
        let image = args.tensor("image")?;
        check_sides([0, 1].map(|axis| Some(image.shape()[axis])), pixels)?;
        let planes = planes(image, [0.; 3], [1.; 3])?;
        let loaded = self.models.get(ctx, model, Contract::VqganEncoder)?;
        let latents = encode(ctx, &loaded, &planes, (pixels, args.count("memory")?))?;
        let scaled = latents.to_f32().map(|latents| latents.mapv(|z| z / scale));
        let scaled = scaled.ok_or_else(|| loaded.gave("latents", &latents, "f32[1,z,H,W]"))?;
        Ok(vec![scaled.into()])
    }
}

/// The latents of a picture `[1,3,h,w]`. A latent has `cell` pixels along each side; the model stays within `mebibytes`.
fn encode(
    ctx: &mut Ctx<'_>,
    loaded: &LoadedModel,
    planes: &Tensor,
    (cell, mebibytes): (usize, usize),
) -> Result<Tensor> {
    let [down, across] = [2, 3].map(|axis| planes.shape()[axis]);
    let cells = [down / cell, across / cell];
    let margin = match loaded.network() {
        Some(Network::VqganEncoder(config)) => config.encoder_margin(),
        _ => 0,
    };
    let [rows, columns] =
        vqgan::tiles(loaded, ("image", margin), cells, mebibytes, |[h, w]| [1, 3, h * cell, w * cell])?;
    let why = format!("`wuerst.pixels_per_latent` in its metadata is {cell}");
    let run = |ctx: &mut Ctx<'_>, image: &Tensor| {
        let latents = loaded.run(ctx, &[("image", image)], "latents")?;
        let channels = latents.shape().get(1).copied().unwrap_or(1);
        let [height, width] = [2, 3].map(|axis| image.shape()[axis] / cell);
        loaded.shaped("latents", &latents, &[1, channels, height, width], &why)?;
        Ok::<_, Error>(latents)
    };
    let count = rows.len() * columns.len();
    ctx.step(0, count)?;
    if count == 1 {
        let latents = run(ctx, planes)?;
        ctx.step(1, 1)?;
        return Ok(latents);
    }
    let whole = planes.values::<f32>().unwrap_or_default();
    let (mut all, mut channels) = (vec![], 1);
    for (done, (down_span, across_span)) in
        rows.iter().flat_map(|down| columns.iter().map(move |across| (down, across))).enumerate()
    {
        let in_pixels = |span: &tiles::Span| span.read.start * cell..span.read.end * cell;
        let tile = tiles::cut(whole, [down, across], &in_pixels(down_span), &in_pixels(across_span));
        let read = [down_span, across_span].map(|span| span.read.len() * cell);
        let latents = run(ctx, &Tensor::from_vec(&[1, 3, read[0], read[1]], tile)?)?;
        channels = latents.shape()[1];
        all.resize(channels * cells[0] * cells[1], 0.);
        let made = latents.values::<f32>().unwrap_or_default();
        tiles::paste(&mut all, cells, made, [down_span, across_span], 1);
        ctx.step(done + 1, count)?;
    }
    ctx.used(&Usage::tiled(count));
    Tensor::from_vec(&[1, channels, cells[0], cells[1]], all)
}

/// Refuses a picture whose known height or width is not a multiple of the pixels per cell.
fn check_sides(sides: [Option<usize>; 2], cell: usize) -> Result<()> {
    if sides.iter().flatten().all(|side| *side > 0 && side.is_multiple_of(cell)) {
        return Ok(());
    }
    let shown = sides.map(|side| side.map_or_else(|| "?".to_owned(), |side| side.to_string()));
    let message = format!("has {}x{} pixels, and its sides must be multiples of {cell}", shown[1], shown[0]);
    Err(Error::invalid("image", message))
}

/// A picture `u8[h,w,3]` as a network's input: `f32[1,3,h,w]`, with colours in 0..1 normalised by mean and standard
/// deviation.
pub(crate) fn planes(image: &Tensor, mean: [f64; 3], std: [f64; 3]) -> Result<Tensor> {
    let (&[height, width, 3], Some(bytes)) = (image.shape(), image.values::<u8>()) else {
        return Err(Error::Internal("a picture that is none".into()));
    };
    let number = |byte: u8, colour: usize| ((f64::from(byte) / 255. - mean[colour]) / std[colour]) as f32;
    let plane = |colour: usize| bytes.chunks_exact(3).map(move |rgb| number(rgb[colour], colour));
    Tensor::from_vec(&[1, 3, height, width], [0, 1, 2].into_iter().flat_map(plane).collect())
}
