//! `text.blend`: between two prompts.

use wuerst_core::{Args, Ctx, Registry, Result, Value};

use crate::plain::Plan;
use crate::tensor::lerp;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "text.blend",
        signature: "a: f32[b,l,d], b: f32[b,l,d], amount: float = 0.5 {0.0..1.0} -> states: f32[b,l,d]",
        about: "Mixes the states of two texts: (1 - amount) · a + amount · b. The ends are exactly a and b.",
        ports: &[
            ("a", "States, from `wuerst.text_encode`."),
            ("b", "States of another text, from the same encoder."),
            ("amount", "How far to go from a to b."),
            ("states", "What lies between."),
        ],
    };
    plan.add(registry, run)
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (a, b) = (args.tensor_f32("a")?, args.tensor_f32("b")?);
    Ok(vec![lerp(&a, &b, args.float("amount")?).into()])
}
