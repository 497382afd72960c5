//! YAML as it was written: order kept, repeated keys kept, every place known, nothing interpreted yet.
//!
//! A deserializer would not do: it refuses a file at its first mistake, where we want to report all of
//! them, and it keeps places to itself. So the parser's events become a [`Tree`] here, as much of it as
//! can be read. Of YAML a graph needs mappings, lists and scalars; anchors, aliases, tags and a second
//! document are refused, and with them everything that can make a small file grow large.

mod quotes;
mod read;
mod scalar;
mod tree;

pub(crate) use read::{Problem, read};
pub(crate) use tree::{Data, Entry, Mark, Tree};
