//! `tensor.pick`: selects one item of a batch.

use ndarray::Axis;
use wuerst_core::{Args, Ctx, Registry, Result, Value};

use crate::plain::{Hooks, Plan, check_index};

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "tensor.pick",
        signature: "tensors: f32[b,c,h,w], index: int = 0 {0..} -> tensor: f32[1,c,h,w]",
        about: "Picks one tensor of a batch, as the embedding of one prompt of several.",
        ports: &[
            ("tensors", "The batch."),
            ("index", "Which one, counted from 0."),
            ("tensor", "The chosen tensor, as a batch of one."),
        ],
    };
    plan.add_checked(registry, Hooks { check, ..Hooks::default() }, run)
}

fn check(known: &Args<'_>) -> Result<()> {
    check_index(known, "tensors")
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    check(args)?;
    let (tensors, index) = (args.tensor_f32("tensors")?, args.count("index")?);
    Ok(vec![tensors.index_axis(Axis(0), index).insert_axis(Axis(0)).to_owned().into()])
}
