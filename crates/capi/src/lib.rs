//! The Rust API in C. `include/wuerst.h` alone documents each function.
//!
//! One file covers one type; strings, tensors, values and errors, which plug-ins need too, are in `wuerst_abi`. Every
//! exported function is a few lines inside [`boundary`], which turns NULL, panics and errors into the C convention.
//! Pointers from C are `Option<&T>`, [`Out`](boundary::Out) or [`Str`](text::Str).
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![allow(unsafe_code, reason = "pointers from C; each use says why it is sound")]

mod assets;
mod boundary;
mod contents;
mod engine;
mod graph;
mod handle;
mod job;
mod kinds;
#[cfg(test)]
mod layout;
mod node_kind;
mod nodes;
mod observer;
mod ports;
mod reserve;
mod run;
mod shared;
mod stack;

use wuerst_abi::{ABI_VERSION, digest, error, grow, list, tensor, text, value};

/// The version of the interface, as documented in the header.
#[unsafe(no_mangle)]
pub extern "C" fn wst_abi_version() -> u32 {
    ABI_VERSION
}

/// The version of the library, `WST_VERSION` in the header.
#[unsafe(no_mangle)]
pub extern "C" fn wst_version() -> text::Str {
    let version: &'static str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    text::Str { data: version.as_ptr(), len: version.len() - 1 }
}
