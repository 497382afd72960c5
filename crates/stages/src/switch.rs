//! `switch.*`: select one of two values.

use wuerst_core::{Args, Ctx, Error, Registry, Result, Value};

use crate::plain::Plan;

/// Names and value types; a separate switch for each type, since a port has one type.
const TYPES: [(&str, &str, &str); 7] = [
    ("bool", "bool", "flags"),
    ("int", "int", "whole numbers"),
    ("float", "float", "numbers"),
    ("text", "text", "texts"),
    ("image", "u8[h,w,3]", "pictures of one size"),
    ("states", "f32[b,l,d]", "states of texts"),
    ("tensor", "f32[b,c,h,w]", "embeddings or latents"),
];

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    for (name, ty, what) in TYPES {
        let plan = Plan {
            kind: &format!("switch.{name}"),
            signature: &format!("on: bool, yes: {ty}, no: {ty} -> value: {ty}"),
            about: &format!("Takes one of two {what}. Both are made, whichever is taken."),
            ports: &[
                ("on", "Which one."),
                ("yes", "The result if the condition is true."),
                ("no", "The result if the condition is false."),
                ("value", "The one that was taken."),
            ],
        };
        plan.add(registry, run)?;
    }
    Ok(())
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let taken = if args.bool("on")? { "yes" } else { "no" };
    let value = args.get(taken).cloned();
    Ok(vec![value.ok_or_else(|| Error::Internal(format!("a switch without `{taken}`")))?])
}
