//! `include/wuerst.h` in Rust, declared once: for the library, for plug-ins, and for programs that load the library.
//!
//! Only the header documents the meaning of each item. A test asks a C compiler whether both agree. The table of
//! plug-ins, `wst_api`, is declared next to its functions, in `wuerst_abi`.
#![allow(unsafe_code, reason = "structs and pointers of C; each use says why it is sound")]

mod declare;
pub mod functions;
mod handles;
pub mod numbers;
mod structs;
mod text;

pub use declare::{Layout, Versioned};
pub use handles::{Call, Engine, Error, Graph, Job, Kinds, Plugin, Run, Value};
pub use structs::{
    Asset, Batch, Change, Digest, Image, Kind, LAYOUTS, Node, NodeKind, Observer, Options, Port, Status,
    Tensor,
};
pub use text::Str;

/// `WST_ABI_VERSION`.
pub const ABI_VERSION: u32 = 1;
