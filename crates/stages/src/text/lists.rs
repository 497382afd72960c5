//! `text.part`, `text.join_lines` and `text.repeat`: process lists of texts entry by entry, one per line.

use wuerst_core::{Args, Batch, Error, Registry, Result, entries};

use super::lines::LONGEST;
use crate::number::shown;
use crate::plain::Plan;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "text.part",
        signature: "lines: text, at: text = \"|\" -> first: text, rest: text",
        about: "Parts each entry of a list in two, as `7|a red apple` into a seed and a prompt.",
        ports: &[
            ("lines", "The entries, one a line."),
            ("at", "Separator of the two parts; each entry is split at the first one."),
            ("first", "The part of each entry before the separator, one a line."),
            ("rest", "The part of each entry after the separator, one a line."),
        ],
    };
    plan.add(registry, |_, args| {
        let (entries, at) = (listed(args)?, args.text("at")?);
        if at.is_empty() {
            return Err(Error::invalid("at", "is empty: say what stands between the two parts, as |"));
        }
        let part = |(index, entry): (usize, &&'_ str)| {
            let parts =
                entry.split_once(at).map(|(first, rest)| (first.trim().to_owned(), rest.trim().to_owned()));
            parts.filter(|(first, rest)| !first.is_empty() && !rest.is_empty()).ok_or_else(|| {
                let message = format!(
                    "entry {}, `{}`, has no two parts with `{}` between them",
                    index + 1,
                    shown(entry),
                    shown(at)
                );
                Error::invalid("lines", message)
            })
        };
        let parts = entries.iter().enumerate().map(part).collect::<Result<Vec<_>>>()?;
        let (first, rest): (Vec<String>, Vec<String>) = parts.into_iter().unzip();
        Ok(vec![first.join("\n").into(), rest.join("\n").into()])
    })?;
    let plan = Plan {
        kind: "text.join_lines",
        signature: "lines: text, before: text = \"\", after: text = \"\", between: text = \", \" -> lines: text",
        about: "Joins each entry of a list with the same texts, as a subject with a list of styles. Parts without anything but \
                space are left out. The list has at most 16 MiB.",
        ports: &[
            ("lines", "The entries, one a line."),
            ("before", "Text put before each entry."),
            ("after", "Text put after each entry."),
            ("between", "Separator between two parts."),
            ("-> lines", "The longer entries, one a line."),
        ],
    };
    plan.add(registry, |_, args| {
        let entries = listed(args)?;
        let [before, after, between] = ["before", "after", "between"].map(|port| args.text(port));
        // Line breaks within an entry are replaced.
        let [before, after, between] =
            [before?, after?, between?].map(|text| text.replace(['\n', '\r'], " "));
        let more = before.len() + after.len() + 2 * between.len() + 1;
        within(entries.iter().map(|entry| entry.len().saturating_add(more)))?;
        let joined = entries.iter().map(|entry| {
            let parts = [before.as_str(), entry, after.as_str()];
            parts.into_iter().filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join(&between)
        });
        Ok(vec![joined.collect::<Vec<_>>().join("\n").into()])
    })?;
    let plan = Plan {
        kind: "text.repeat",
        signature: "lines: text, each: int = 1 {1..16384}, all: int = 1 {1..16384} -> lines: text, count: int",
        about: "Repeats the entries of a list: each of them, and then all of it. It has at most 16,384 in the end, and 16 MiB.",
        ports: &[
            ("lines", "The entries, one a line."),
            ("each", "Number of repetitions of each entry."),
            ("all", "Number of repetitions of the whole list."),
            ("-> lines", "The longer list, one entry a line."),
            ("count", "The number of entries."),
        ],
    };
    plan.add(registry, |_, args| {
        let (entries, each, all) = (listed(args)?, args.count("each")?, args.count("all")?);
        let count = entries.len().saturating_mul(each).saturating_mul(all);
        if count > Batch::MOST {
            let message = format!("makes {count} entries; the maximum is {}: repeat them less", Batch::MOST);
            return Err(Error::invalid("lines", message));
        }
        within(entries.iter().map(|entry| (entry.len() + 1).saturating_mul(each).saturating_mul(all)))?;
        let once = entries.iter().flat_map(|entry| std::iter::repeat_n(*entry, each)).collect::<Vec<_>>();
        Ok(vec![once.repeat(all).join("\n").into(), wuerst_core::Value::Int(count as i128)])
    })
}

/// The entries of the argument `lines`, checked to be at least one, and not too many.
fn listed<'a>(args: &Args<'a>) -> Result<Vec<&'a str>> {
    let entries = entries(args.text("lines")?);
    match entries.len() {
        0 => Err(Error::invalid("lines", "is a list without entries")),
        count if count > Batch::MOST => {
            Err(Error::invalid("lines", format!("has {count} entries; the maximum is {}", Batch::MOST)))
        }
        _ => Ok(entries),
    }
}

/// Refuses lists that would be too long.
fn within(lengths: impl Iterator<Item = usize>) -> Result<()> {
    let sum = lengths.fold(0usize, usize::saturating_add);
    if sum > LONGEST {
        return Err(Error::invalid("lines", format!("would have {sum} bytes; the maximum is 16 MiB")));
    }
    Ok(())
}
