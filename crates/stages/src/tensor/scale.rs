//! `tensor.scale`: multiplies a tensor by a number, and adds another.

use wuerst_core::{Args, Ctx, Registry, Result, Value};

use crate::plain::Plan;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "tensor.scale",
        signature: "tensor: f32[b,c,h,w], factor: float = 1.0 {-1000.0..1000.0}, \
                    offset: float = 0.0 {-1000.0..1000.0} -> scaled: f32[b,c,h,w]",
        about: "Multiplies every number, and adds to it: factor · x + offset.",
        ports: &[
            ("tensor", "An embedding, latents or noise."),
            ("factor", "Multiplies each number."),
            ("offset", "Is added after that."),
            ("scaled", "The result."),
        ],
    };
    plan.add(registry, run)
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (factor, offset) = (args.float("factor")?, args.float("offset")?);
    let scaled = args.tensor_f32("tensor")?.mapv(|x| (f64::from(x) * factor + offset) as f32);
    Ok(vec![scaled.into()])
}
