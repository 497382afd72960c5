//! A YAML file becomes a checked [`Graph`], is run, and its results are remembered.
//!
//! Three phases, three types: the file as it was written, which may be wrong anywhere; the [`Graph`],
//! right by construction; the [`Run`], which computes outputs with the help of a [`Cache`]. Which nodes
//! there are is the [`Registry`](wuerst_core::Registry)'s business.

mod cache;
mod check;
mod contract;
mod describe;
mod doc;
mod graph;
mod inputs;
mod locate;
mod problems;
mod render;
mod report;
mod run;
mod suggest;
mod tree;

pub use cache::{Cache, Lease};
pub use describe::{describe, list};
pub use graph::{Graph, Output, Source, Step};
pub use inputs::Inputs;
pub use render::{excerpt, headline};
pub use report::{Ran, Report, Why};
pub use run::Run;
pub use suggest::did_you_mean;
