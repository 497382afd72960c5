//! `mask.threshold`, `mask.invert`, and masks of two: `mask.union`, `mask.intersect`, `mask.difference`.

use ndarray::Zip;
use wuerst_core::{Args, Registry, Result, Value};

use super::mask;
use crate::plain::Plan;

pub(super) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "mask.threshold",
        signature: "mask: f32[h,w] as mask, at: float = 0.5 {0.0..1.0} -> mask: f32[h,w] as mask",
        about: "Makes a mask of 0 and 1 alone: 1 where a mask reaches a value.",
        ports: &[
            ("mask", "The mask, as the brightness of a picture (`image.mask`)."),
            ("at", "The value from which on the result is 1."),
            ("-> mask", "0 or 1."),
        ],
    };
    plan.add(registry, |_, args| {
        let at = args.float("at")? as f32;
        Ok(vec![mask(args, "mask")?.mapv_into(|share| if share >= at { 1. } else { 0. }).into()])
    })?;
    let plan = Plan {
        kind: "mask.invert",
        signature: "mask: f32[h,w] as mask -> mask: f32[h,w] as mask",
        about: "Makes a mask of what another leaves out: 1 - mask.",
        ports: &[("mask", "The mask."), ("-> mask", "The rest.")],
    };
    plan.add(registry, |_, args| Ok(vec![mask(args, "mask")?.mapv_into(|share| 1. - share).into()]))?;
    let (signature, two) = (
        "a: f32[h,w] as mask, b: f32[h,w] as mask -> mask: f32[h,w] as mask",
        [("a", "A mask."), ("b", "Another mask of the same size."), ("mask", "The combined mask.")],
    );
    let about = "Makes a mask of what is in one of two masks or in both: the larger value of each pixel.";
    Plan { kind: "mask.union", signature, about, ports: &two }
        .add(registry, |_, args| both(args, f32::max))?;
    let about = "Makes a mask of what is in both of two masks: the smaller value of each pixel.";
    Plan { kind: "mask.intersect", signature, about, ports: &two }
        .add(registry, |_, args| both(args, f32::min))?;
    let about = "Makes a mask of what is in a mask and not in another: the smaller of a and 1 - b.";
    Plan { kind: "mask.difference", signature, about, ports: &two }
        .add(registry, |_, args| both(args, |a, b| a.min(1. - b)))
}

fn both(args: &Args<'_>, combine: fn(f32, f32) -> f32) -> Result<Vec<Value>> {
    let (mut a, b) = (mask(args, "a")?, mask(args, "b")?);
    Zip::from(&mut a).and(&b).for_each(|a, b| *a = combine(*a, *b));
    Ok(vec![a.into()])
}
