//! `include/wuerst.h` in Rust, declared once: for the library, for plug-ins, and for programs that load the library.
//!
//! The header says what everything means, and only there. A test asks a C compiler whether the two agree. The table of
//! plug-ins, `wst_api`, is declared where its functions are, in `wuerst_abi`.
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
    Batch, Change, Digest, Image, Kind, LAYOUTS, Node, NodeKind, Observer, Options, Port, Status, Tensor,
};
pub use text::Str;

/// `WST_ABI_VERSION`.
pub const ABI_VERSION: u32 = 1;
