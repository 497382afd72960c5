//! Written models in ONNX Runtime: every operation against plain loops, at sizes other than the recorded ones, and
//! the forms that a model's files can take.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

mod attention;
mod cubic;
mod dense;
mod elementwise;
mod f16;
mod files;
mod halves;
mod int8;
mod layout;
mod networks;
mod plain;
mod recorded;
