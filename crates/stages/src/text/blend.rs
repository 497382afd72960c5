//! `text.blend` and `text.sweep`: mix the states of two prompts, once or in several steps.

use wuerst_core::{Args, Batch, Ctx, Error, Registry, Result, Tensor, Value, memory};

use crate::plain::{Hooks, Plan};
use crate::tensor::lerp;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "text.blend",
        signature: "a: f32[b,l,d] as text, b: f32[b,l,d] as text, amount: float = 0.5 {0.0..1.0} -> states: f32[b,l,d] as text",
        about: "Mixes the states of two texts: (1 - amount) · a + amount · b. The ends are exactly a and b.",
        ports: &[
            ("a", "States, from `wuerst.text_encode`."),
            ("b", "States of another text, from the same encoder."),
            ("amount", "Share of b: 0 gives a, 1 gives b."),
            ("states", "The mixed states."),
        ],
    };
    plan.add(registry, run)?;
    let plan = Plan {
        kind: "text.sweep",
        signature: "a: f32[1,l,d] as text, b: f32[1,l,d] as text, amounts: f32[n] -> states: f32[n,l,d] as text",
        about: "Mixes the states of two texts by each of several amounts, as one batch: a way from one prompt to another.",
        ports: &[
            ("a", "States, from `wuerst.text_encode`."),
            ("b", "States of another text, from the same encoder."),
            ("amounts", "Shares of b, each from 0 (a) to 1 (b), as `float.range` gives them."),
            ("states", "The mixed states, one for each amount."),
        ],
    };
    let check = |known: &Args<'_>| match known.length("amounts", 0) {
        Some(count) => counted(count),
        None => Ok(()),
    };
    plan.add_checked(registry, Hooks { check, ..Hooks::default() }, sweep)
}

fn counted(count: usize) -> Result<()> {
    match (1..=Batch::MOST).contains(&count) {
        true => Ok(()),
        false => {
            Err(Error::invalid("amounts", format!("has {count} amounts; 1 to {} are allowed", Batch::MOST)))
        }
    }
}

fn sweep(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (a, b, amounts) = (args.tensor_f32("a")?, args.tensor_f32("b")?, args.tensor_f32("amounts")?);
    counted(amounts.len())?;
    if let Some(amount) = amounts.iter().find(|amount| !(0.0..=1.0).contains(*amount)) {
        return Err(Error::invalid("amounts", format!("{amount:?} is outside 0.0..1.0")));
    }
    memory::check(a.len().saturating_mul(amounts.len()).saturating_mul(8))?;
    let blends: Vec<Tensor> = amounts.iter().map(|amount| lerp(&a, &b, f64::from(*amount)).into()).collect();
    Ok(vec![Tensor::joined(&blends.iter().collect::<Vec<_>>())?.into()])
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let (a, b) = (args.tensor_f32("a")?, args.tensor_f32("b")?);
    Ok(vec![lerp(&a, &b, args.float("amount")?).into()])
}
