//! Changes to a graph by its caller, which leave the file as it is.

use std::path::Path;

use wuerst_core::{Value, did_you_mean};

use super::doc::{Doc, Entry, Given, NodeDoc};
use super::problems::{Place, Problems};
use super::wire::plain;

/// A change to a graph while it is read.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<'a> {
    /// An argument, named as `node.port`, from text, which is parsed according to the port's type, or is a wire if it
    /// begins with `$`. For a node within a node that is a graph, `outer/inner.port`, without wires.
    Text(&'a str, &'a str),
    /// Like `Text`, with names of models and files resolved as in the graph's own file. For texts that do not come from
    /// the caller of the graph.
    Written(&'a str, &'a str),
    /// An argument, named likewise, from a value of any type.
    Value(&'a str, Value),
    /// An argument from the path of a model or file, which need not be UTF-8.
    Path(&'a str, &'a Path),
    /// A node, by its name, and its new kind.
    Kind(&'a str, &'a str),
}

/// `node.port` and a text, or `node` and a kind.
impl<'a> From<(&'a str, &'a str)> for Change<'a> {
    fn from((name, text): (&'a str, &'a str)) -> Change<'a> {
        if name.contains('.') { Change::Text(name, text) } else { Change::Kind(name, text) }
    }
}

impl Change<'_> {
    pub(crate) fn name(&self) -> &str {
        match self {
            Change::Text(name, _)
            | Change::Written(name, _)
            | Change::Value(name, _)
            | Change::Path(name, _)
            | Change::Kind(name, _) => name,
        }
    }

    /// Splits a change to a node within a node: the outer node, and the change within its graph.
    pub(crate) fn within(&self) -> Option<(&str, Change<'_>)> {
        let (outer, inner) = self.name().split_once('/').filter(|(outer, _)| !outer.contains('.'))?;
        let change = match self {
            Change::Text(_, text) => Change::Text(inner, text),
            Change::Written(_, text) => Change::Written(inner, text),
            Change::Value(_, value) => Change::Value(inner, value.clone()),
            Change::Path(_, path) => Change::Path(inner, path),
            Change::Kind(_, kind) => Change::Kind(inner, kind),
        };
        Some((outer, change))
    }

    /// Checks that the change may be made from outside a graph that is a node.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn enters(&self, outer: &str) -> Result<(), String> {
        match self {
            Change::Text(_, text) | Change::Written(_, text) => plain(text).map(|_| ()),
            Change::Kind(..) => {
                Err(format!("cannot be changed: make `{outer}` a graph with another kind there"))
            }
            Change::Value(..) | Change::Path(..) => Ok(()),
        }
    }
}

impl Doc {
    /// Applies the changes in order, and reports those that fit nothing in the file.
    pub(crate) fn change<'a>(
        &mut self,
        changes: impl IntoIterator<Item = &'a Change<'a>>,
        problems: &mut Problems,
    ) {
        for change in changes {
            match change {
                Change::Text(name, text) => self.set(name, Given::Text((*text).to_owned()), problems),
                Change::Written(name, text) => self.set(name, Given::Written((*text).to_owned()), problems),
                Change::Value(name, value) => self.set(name, Given::Value(value.clone()), problems),
                Change::Path(name, path) => self.set(name, Given::Path((*path).to_owned()), problems),
                Change::Kind(name, kind) => {
                    let place = Place::outside(name);
                    if let Some(node) = self.named(name, &place, problems) {
                        node.kind = Some(Entry { name: "use".to_owned(), place, value: (*kind).to_owned() });
                    }
                }
            }
        }
    }

    fn set(&mut self, name: &str, value: Given, problems: &mut Problems) {
        let place = Place::outside(name);
        let Some((id, port)) = name.split_once('.') else {
            problems.add(place, "an argument is set as `node.port`");
            return;
        };
        if let Some(node) = self.named(id, &place, problems) {
            node.with.retain(|entry| entry.name != port);
            node.with.push(Entry { name: port.to_owned(), place, value });
        }
    }

    fn named(&mut self, id: &str, place: &Place, problems: &mut Problems) -> Option<&mut NodeDoc> {
        let Some(index) = self.nodes.iter().position(|node| node.name == id) else {
            let hint = did_you_mean(id, self.nodes.iter().map(|node| node.name.as_str()));
            problems.add(place.clone(), format!("no node `{id}`{hint}"));
            return None;
        };
        Some(&mut self.nodes[index].value)
    }
}
