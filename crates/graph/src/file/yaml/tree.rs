//! YAML as a tree of values, each with its place.

/// A line and a column, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Mark {
    pub(crate) const START: Mark = Mark { line: 1, column: 1 };
    /// In no line of the file.
    pub(crate) const NOWHERE: Mark = Mark { line: 0, column: 0 };
}

/// Any YAML.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) mark: Mark,
    /// Where a text begins, in characters from the mark; `None` when the file writes it otherwise than it
    /// reads, over several lines or with escapes.
    pub(crate) inset: Option<u32>,
    pub(crate) data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<Entry>),
    /// Something that is no part of a graph, and reported already.
    Wrong,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) mark: Mark,
    pub(crate) key: String,
    pub(crate) value: Tree,
}

impl Tree {
    pub(crate) fn new(mark: Mark, data: Data) -> Tree {
        Tree { mark, inset: None, data }
    }

    /// What it is, in the words of a message.
    pub(crate) fn sort(&self) -> &'static str {
        match self.data {
            Data::Null => "empty",
            Data::Bool(_) => "a bool",
            Data::Int(_) | Data::Float(_) => "a number",
            Data::Text(_) => "text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
            Data::Wrong => "nothing of a graph",
        }
    }
}
