//! `text.lines` and `text.pick`: lists of texts, one per line.

use wuerst_core::{Args, Ctx, Error, Registry, Result, Value, entries};

use crate::plain::{Hooks, Plan};

/// Maximum length of a text made by a node, in bytes: far longer than any list of prompts. Without a limit, repeated
/// joins could make texts of any length.
pub(crate) const LONGEST: usize = 16 << 20;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "text.lines",
        signature: "text: text -> lines: text, count: int",
        about: "Makes a list of a text, an entry a line: without empty lines, and without those that begin with `#`.",
        ports: &[
            ("text", "The text, as a file holds it."),
            ("lines", "The entries, one a line."),
            ("count", "The number of entries."),
        ],
    };
    plan.add(registry, lines)?;
    let plan = Plan {
        kind: "text.pick",
        signature: "lines: text, index: int = 0 {0..} -> line: text",
        about: "Picks one entry of a list, as `text.lines` makes it.",
        ports: &[
            ("lines", "The entries, one a line."),
            ("index", "Which one, counted from 0; the last is one less than there are."),
            ("line", "The entry, without space around it."),
        ],
    };
    plan.add_checked(registry, Hooks { check: check_pick, ..Hooks::default() }, pick)
}

fn lines(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    let entries = entries(args.text("text")?);
    Ok(vec![entries.join("\n").into(), Value::Int(entries.len() as i128)])
}

/// Refuses an index beyond the last entry, if all arguments are known.
fn check_pick(known: &Args<'_>) -> Result<()> {
    if known.has("lines") && known.has("index") { picked(known).map(drop) } else { Ok(()) }
}

fn pick(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    Ok(vec![picked(args)?.into()])
}

fn picked<'a>(args: &Args<'a>) -> Result<&'a str> {
    let (entries, index) = (entries(args.text("lines")?), args.count("index")?);
    match entries.get(index) {
        Some(line) => Ok(line),
        None => {
            let count = entries.len();
            Err(Error::invalid("index", format!("{index} is behind the last of {count} entries")))
        }
    }
}
