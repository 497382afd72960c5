//! CLIP's vision tower: computes from pixels the vector that Stable Cascade's prior varies.

use std::sync::Arc;

use image::{RgbImage, imageops};
use wuerst_core::{Args, Ctx, Digest, Error, Model, NodeKind, NodeSpec, Refusal, Result, Tensor, Value};
use wuerst_model::metadata;
use wuerst_runtime::{Contract, ModelCache};

use crate::image::{bicubic, picture, tensor};
use crate::lengths;
use crate::sampling::{batch, blame_model};
use crate::vqgan_encode::planes;

/// Maximum number of pictures that a prior varies at once.
const MOST: usize = 64;

/// `wuerst.clip_image`: a picture's CLIP embedding.
pub(crate) struct ClipImage {
    spec: NodeSpec,
    models: Arc<ModelCache>,
}

impl ClipImage {
    pub(crate) fn new(models: Arc<ModelCache>) -> Result<ClipImage> {
        let signature = "image: u8[h,w,3], model: model, strength: float = 1.0 {0.0..10.0}, others: f32[1,k,e]? \
                         -> embeds: f32[1,K,e]";
        let about = "Makes the CLIP embedding of a picture, for Stable Cascade's prior to vary.";
        let spec = NodeSpec::new("wuerst.clip_image", 1, signature, about)?
            .with_expected_ms(100.)
            .describe("image", "The picture, RGB. It is resized, and what is longer than wide or wider than long is cut on both sides.")?
            .describe("model", "A model with the contract `image-encoder`.")?
            .describe("strength", "Factor for the picture's embedding. 0 equals no picture.")?
            .describe("others", "Embeddings of other pictures, from such a node; this one's comes after them.")?
            .describe("embeds", "One vector for each picture.")?;
        Ok(ClipImage { spec, models })
    }

    fn metadata(&self, model: &Model) -> Result<metadata::ImageEncoder> {
        self.models.metadata(model, Contract::ImageEncoder)
    }
}

/// The central square of a picture in this size, as in CLIP's own preprocessing.
fn square(picture: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let least = width.min(height).max(1);
    let along = |length: u32| {
        let length = u64::from(side) * u64::from(length) / u64::from(least);
        u32::try_from(length).unwrap_or(u32::MAX).max(side)
    };
    let whole = bicubic::resized(picture, [along(width), along(height)]);
    let cut = |length: u32| (length - side) / 2;
    imageops::crop_imm(&whole, cut(whole.width()), cut(whole.height()), side, side).to_image()
}

impl NodeKind for ClipImage {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            let model = known.model("model")?;
            let side = self.metadata(model).map_err(blame_model)?.side;
            let image = [Some(1), Some(3), Some(side), Some(side)];
            lengths::fit(&self.models, (model, Contract::ImageEncoder), ("model", "image"), &image)?;
        }
        Ok(())
    }

    fn state(&self, _known: &Args<'_>) -> Result<Option<Digest>> {
        self.models.lora_digest(Contract::ImageEncoder)
    }

    fn run(&self, ctx: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let model = args.model("model")?;
        let metadata = self.metadata(model)?;
        let picture = picture(args, "image")?;
        let (width, height) = picture.dimensions();
        let side = u32::try_from(metadata.side).unwrap_or(u32::MAX);
        // Resizing a line of a few pixels would give more pixels than any picture may have.
        if width.max(height) / width.min(height).max(1) > MOST as u32 {
            let message = format!("is {width}x{height} pixels, of which no square can be cut");
            return Err(Error::invalid("image", message));
        }
        let pixels = planes(&tensor(square(&picture, side))?, metadata.mean, metadata.std)?;
        let loaded = self.models.get(ctx, model, Contract::ImageEncoder)?;
        ctx.step(0, 1)?;
        let embeds = loaded.run(ctx, &[("image", &pixels)], "embeds")?;
        ctx.step(1, 1)?;
        let features = embeds.shape().get(1).copied().unwrap_or(1);
        loaded.shaped("embeds", &embeds, &[1, features], "one picture is fed")?;
        let strength = args.float("strength")? as f32;
        let mut all = if args.has("others") {
            batch::one(args, "others")?.values().unwrap_or_default().to_vec()
        } else {
            vec![]
        };
        all.extend(embeds.values::<f32>().unwrap_or_default().iter().map(|number| number * strength));
        let (count, rest) = (all.len() / features.max(1), all.len() % features.max(1));
        if rest != 0 || count > MOST {
            let message =
                format!("must be embeddings of {features} numbers each, of fewer than {MOST} pictures");
            return Err(Error::invalid("others", message));
        }
        Ok(vec![Tensor::from_vec(&[1, count, features], all)?.into()])
    }
}
