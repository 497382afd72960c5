//! Errors, and positions in graph files.

use std::fmt;
use std::path::PathBuf;

use crate::{Refusal, SyntaxError};

/// Result type of the project's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error, used as the cause of another.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// All errors, grouped by what the caller can do about them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A graph file is wrong in all the listed places.
    #[error("the graph has {}{}", Count(.0), List(.0))]
    Graph(Vec<Diagnostic>),

    /// A settings file is wrong.
    #[error("{}:{}{problem}", path.display(), if problem.line > 0 { "" } else { " " })]
    Settings {
        /// The file.
        path: PathBuf,
        /// Description of the problem, and its place in the file.
        problem: Diagnostic,
    },

    /// A name leads nowhere.
    #[error("no {what} `{name}`{hint}")]
    NotFound {
        /// Kind of the thing that was looked up, such as "model".
        what: &'static str,
        /// Name that was looked up.
        name: String,
        /// Advice, beginning with its own punctuation; may be empty.
        hint: String,
    },

    /// A value is of the wrong type.
    #[error("{what}: wants {want}, got {got}")]
    Type {
        /// The port, such as `prior.steps`.
        what: String,
        /// Expected type.
        want: String,
        /// Actual type or value.
        got: String,
    },

    /// A value has the right type but is not allowed.
    #[error("{what}: {message}")]
    Invalid {
        /// The port or option.
        what: String,
        /// Description of the problem.
        message: String,
    },

    /// A node refuses a value because of an underlying error, such as a damaged model.
    #[error("{what}: {message}")]
    Refused {
        /// The port.
        what: String,
        /// Description of the problem.
        message: String,
        /// Underlying error, for programs; the message describes it in words.
        source: BoxError,
    },

    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },

    /// A model cannot be used.
    #[error("model {}: {source}", path.display())]
    Model {
        /// The model's file or folder.
        path: PathBuf,
        /// Why.
        source: BoxError,
    },

    /// ONNX Runtime refused.
    #[error("ONNX Runtime: {0}")]
    Runtime(String),

    /// Memory ran out, on the host or on the device.
    #[error("out of memory{}", Within(.node))]
    OutOfMemory {
        /// The node's name in the graph; empty outside of a graph's run.
        node: String,
    },

    /// A node failed.
    #[error("`{node}`: {source}")]
    Node {
        /// The node's name in the graph.
        node: String,
        /// Why.
        source: BoxError,
    },

    /// A plug-in cannot be loaded.
    #[error("plug-in {}: {source}", path.display())]
    Plugin {
        /// The library's file.
        path: PathBuf,
        /// Why.
        source: BoxError,
    },

    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,

    /// A bug: a state that should be impossible.
    #[error("a bug in wuerst: {0}")]
    Internal(String),
}

impl Error {
    /// An error for a value of the right type that is not allowed.
    pub fn invalid(what: impl Into<String>, message: impl Into<String>) -> Error {
        Error::Invalid { what: what.into(), message: message.into() }
    }

    /// Adds the name of the failing node. Cancellation, and errors that name a node already, stay as they are.
    #[must_use]
    pub fn in_node(self, node: &str) -> Error {
        match self {
            Error::OutOfMemory { node: unknown } if unknown.is_empty() => {
                Error::OutOfMemory { node: node.to_owned() }
            }
            Error::Cancelled | Error::Node { .. } | Error::OutOfMemory { .. } | Error::Graph(_) => self,
            other => Error::Node { node: node.to_owned(), source: other.into() },
        }
    }
}

impl From<SyntaxError> for Error {
    fn from(error: SyntaxError) -> Error {
        Error::invalid("signature", error.to_string())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        let Refusal { port, message, cause } = refusal;
        let what = port.unwrap_or_else(|| "arguments".to_owned());
        match cause {
            Some(source) => Error::Refused { what, message, source },
            None => Error::Invalid { what, message },
        }
    }
}

/// A problem in a graph file: its place, and advice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The line, counted from 1; 0 if the problem belongs to no line.
    pub line: u32,
    /// The column in characters, counted from 1; 0 if the problem belongs to no line.
    pub column: u32,
    /// The path in the graph, such as `nodes.prior.with.steps`; empty for the whole file.
    pub path: String,
    /// Description of the problem, with a suggestion if there is one.
    pub message: String,
}

impl Diagnostic {
    /// How the message of a note begins.
    pub const NOTE: &'static str = "note: ";

    /// Whether this is a note: it points at something allowed that is usually a mistake.
    pub fn is_note(&self) -> bool {
        self.message.starts_with(Diagnostic::NOTE)
    }
}

/// Writes `line:column: path: message`, leaving out unknown parts.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

struct Within<'a>(&'a str);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " in `{}`", self.0) }
    }
}

/// Number of problems, without notes.
struct Count<'a>(&'a [Diagnostic]);

impl fmt::Display for Count<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.iter().filter(|problem| !problem.is_note()).count();
        write!(f, "{count} problem{}", if count == 1 { "" } else { "s" })
    }
}

struct List<'a>(&'a [Diagnostic]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|diagnostic| write!(f, "\n{diagnostic}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graph_error_lists_its_places() {
        let place =
            |line, path: &str| Diagnostic { line, column: 3, path: path.into(), message: "wrong".into() };
        let error = Error::Graph(vec![place(2, "nodes.a"), place(0, "")]);
        assert_eq!(error.to_string(), "the graph has 2 problems\n2:3: nodes.a: wrong\nwrong");
    }

    #[test]
    fn errors_name_node_once() {
        let error = Error::Runtime("no".into()).in_node("prior").in_node("prior");
        assert_eq!(error.to_string(), "`prior`: ONNX Runtime: no");
        assert!(matches!(Error::Cancelled.in_node("prior"), Error::Cancelled));
    }

    #[test]
    fn refusal_keeps_its_cause() {
        let damaged = || Error::Model { path: "a.onnx".into(), source: "damaged".into() };
        let error = Error::from(Refusal::because("model", damaged()));
        assert_eq!(error.to_string(), "model: model a.onnx: damaged");
        let Error::Refused { source, .. } = error else { panic!("{error:?}") };
        assert!(matches!(source.downcast_ref(), Some(Error::Model { .. })));
        let error = Error::from(Refusal::from(damaged()));
        assert!(matches!(&error, Error::Refused { what, .. } if what == "arguments"), "{error:?}");
        let error = Error::from(Refusal::from(Error::invalid("width", "is 200")));
        assert!(matches!(&error, Error::Invalid { what, .. } if what == "width"), "{error:?}");
    }
}
