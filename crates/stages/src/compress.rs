//! The semantic compressor: computes from pixels the embedding that the prior computes from text.

use std::sync::Arc;

use image::imageops::FilterType;
use wuerst_core::{Args, Ctx, Digest, Error, KnownLength, Model, NodeKind, NodeSpec, Refusal, Result, Value};
use wuerst_model::metadata;
use wuerst_runtime::{Contract, ModelCache};

use crate::image::{MOST_PIXELS, known_size, picture, scaled, tensor};
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
        let signature = "image: u8[h,w,3], model: model -> embedding: f32[1,c,H,W] as embedding";
        let about = "Makes the semantic embedding of a picture, as the prior makes one of text.";
        let spec = NodeSpec::new("wuerst.compress", 1, signature, about)?
            .describe("image", "The picture, RGB; it is resized to what the model reads for each cell.")?
            .describe("model", "A model with the contract `compressor`.")?
            .describe(
                "embedding",
                "The semantic embedding of the picture, for the decoder or as the prior's `init`.",
            )?;
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

/// Cells of the embedding along a side of the picture, as many as the prior would make.
fn cells(pixels: usize, metadata: &metadata::Compressor) -> usize {
    (pixels as f64 / metadata.resolution_multiple).ceil() as usize
}

/// Height and width of the picture that the model reads.
fn read(sides: [usize; 2], metadata: &metadata::Compressor) -> Result<[u32; 2]> {
    let read = |pixels| u32::try_from(cells(pixels, metadata).checked_mul(metadata.stride)?).ok();
    let [height, width] = sides.map(read);
    let fits = |(h, w): &(u32, u32)| u64::from(*w) * u64::from(*h) <= MOST_PIXELS;
    let sides = height.zip(width).filter(fits);
    sides.map(<[u32; 2]>::from).ok_or_else(|| Error::invalid("image", "is too large for the model"))
}

impl NodeKind for Compress {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        let mut lengths = lengths::of_model(&self.models, known, Contract::Compressor);
        if let Ok(metadata) = known.model("model").and_then(|model| self.metadata(model)) {
            let sides = ["H", "W"].into_iter().zip(known_size(known, "image"));
            lengths.extend(
                sides.filter_map(|(dim, pixels)| {
                    Some(KnownLength::new(dim, cells(pixels?, &metadata), "image"))
                }),
            );
        }
        lengths
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            let model = known.model("model")?;
            let metadata = self.metadata(model).map_err(blame_model)?;
            if let [Some(height), Some(width)] = known_size(known, "image") {
                let [height, width] = read([height, width], &metadata)?.map(|side| Some(side as usize));
                let image = [Some(1), Some(3), height, width];
                lengths::fit(&self.models, (model, Contract::Compressor), ("image", "image"), &image)?;
            }
        }
        Ok(())
    }

    fn state(&self, _known: &Args<'_>) -> Result<Option<Digest>> {
        self.models.lora_digest(Contract::Compressor)
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let model = args.model("model")?;
        let metadata = self.metadata(model)?;
        let picture = picture(args, "image")?;
        let (width, height) = picture.dimensions();
        let [height, width] = read([height as usize, width as usize], &metadata)?;
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
