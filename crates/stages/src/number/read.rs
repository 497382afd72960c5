//! `int.from_text`, `float.from_text`, `int.list` and `float.list`: parse numbers in texts.

use wuerst_core::{Args, Batch, Element, Error, KnownLength, Registry, Result, Value, entries, whole};

use super::list::list;
use crate::plain::{Hooks, Plan};

/// Maximum number of characters of a text shown in a message.
const SHOWN: usize = 40;

pub(super) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "int.from_text",
        signature: "text: text -> number: int",
        about: "Reads a whole number that is written in a text, as a seed in a line of a file.",
        ports: &[
            ("text", "The number in digits; space around it does not count."),
            ("number", "The number."),
        ],
    };
    plan.add_derived(registry, int)?;
    let plan = Plan {
        kind: "float.from_text",
        signature: "text: text -> number: float",
        about: "Reads a number that is written in a text.",
        ports: &[
            ("text", "The number, as 0.5 or 1e-3; space around it does not count."),
            ("number", "The number."),
        ],
    };
    plan.add_derived(registry, float)?;
    let counted = Hooks {
        lengths: |known| {
            count(known).map(|count| KnownLength::new("n", count, "lines")).into_iter().collect()
        },
        results: |known| vec![None, count(known).map(|count| Value::Int(count as i128))],
        ..Hooks::default()
    };
    let ports = [
        ("lines", "The numbers, one a line; empty lines and those that begin with `#` are left out."),
        ("numbers", "The numbers in a list."),
        ("count", "The number of entries."),
    ];
    let plan = Plan {
        kind: "int.list",
        signature: "lines: text -> numbers: i64[n], count: int",
        about: "Reads a list of whole numbers, as seeds, from a text with one a line. It has at most 16,384.",
        ports: &ports,
    };
    let hooks =
        Hooks { check: |known| if known.has("lines") { ints(known).map(drop) } else { Ok(()) }, ..counted };
    plan.add_checked(registry, hooks, |_, args| counted_list(ints(args)?))?;
    let plan = Plan {
        kind: "float.list",
        signature: "lines: text -> numbers: f32[n], count: int",
        about: "Reads a list of numbers, as strengths, from a text with one a line. It has at most 16,384.",
        ports: &ports,
    };
    let hooks =
        Hooks { check: |known| if known.has("lines") { floats(known).map(drop) } else { Ok(()) }, ..counted };
    plan.add_checked(registry, hooks, |_, args| counted_list(floats(args)?))
}

fn int(args: &Args<'_>) -> Result<Value> {
    let text = args.text("text")?;
    whole(text.trim()).map(Value::Int).ok_or_else(|| Error::invalid("text", no_int(text)))
}

fn float(args: &Args<'_>) -> Result<Value> {
    let text = args.text("text")?;
    number(text).map(Value::Float).ok_or_else(|| Error::invalid("text", no_float(text)))
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

fn no_int(text: &str) -> String {
    format!("`{}` is not a whole number: write digits alone, as 42", shown(text))
}

fn no_float(text: &str) -> String {
    format!("`{}` is not a number: write digits, as 0.5", shown(text))
}

/// The beginning of a text on one line.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.trim().chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.trim().chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

/// The entries of the argument `lines`, each parsed by `read`, whose error describes the mistake.
fn listed<T>(args: &Args<'_>, read: fn(&str) -> Result<T, String>) -> Result<Vec<T>> {
    let entries = entries(args.text("lines")?);
    if entries.is_empty() {
        return Err(Error::invalid("lines", "is a list without numbers"));
    }
    if entries.len() > Batch::MOST {
        let message = format!("has {} lines; the maximum is {}", entries.len(), Batch::MOST);
        return Err(Error::invalid("lines", message));
    }
    let number = |(at, entry): (usize, &&str)| {
        read(entry).map_err(|why| Error::invalid("lines", format!("entry {}: {why}", at + 1)))
    };
    entries.iter().enumerate().map(number).collect()
}

fn ints(args: &Args<'_>) -> Result<Vec<i64>> {
    listed(args, |entry| {
        let number = whole(entry).ok_or_else(|| no_int(entry))?;
        i64::try_from(number)
            .map_err(|_| format!("{number} is too large for a list, which holds up to {}", i64::MAX))
    })
}

fn floats(args: &Args<'_>) -> Result<Vec<f32>> {
    listed(args, |entry| {
        let number = number(entry).map(|number| number as f32).filter(|number| number.is_finite());
        number.ok_or_else(|| no_float(entry))
    })
}

/// Number of entries of the argument `lines`, if it is known.
fn count(known: &Args<'_>) -> Option<usize> {
    known.text("lines").ok().map(|lines| entries(lines).len())
}

/// A list of numbers, and their number.
fn counted_list<T: Element>(numbers: Vec<T>) -> Result<Vec<Value>> {
    let count = Value::Int(numbers.len() as i128);
    Ok(vec![list(numbers)?, count])
}
