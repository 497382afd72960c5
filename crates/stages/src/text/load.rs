//! `text.load`: reads a text from a file.

use std::io::Read;

use wuerst_core::{Args, Ctx, Error, File, Registry, Result, Value, byte_order};

use crate::heads::Heads;
use crate::plain::{Hooks, Plan};

/// Maximum file size in bytes.
const LARGEST: u64 = super::lines::LONGEST as u64;

pub(crate) fn register(registry: &mut Registry) -> Result<()> {
    let plan = Plan {
        kind: "text.load",
        signature: "file: file as text -> text: text",
        about: "Reads a text file, UTF-8, of at most 16 MiB.",
        ports: &[("file", "The file; a changed one is read again."), ("text", "The whole text.")],
    };
    let hooks = Hooks { file: check, ..Hooks::default() };
    plan.add_reading(LARGEST, registry, hooks, run)
}

/// Refuses a file that is not text.
fn check(file: &File) -> Result<()> {
    static TEXTS: Heads<()> = Heads::new();
    TEXTS.of(file, |file| read(file).map(drop))
}

fn run(_: &mut Ctx<'_>, args: &Args<'_>) -> Result<Vec<Value>> {
    Ok(vec![read(args.file("file")?)?.into()])
}

fn read(file: &File) -> Result<String> {
    let failed = |source| Error::File { path: file.path().to_owned(), source };
    let mut text = String::new();
    let read = file.content()?.take(LARGEST + 1).read_to_string(&mut text);
    if text.len() as u64 > LARGEST {
        return Err(failed(std::io::Error::other("has more than 16 MiB, which is not a list of prompts")));
    }
    match read {
        Ok(_) => Ok(byte_order::unmarked(&text).to_owned()),
        Err(e) if e.kind() == std::io::ErrorKind::InvalidData => {
            Err(failed(std::io::Error::other("is not UTF-8 text: save it as UTF-8")))
        }
        Err(e) => Err(failed(e)),
    }
}
