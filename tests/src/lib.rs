//! Shared code of the whole-system tests in `tests/tests`.

pub mod built;
pub mod bundle;
pub mod numbers;
pub mod onnx_bytes;
pub mod runtime;

/// Compiles and runs the examples of the Rust page.
#[cfg(doctest)]
#[doc = include_str!("../../crates/wuerst/README.md")]
pub struct Readme;
