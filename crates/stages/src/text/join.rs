//! `text.join`: makes a prompt from parts.

use wuerst_core::{Args, Ctx, Error, Registry, Result, Value};

use super::lines::LONGEST;
use crate::plain::Plan;

const PARTS: [&str; 4] = ["a", "b", "c", "d"];

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "text.join",
        signature: "a: text, b: text, c: text = \"\", d: text = \"\", between: text = \", \" -> text: text",
        about: "Joins texts, as a subject and a style. Parts without anything but space are left out. The text has at most \
                16 MiB.",
        ports: &[
            ("a", "The first part."),
            ("b", "The second part."),
            ("c", "The third part."),
            ("d", "The fourth part."),
            ("between", "Separator between two parts."),
            ("text", "The whole text."),
        ],
    };
    plan.add(registry, run)
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let parts = PARTS.iter().map(|part| args.text(part)).collect::<Result<Vec<_>>>()?;
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
    let between = args.text("between")?;
    let length = parts.iter().map(|part| part.len()).sum::<usize>()
        + between.len().saturating_mul(parts.len().saturating_sub(1));
    if length > LONGEST {
        return Err(Error::invalid("text", format!("would have {length} bytes; the maximum is 16 MiB")));
    }
    Ok(vec![parts.join(between).into()])
}
