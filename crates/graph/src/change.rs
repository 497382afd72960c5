//! What whoever runs a graph changes in it, without touching the file.

use wuerst_core::{Error, Result, Value, did_you_mean};

use crate::check::plain;
use crate::doc::{Doc, Entry, Given, NodeDoc};
use crate::graph::Graph;
use crate::problems::{Place, Problems};

/// A change to a graph as it is read.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<'a> {
    /// An argument, named as `node.port`, from text: read as the port's type demands, and a wire if it begins with `$`.
    /// Of a node within a node that is a graph, `outer/inner.port`; no wire then.
    Text(&'a str, &'a str),
    /// An argument, named likewise, from a value of any type.
    Value(&'a str, Value),
    /// A node, by its name, of another kind.
    Kind(&'a str, &'a str),
}

/// `node.port` and a text, or `node` and a kind.
impl<'a> From<(&'a str, &'a str)> for Change<'a> {
    fn from((name, text): (&'a str, &'a str)) -> Change<'a> {
        if name.contains('.') { Change::Text(name, text) } else { Change::Kind(name, text) }
    }
}

impl Change<'_> {
    fn name(&self) -> &str {
        match self {
            Change::Text(name, _) | Change::Value(name, _) | Change::Kind(name, _) => name,
        }
    }

    /// Whether it is for a node within a node, which is there only once the graphs have given way to their nodes.
    pub(crate) fn is_within(&self) -> bool {
        self.name().split('.').next().is_some_and(|node| node.contains('/'))
    }
}

impl Graph {
    /// Makes changes of nodes within nodes.
    ///
    /// # Errors
    /// [`Error::Graph`] with all those that cannot be made.
    pub(crate) fn change_within(&mut self, changes: &[Change<'_>]) -> Result<()> {
        let mut problems = Problems::default();
        for change in changes {
            let made = match change {
                Change::Value(name, value) => self.set(name, value.clone()),
                Change::Text(name, text) => self.set_from_text(name, text),
                Change::Kind(name, _) => {
                    let outer = name.split('/').next().unwrap_or(name);
                    let message = format!("stays what it is: make `{outer}` a graph that has another there");
                    Err(Error::invalid(*name, message))
                }
            };
            if let Err(error) = made {
                // The place names it already.
                let message = match error {
                    Error::Invalid { message, .. } => message,
                    other => other.to_string(),
                };
                problems.add(Place::outside(change.name()), message);
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Graph(problems.sorted())) }
    }

    fn set_from_text(&mut self, name: &str, text: &str) -> Result<()> {
        let (step, port) = self.argument(name)?;
        let port = &self.nodes[step].node.spec().signature.inputs[port];
        let value = plain(text).and_then(|text| port.read(&text));
        self.set(name, value.map_err(|message| Error::invalid(name, message))?)
    }
}

impl Doc {
    /// Makes the changes, in their order, and notes those that fit nothing in the file.
    pub(crate) fn change(&mut self, changes: &[Change<'_>], problems: &mut Problems) {
        for change in changes {
            match change {
                Change::Text(name, text) => self.set(name, Given::Text((*text).to_owned()), problems),
                Change::Value(name, value) => self.set(name, Given::Value(value.clone()), problems),
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
