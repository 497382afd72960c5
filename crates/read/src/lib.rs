//! Files of strangers: opened without waiting, and, if they are ONNX models, read field by field.
//!
//! Values know models by the files that these name, and networks are written as such files. Both read them with this
//! crate, which knows neither values nor networks.
//!
//! `regular` is the only place of the project that opens a file which a user or a stranger named.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod byte_order;
pub mod message;
pub mod regular;
mod steady;
pub mod wire;

pub use steady::Steady;
