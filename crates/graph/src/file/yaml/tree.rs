//! YAML as a tree of values with places.

/// A line and a column, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Mark {
    pub(crate) const START: Mark = Mark { line: 1, column: 1 };
    /// A place outside the file's lines.
    pub(crate) const NOWHERE: Mark = Mark { line: 0, column: 0 };
}

/// Any YAML.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) mark: Mark,
    /// Offset of the text from the mark, in characters; `None` if it spans several lines or contains escapes.
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
    /// A construct that graphs do not allow, reported already.
    Wrong,
}

/// A key and its value.
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

    /// Name of its kind in messages.
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
