//! Entries of mappings in a graph file, each key once.

use std::collections::HashMap;

use wuerst_core::did_you_mean;

use super::problems::{Place, Problems};
use super::yaml::{self, Data, Tree};

/// Keys of a node.
pub(crate) const NODE_KEYS: [&str; 5] = ["use", "with", "each", "devices", "lora"];

/// A named part of the file.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) value: T,
}

/// The entries of a mapping, each key once; `what` names the mapping in messages.
pub(super) fn entries(tree: Tree, place: &Place, what: &str, problems: &mut Problems) -> Vec<Entry<Tree>> {
    let map = match tree.data {
        Data::Map(map) => map,
        Data::Null | Data::Wrong => Vec::new(),
        _ => {
            problems.add(place.clone(), format!("{what} is a mapping of names, not {}", tree.sort()));
            Vec::new()
        }
    };
    let mut entries: Vec<Entry<Tree>> = Vec::with_capacity(map.len());
    let mut lines: HashMap<String, u32> = HashMap::with_capacity(map.len());
    for yaml::Entry { mark, key, value } in map {
        let place = place.entry(&key, mark, &value);
        // YAML's merge key, whose alias is refused already.
        if key == "<<" && value.data == Data::Wrong {
            continue;
        }
        if let Some(first) = lines.get(&key) {
            problems.add(place.name(), format!("`{key}` is repeated; the first is in line {first}"));
            continue;
        }
        lines.insert(key.clone(), mark.line);
        entries.push(Entry { place, name: key, value });
    }
    entries
}

/// Reports a key that is not known here.
pub(super) fn unknown_key(key: &str, place: Place, known: &[&'static str], problems: &mut Problems) {
    let hint = match did_you_mean(key, known.iter().copied()) {
        hint if hint.is_empty() && known == NODE_KEYS => {
            format!("; there are {}, and arguments stand under `with`", known.join(", "))
        }
        hint if hint.is_empty() => format!("; there are {}", known.join(", ")),
        hint => hint,
    };
    problems.add(place.name(), format!("no key `{key}` here{hint}"));
}
