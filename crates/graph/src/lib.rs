//! Graph files: reads and checks YAML, runs the [`Graph`], and remembers results.
//!
//! Three phases have three types: the file as written, which may contain mistakes; the [`Graph`], correct by
//! construction; the [`Run`], which computes outputs with the help of a [`Cache`]. The
//! [`Registry`](wuerst_core::Registry) holds the node kinds.
//!
//! # The format
//!
//! ```yaml
//! wuerstchen: 1                      # the version of the format
//! inputs:                            # what a job sets, declared as in a signature
//!   prompt: text
//!   steps: int = 12 {1..1000}
//!   numbers: i64[n]
//! nodes:                             # in any order
//!   tokens:
//!     use: wuerst.tokenize           # the node's kind
//!     with: { text: $prompt, model: text-encoder } # its arguments: literals and wires
//!   text:
//!     use: wuerst.text_encode
//!     with: { ids: $tokens.ids, mask: $tokens.mask, model: text-encoder }
//!   prior:
//!     use: wuerst.prior
//!     with: { text: $text.states, steps: $steps, model: prior }
//!     devices: [cuda, cpu]           # optional: preferred devices, no part of the result
//!   seeds:
//!     use: int.add
//!     with: { a: $numbers, b: 1 }
//!     each: [a]                      # optional: inputs that take lists; the node is run for each entry
//! outputs:                           # what a job may ask for
//!   embedding: $prior.embedding
//!   seeds: $seeds.sum
//! ```
//!
//! A graph with nodes of a plug-in declares them: `needs: { acme: load libacme }` names namespaces that the host must
//! register, with the advice for a missing one.
//!
//! A text that starts with a dollar is a wire, `$input` or `$node.port`; `$$` is a plain dollar. A text for a `model`
//! port names a model. A kind may be a graph itself, which the host has added under a name ([`add_graphs`]). The format
//! has no variables, no includes, and no paths of libraries. A graph file is pure data, so an untrusted one can be opened
//! safely.
//!
//! A node with a model may have `lora: [{ file: style.safetensors, strength: 0.8 }]`: files in the folder of models that change
//! the weights of its model. Their content and strength are part of its cache key.
//!
//! Cache keys contain neither `devices` nor the engine's preference: a node with a changed preference keeps its results
//! in memory, although devices differ in the last digits. [`Cache::clear`] makes everything run again. A cache folder
//! separates the results of engines with other devices or another ONNX Runtime.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod cache;
mod check;
mod file;
mod graph;
mod load;
mod run;
mod show;

pub use cache::{Cache, Folder, Lease};
pub use file::change::Change;
pub use file::open::{NotText, read_file, read_text};
pub use graph::{Graph, Node, Output, ValueSource};
pub use load::add::{AddGraphError, GraphKind, add_graphs};
pub use load::warnings;
pub use run::Run;
pub use run::inputs::Inputs;
pub use run::report::{CacheHit, NodeReport, Outcome, Report, RunReason};
pub use show::describe::{describe, list};
pub use show::draw::{dot, html, mermaid};
pub use show::example::example;
pub use show::outline::{Outline, OutlineInput, OutlineNode, outline};
pub use show::page::{page, summary};
pub use show::render::{excerpt, headline};
pub use show::schema::schema;
pub use wuerst_core::did_you_mean;
