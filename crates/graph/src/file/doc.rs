//! A graph file as data: sections and entries with their places, without name resolution.

use std::path::PathBuf;

use wuerst_core::Value;

pub(crate) use super::entries::{Entry, NODE_KEYS};
use super::entries::{entries, unknown_key};
use super::lora::{self, LoraDoc};
use super::problems::{Place, Problems};
use super::yaml::{Data, Tree};

/// The format version that this crate reads.
pub(crate) const FORMAT: i128 = 1;

pub(crate) const SECTIONS: [&str; 5] = ["wuerstchen", "needs", "inputs", "nodes", "outputs"];

/// A graph file.
#[derive(Debug, Default)]
pub(crate) struct Doc {
    /// Namespaces that must be registered, with the advice for a missing one.
    pub(crate) needs: Vec<Entry<String>>,
    /// Declarations in signature notation.
    pub(crate) inputs: Vec<Entry<String>>,
    pub(crate) nodes: Vec<Entry<NodeDoc>>,
    /// Wires.
    pub(crate) outputs: Vec<Entry<String>>,
}

#[derive(Debug, Default)]
pub(crate) struct NodeDoc {
    /// The node's kind, under the key `use`; `None` if it is missing, which is reported already.
    pub(crate) kind: Option<Entry<String>>,
    pub(crate) with: Vec<Entry<Given>>,
    /// Inputs that take lists: the node runs for each entry.
    pub(crate) each: Vec<Entry<String>>,
    pub(crate) devices: Vec<Entry<String>>,
    pub(crate) loras: Vec<Entry<LoraDoc>>,
    /// Place of the devices if they use the old key `providers`.
    pub(crate) providers: Option<Place>,
}

/// The value given for a port.
#[derive(Debug)]
pub(crate) enum Given {
    /// YAML from the file.
    Tree(Tree),
    /// Text from outside, to be parsed according to the port's type.
    Text(String),
    /// Text from outside with the same parsing, whose names resolve as in the file.
    Written(String),
    /// A value from outside.
    Value(Value),
    /// The path of a model or file from outside.
    Path(PathBuf),
}

impl Given {
    /// The text, if the value is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Given::Tree(Tree { data: Data::Text(text), .. }) | Given::Text(text) | Given::Written(text) => {
                Some(text)
            }
            Given::Tree(_) | Given::Value(_) | Given::Path(_) => None,
        }
    }
}

impl Doc {
    /// Reads a file. Reports everything that has the wrong form, and continues.
    pub(crate) fn read(tree: Tree, problems: &mut Problems) -> Doc {
        let mut doc = Doc::default();
        let root = Place::root();
        let mut version = None;
        let mut outputs = None;
        let is_graph = matches!(tree.data, Data::Map(_) | Data::Null | Data::Wrong);
        for entry in entries(tree, &root, "a graph", problems) {
            let place = &entry.place;
            match entry.name.as_str() {
                "wuerstchen" => version = Some((entry.value, entry.place)),
                "needs" => doc.needs = texts(entry.value, place, "needs", problems),
                "inputs" => doc.inputs = named(texts(entry.value, place, "inputs", problems), problems),
                "nodes" => doc.nodes = named(nodes(entry.value, place, problems), problems),
                "outputs" => {
                    outputs = Some(place.clone());
                    doc.outputs = named(texts(entry.value, place, "outputs", problems), problems);
                }
                other => unknown_key(other, entry.place, &SECTIONS, problems),
            }
        }
        match version {
            // A value that is not a mapping is reported only as such.
            None if !is_graph => {}
            None => {
                problems.missing(root.clone(), || format!("a graph file begins with `wuerstchen: {FORMAT}`"))
            }
            Some((Tree { data: Data::Int(FORMAT) | Data::Wrong, .. }, _)) => {}
            Some((other, place)) => {
                let message = match other.data {
                    Data::Int(n) => format!("this engine reads version {FORMAT} of the format, not {n}"),
                    _ => format!("wants the version of the format, {FORMAT}, but this is {}", other.sort()),
                };
                problems.add(place, message);
            }
        }
        if doc.outputs.is_empty() && problems.is_empty() {
            problems.missing(outputs.unwrap_or(root), || "a graph needs `outputs`, at least one".to_owned());
        }
        doc
    }
}

