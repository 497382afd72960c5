//! Conversions between C and Rust, in both directions: strings, tensors, values, errors and nodes.
//!
//! The C library exports these functions under the names of `include/wuerst.h`, which alone documents them; plug-ins find
//! the same functions in a table. [`node`] turns a C node into a [`wuerst_core::NodeKind`]; [`plugin!`] turns a
//! `wuerst_core::NodeKind` into a plug-in ([`guest`]).
//!
//! Every function is a few lines inside [`boundary`], which turns NULL, panics and errors into the C convention. Pointers
//! from C are `Option<&T>`, [`Out`] or [`Str`].
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![allow(unsafe_code, reason = "pointers from C; each use says why it is sound")]

pub mod boundary;
pub mod call;
pub mod digest;
pub mod error;
mod failure;
pub mod float;
pub mod grow;
pub mod guest;
pub mod image;
pub mod list;
pub mod node;
pub mod table;
pub mod tensor;
pub mod text;
pub mod value;

pub use boundary::{Out, fallible, infallible, non_null};
pub use error::Failure;
pub use grow::{Grows, Shows};
pub use tensor::View;
pub use text::Str;
pub use value::Value;

/// The vocabulary of nodes.
pub use wuerst_core as core;

pub use wuerst_sys::ABI_VERSION;
