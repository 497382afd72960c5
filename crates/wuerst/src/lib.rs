//! Engine, graph and job: the Rust API.
//!
//! ```no_run
//! use wuerst::{Engine, Options};
//!
//! let engine = Engine::new(Options { models: "models/icons".into(), ..Options::default() })?;
//! let graph = engine.graph(&std::fs::read_to_string("graphs/text-to-image.yaml")?)?;
//! let job = engine.job(&graph);
//! job.set("prompt", "a red apple, twemoji style")?;
//! let image = job.get("image", &mut ())?; // u8 [h,w,3]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod engine;
mod graph_kind;
mod holds;
mod job;
mod models;
mod options;
mod plugin;
mod running;
pub mod save;
mod settings;

pub use engine::Engine;
pub use graph_kind::GraphKind;
pub use holds::EngineReport;
pub use job::Job;
pub use options::Options;
pub use running::{Ended, Running, Status, Warning};
pub use settings::Settings;

/// The vocabulary: values, types, nodes, errors.
pub use wuerst_core as core;
pub use wuerst_core::{Error, Observer, Result, Tensor, Value};
/// Graph files: checking, running, describing.
pub use wuerst_graph as graph;
pub use wuerst_graph::{Change, Graph, Report};
/// The built-in nodes and the models they run.
pub use wuerst_stages as stages;
pub use wuerst_stages::Device;
