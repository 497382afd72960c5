//! Files that are no models: weights, pictures, graphs and settings, told apart by their content.

use std::io::{self, Read};
use std::path::Path;

use anyhow::{Result, anyhow};
use wuerst::core::regular::{self, Links};
use wuerst::core::{byte_order, printable_line};
use wuerst_model::import;

use crate::recipe::Recipe;

/// Bytes that tell a file's kind.
const BEGINNING: u64 = 4096;

/// Kind of a file, and facts with their names.
pub(crate) type Description = (String, Vec<(&'static str, String)>);

/// The description of a file; `None` for a model, and for a file of no known kind.
pub(crate) fn describe(path: &Path) -> Result<Option<Description>> {
    let begin = beginning(path).map_err(|e| anyhow!("{} cannot be read: {e}", path.display()))?;
    Ok(match &begin[..] {
        [0x89, b'P', b'N', b'G', ..] => Some(picture(path, &begin)),
        [0xff, 0xd8, 0xff, ..] => Some(("a JPEG picture, which holds no recipe".to_owned(), vec![])),
        [b'R', b'I', b'F', b'F', ..] => Some(("a WebP picture, which holds no recipe".to_owned(), vec![])),
        [_, _, _, _, _, _, _, _, b'{', ..] | [0x80, 2, ..] | [b'P', b'K', 3, 4, ..] => {
            let import::Description { kind, facts } = import::describe(path)?;
            Some((kind, facts))
        }
        _ => text(&begin).map(|kind| (kind.to_owned(), vec![])),
    })
}

fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    regular::open(path, Links::Followed)?.take(BEGINNING).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A graph or settings, by the key that each begins with.
fn text(begin: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(byte_order::unmarked_bytes(begin)).into_owned();
    text.lines().find_map(|line| match line.split_once(':')?.0 {
        "wuerstchen" => Some("a graph: `wuerst check` checks it, and `wuerst run` runs it"),
        "settings" => Some("settings of an engine, for `--config`"),
        _ => None,
    })
}

/// A PNG picture, and how it was made.
fn picture(path: &Path, begin: &[u8]) -> Description {
    let side =
        |at: usize| begin.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
    let kind = format!("a PNG picture of {}x{} pixels", side(16), side(20));
    let Ok(recipe) = Recipe::read(path) else {
        return (format!("{kind} that does not say how it was made"), vec![]);
    };
    let shown = |texts: &crate::pairs::Texts| {
        let pairs: Vec<String> = texts.iter().map(|(name, text)| format!("{name}={text}")).collect();
        printable_line(&pairs.join(", ")).into_owned()
    };
    let facts = [("inputs", &recipe.inputs), ("arguments", &recipe.changes), ("files", &recipe.files)];
    let facts = facts.into_iter().filter(|(_, texts)| !texts.is_empty());
    (
        format!("{kind} with its recipe, for `wuerst run --from`"),
        facts.map(|(name, texts)| (name, shown(texts))).collect(),
    )
}
