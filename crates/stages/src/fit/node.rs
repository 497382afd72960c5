//! `image.fit`: converts a picture of any size to a size that a model makes.

use std::sync::Arc;

use ndarray::{Array2, Ix2, s};
use wuerst_core::{Args, Ctx, Error, KnownLength, NodeKind, NodeSpec, Refusal, Result, Value};
use wuerst_runtime::ModelCache;

use super::Sizes;
use super::layout::{Layout, way_port};
use super::target::target;
use crate::image::{allowed, bounded, known_size, picture, tensor, unit};
use crate::sampling::blame_model;
use crate::sampling::start::averaged;

pub(super) struct Fit {
    spec: NodeSpec,
    models: Arc<ModelCache>,
}

impl Fit {
    pub(super) fn new(models: Arc<ModelCache>) -> Result<Fit> {
        let signature = concat!(
            "image: u8[h,w,3], model: model, ",
            way_port!(),
            ", side: int? {1..16384}, most: int? {1..16384}, mask: f32[h,w] as mask? -> image: u8[H,W,3], mask: f32[H,W] as mask"
        );
        let about = "Makes a picture of any size fit for a model: the nearest size that it makes, in about the picture's \
                     proportions. `image.unfit` is the way back.";
        let spec = NodeSpec::new("image.fit", 1, signature, about)?
            .describe("image", "The picture, RGB.")?
            .describe("model", "A prior or decoder, whose sizes count; it is not loaded.")?
            .describe(
                "way",
                "`scale` brings all of the picture into the new proportions, `crop` cuts off what goes past them, evenly, \
                 `pad` repeats the pixels of the edge around it.",
            )?
            .describe(
                "side",
                "About as many pixels as a square of this side. Left out, and `most` too: as many as the model makes best, \
                 if it is a prior, and else as the picture has.",
            )?
            .describe("most", "No more pixels, or not much more, than a square of this side.")?
            .describe("mask", "A mask of the picture, which goes the same way; left out, it is 1 everywhere.")?
            .describe("-> image", "The picture in a size that the model makes.")?
            .describe("-> mask", "The mask in that size; 0 where `pad` has added something.")?;
        Ok(Fit { spec, models })
    }

    /// Width and height of the result, as far as they are known; `given` tells whether `side` and `most` have values.
    fn size(&self, args: &Args<'_>, given: [Option<bool>; 2]) -> Result<Option<[usize; 2]>> {
        let [Some(height), Some(width)] = known_size(args, "image") else { return Ok(None) };
        if !args.has("model") {
            return Ok(None);
        }
        let sizes = Sizes::of(&self.models, args.model("model")?)?;
        let number = |port: &str, given: Option<bool>| match given {
            Some(true) => args.count(port).ok().map(Some),
            Some(false) => Some(None),
            None => None,
        };
        let (Some(side), Some(most)) = (number("side", given[0]), number("most", given[1])) else {
            return Ok(None);
        };
        let square = |side: usize| side as f64 * side as f64;
        let wanted = side.or(if most.is_none() { sizes.native } else { None });
        let area = wanted.map_or(width as f64 * height as f64, square);
        let area = most.map_or(area, |most| area.min(square(most)));
        let size = target(&sizes.scale, [width, height], area)?;
        bounded("image", size).map(|_| Some(size))
    }

    fn known(&self, args: &Args<'_>) -> Result<Option<[usize; 2]>> {
        self.size(args, ["side", "most"].map(|port| args.given(port)))
    }
}

impl NodeKind for Fit {
    fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    fn check(&self, known: &Args<'_>) -> Result<(), Refusal> {
        if known.has("model") {
            Sizes::of(&self.models, known.model("model")?).map_err(blame_model)?;
        }
        self.known(known).map(drop).map_err(Refusal::from)
    }

    fn lengths(&self, known: &Args<'_>) -> Vec<KnownLength> {
        let Ok(Some([width, height])) = self.known(known) else { return Vec::new() };
        vec![KnownLength::new("H", height, "image"), KnownLength::new("W", width, "image")]
    }

    fn run(&self, _: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
        let picture = picture(args, "image")?;
        let size = self.size(args, ["side", "most"].map(|port| Some(args.has(port))))?;
        let size = size.ok_or_else(|| Error::Internal("a picture without sides".into()))?;
        let to = allowed("image", size)?;
        let layout = Layout::new(args.text("way")?, picture.dimensions().into(), to);
        let fitted = tensor(layout.fitted(&picture, to))?;
        drop(picture);
        let mask = match args.has("mask") {
            true => {
                let mask = args.tensor_f32("mask")?.into_dimensionality::<Ix2>();
                let mask = mask.map_err(|e| Error::Internal(format!("a mask that is not an area: {e}")))?;
                let mut fitted = Array2::zeros([size[1], size[0]]);
                let [seen, place] = [layout.seen, layout.place].map(|rect| {
                    let [left, top, width, height] =
                        [rect.left, rect.top, rect.width, rect.height].map(|side| side as usize);
                    s![top..top + height, left..left + width]
                });
                let cells = layout.place.size().map(|side| side as usize);
                let shares = averaged(mask.slice(seen), [cells[1], cells[0]]);
                fitted.slice_mut(place).iter_mut().zip(shares).for_each(|(to, share)| *to = unit(share));
                fitted
            }
            false => Array2::ones([size[1], size[0]]),
        };
        Ok(vec![fitted.into(), mask.into()])
    }
}
