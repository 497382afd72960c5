//! Graphs, node kinds and diagnostics in forms for people and editors.

pub(crate) mod describe;
pub(crate) mod draw;
pub(crate) mod example;
pub(crate) mod outline;
pub(crate) mod page;
pub(crate) mod render;
pub(crate) mod schema;
