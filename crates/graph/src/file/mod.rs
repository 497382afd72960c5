//! A graph file as written: parsed and changed, without name resolution.

pub(crate) mod change;
pub(crate) mod doc;
mod entries;
pub(crate) mod lora;
pub(crate) mod open;
pub(crate) mod problems;
pub(crate) mod wire;
pub(crate) mod yaml;
