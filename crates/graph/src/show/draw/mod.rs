//! Drawings of a checked graph: boxes with ports, and the wires between them.

mod boxes;
mod dot;
mod html;
mod layout;
mod mermaid;
mod report;
mod svg;
mod text;

pub use dot::dot;
pub use html::html;
pub use mermaid::mermaid;
