//! Untrusted files: opened without blocking and, for ONNX models, read field by field.
//!
//! Values identify models by the files that the models name, and networks are written as such files. Both use this crate,
//! which depends on neither.
//!
//! Only `regular` may open a file that a user or a stranger named.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod byte_order;
pub mod message;
pub mod regular;
mod steady;
pub mod wire;

pub use steady::Steady;
