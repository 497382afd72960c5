//! A graph file as it is written: read, changed, nothing looked up yet.

pub(crate) mod change;
pub(crate) mod doc;
pub(crate) mod open;
pub(crate) mod problems;
pub(crate) mod wire;
pub(crate) mod yaml;