/// The entries of a mapping from names to texts.
fn texts(tree: Tree, place: &Place, what: &str, problems: &mut Problems) -> Vec<Entry<String>> {
    let entries = entries(tree, place, &format!("`{what}`"), problems);
    let text = |Entry { name, place, value }: Entry<Tree>| match value.data {
        Data::Text(value) => Some(Entry { name, place, value }),
        Data::Wrong => None,
        _ => {
            let want = match what {
                "inputs" => "a declaration as `int = 12 {1..1000}`",
                "outputs" => "a wire as `$node.port`",
                _ => "text that is shown when the namespace is missing",
            };
            problems.add(place, format!("wants {want}, but this is {}", value.sort()));
            None
        }
    };
    entries.into_iter().filter_map(text).collect()
}

fn nodes(tree: Tree, place: &Place, problems: &mut Problems) -> Vec<Entry<NodeDoc>> {
    let entries = entries(tree, place, "`nodes`", problems);
    let node = |Entry { name, place, value }| Entry { value: node(value, &place, problems), name, place };
    entries.into_iter().map(node).collect()
}

fn node(tree: Tree, place: &Place, problems: &mut Problems) -> NodeDoc {
    let mut node = NodeDoc::default();
    // A value that is not a mapping is reported only as such.
    let mut says_use = !matches!(tree.data, Data::Map(_) | Data::Null);
    let mut says_devices = false;
    for Entry { name, place, value } in entries(tree, place, "a node", problems) {
        says_use |= name == "use";
        match name.as_str() {
            "use" => match value.data {
                Data::Text(kind) => node.kind = Some(Entry { name, place, value: kind }),
                Data::Wrong => {}
                _ => problems.add(place, format!("wants a node kind, but this is {}", value.sort())),
            },
            "with" => {
                let given =
                    |e: Entry<Tree>| Entry { name: e.name, place: e.place, value: Given::Tree(e.value) };
                node.with = entries(value, &place, "`with`", problems).into_iter().map(given).collect();
            }
            "each" => node.each = each(value, place, problems),
            "devices" | "providers" if says_devices => {
                problems.add(place.name(), "`providers` is the old name of `devices`: give one of them");
            }
            "devices" | "providers" => {
                says_devices = true;
                node.providers = (name == "providers").then(|| place.clone().name());
                node.devices = list(value, place, ("[cuda, cpu]", "a device"), problems);
            }
            "lora" => node.loras = lora::list(value, &place, problems),
            other => unknown_key(other, place, &NODE_KEYS, problems),
        }
    }
    if !says_use {
        problems.missing(place.clone().name(), || "a node says what it is with `use`".to_owned());
    }
    node
}

/// Parses the inputs of a node that take lists, each once.
fn each(tree: Tree, place: Place, problems: &mut Problems) -> Vec<Entry<String>> {
    let empty = matches!(&tree.data, Data::List(list) if list.is_empty());
    if empty {
        problems.add(place, "wants the names of inputs that take lists, as `[prompt, seed]`");
        return Vec::new();
    }
    let mut named: Vec<Entry<String>> = Vec::new();
    for entry in list(tree, place, ("[prompt, seed]", "an input"), problems) {
        match named.iter().any(|before| before.value == entry.value) {
            true => problems.add(entry.place, format!("`{}` is named twice", entry.value)),
            false => named.push(entry),
        }
    }
    named
}

/// Parses a list of texts; `example` shows one, and `what` names an item.
fn list(
    tree: Tree,
    place: Place,
    (example, what): (&str, &str),
    problems: &mut Problems,
) -> Vec<Entry<String>> {
    let Data::List(list) = tree.data else {
        problems.add(place, format!("wants a list as `{example}`, but this is {}", tree.sort()));
        return Vec::new();
    };
    let name = |item: Tree| match item.data {
        Data::Text(value) => Some(Entry { name: String::new(), place: place.item(item.mark), value }),
        _ => {
            let message = format!("{what} is named by text, not {}", item.sort());
            problems.add(place.item(item.mark), message);
            None
        }
    };
    list.into_iter().filter_map(name).collect()
}

/// Removes entries whose names could not occur in a wire, and reports them.
fn named<T>(entries: Vec<Entry<T>>, problems: &mut Problems) -> Vec<Entry<T>> {
    let good = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let (good, bad): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| good(&e.name));
    for entry in bad {
        let message = format!("`{}` is not a name: a letter, then letters, digits, `_` and `-`", entry.name);
        problems.add(entry.place.name(), message);
    }
    good
}
