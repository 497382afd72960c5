//! Access to `libwuerst.so` for adapters of creative tools: through the C interface of `include/wuerst.h`, loaded at run
//! time.
//!
//! An adapter is a small library inside a host that it does not control. It is therefore not linked against the engine: a
//! missing or old library is an error that the adapter can show, and one engine serves all adapters of a process. Only
//! the header documents the functions.
//!
//! ```no_run
//! # fn main() -> Result<(), wuerst_client::Error> {
//! use wuerst_client::{Engine, Library, Setup};
//!
//! let library = Library::find(&[])?;
//! let engine = Engine::new(library, &Setup { models: "models/icons", ..Setup::default() })?;
//! let graph = engine.open("graphs/text-to-image.yaml".as_ref())?;
//! let job = graph.job()?;
//! job.set_text("prompt", "a red apple")?;
//! let image = job.get("image")?;
//! # Ok(())
//! # }
//! ```
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![allow(unsafe_code, reason = "calls into C; each use says why it is sound")]

mod engine;
mod error;
pub mod fit;
mod graph;
pub mod installed;
mod job;
mod library;
mod own_file;
mod picture;
mod raw;
mod run;
mod value;

pub use engine::{Engine, Setup};
pub use error::Error;
pub use graph::{Graph, Kind, Port};
pub use installed::Installed;
pub use job::Job;
pub use library::Library;
pub use picture::PictureGraph;
pub use raw::Digest;
pub use run::{Run, State, Status};
pub use value::{Format, Image, Value};
