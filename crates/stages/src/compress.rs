//! The semantic compressor: from pixels to the embedding that the prior would have to make of text.

use std::sync::Arc;

use image::imageops::FilterType;
use wuerst_core::{Args, Ctx, Error, KnownLength, Model, NodeKind, NodeSpec, Refusal, Result, Value};
use wuerst_model::metadata;
use wuerst_runtime::{Contract, ModelCache};

use crate::image::{MOST_PIXELS, picture, scaled, tensor};
use crate::lengths;
use crate::sampling::blame_model;
use crate::vqgan_encode::planes;

/// `wuerst.compress`: a picture's semantic embedding.
pub(crate) struct Compress {
    spec: NodeSpec,
    models: Arc<ModelCache>,
}

impl Compress {
    pub(crate) fn new(models: Arc<ModelCache>) -> Result<Compress> {
        let signature = "image: u8[h,w,3], model: model -> embedding: f32[1,c,H,W]";
        let about = "Makes the semantic embedding of a picture, as the prior makes one of text.";
        let spec = NodeSpec::new("wuerst.compress", 1, signature, about)?
            .describe("image", "The picture, RGB; it is resized to what the model reads for each cell.")?
            .describe("model", "A model with the contract `compressor`.")?
            .describe("embedding", "What the picture shows, for the decoder or as the prior's `init`.")?;
        Ok(Compress { spec, models })
    }

    fn metadata(&self, model: &Model) -> Result<metadata::Compressor> {
        let metadata: metadata::Compressor = self.models.metadata(model, Contract::Compressor)?;
        if metadata.stride > 0 && metadata.resolution_multiple >= 1. {
            return Ok(metadata);
        }
        let source = "its metadata gives no size to a cell of the embedding".into();
        Err(Error::Model { path: model.path().to_owned(), source })
    }
}

impl NodeKind for Compress {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        lengths::of_model(&self.models, known, Contract::Compressor)
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            self.metadata(known.model("model")?).map_err(blame_model)?;
        }
        Ok(())
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let model = args.model("model")?;
        let metadata = self.metadata(model)?;
        let picture = picture(args, "image")?;
        let (width, height) = picture.dimensions();
        // As many cells as the prior would have for a picture of this size.
        let side = |pixels: u32| {
            let cells = (f64::from(pixels) / metadata.resolution_multiple).ceil() as u32;
            u32::try_from(metadata.stride).ok().and_then(|stride| cells.checked_mul(stride))
        };
        let fits = |(w, h): &(u32, u32)| u64::from(*w) * u64::from(*h) <= MOST_PIXELS;
        let sides = side(width).zip(side(height)).filter(fits);
        let (width, height) = sides.ok_or_else(|| Error::invalid("image", "is too large for the model"))?;
        let read = tensor(scaled(&picture, [width, height], FilterType::CatmullRom))?;
        let planes = planes(&read, metadata.mean, metadata.std)?;
        let loaded = self.models.get(ctx, model, Contract::Compressor)?;
        ctx.step(0, 1)?;
        let embedding = loaded.run(ctx, &[("image", &planes)], "embedding")?;
        ctx.step(1, 1)?;
        let channels = embedding.shape().get(1).copied().unwrap_or(1);
        let [height, width] = [height, width].map(|side| side as usize / metadata.stride);
        let why = format!("`wuerst.stride` in its metadata is {}", metadata.stride);
        loaded.shaped("embedding", &embedding, &[1, channels, height, width], &why)?;
        Ok(vec![embedding.into()])
    }
}
