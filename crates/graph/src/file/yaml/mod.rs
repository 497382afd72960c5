//! YAML as written: with order, repeated keys and all places, without interpretation.
//!
//! A deserializer does not suffice: it stops at the first mistake, while all mistakes are to be reported, and it hides
//! places. So the parser's events are collected in a [`Tree`], as far as the file can be read. Graphs use only mappings,
//! lists and scalars. Anchors, aliases, tags and further documents are refused, so a small file cannot expand to a large
//! one.

mod quotes;
mod read;
mod scalar;
mod tree;

pub(crate) use read::{Problem, read};
pub(crate) use tree::{Data, Entry, Mark, Tree};
