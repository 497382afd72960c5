//! The Rust API in C. What each function promises stands in `include/wuerst.h`, and only there.
//!
//! One file a noun; strings, tensors, values and errors, which plug-ins need too, are in `wuerst_abi`. Every exported
//! function is a few lines inside [`boundary`], where NULL, panics and errors are turned into what C understands;
//! pointers from C are `Option<&T>`, [`Out`](boundary::Out) or [`Str`](text::Str).
#![allow(unsafe_code, reason = "pointers from C; each use says why it is sound")]

mod boundary;
mod engine;
mod graph;
mod job;
#[cfg(test)]
mod layout;
mod node;
mod shared;
mod watch;

use wuerst_abi::{ABI_VERSION, error, grow, tensor, text, value};

/// The version of the interface; the header says what it means.
#[unsafe(no_mangle)]
pub extern "C" fn wst_abi_version() -> u32 {
    ABI_VERSION
}
