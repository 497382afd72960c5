//! Values, types, signatures, the [`NodeKind`] trait, the [`Registry`] and errors.
//!
//! All other crates build on this vocabulary. It knows neither graph files nor ONNX Runtime.
//!
//! A node is a named pure function over [`Value`]s. Its interface is one line of text, its [`Signature`]:
//!
//! ```
//! use wuerst_core::Signature;
//!
//! let signature: Signature = "latent: f32[1,4,h,w], steps: int = 12 {1..1000} -> image: u8[H,W,3]".parse()?;
//! assert_eq!(signature.inputs[1].name, "steps");
//! # Ok::<(), wuerst_core::SyntaxError>(())
//! ```
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod args;
mod assets;
mod byte_size;
mod bytes;
mod cache_folder;
mod cancellable_mutex;
mod cancellation;
mod caught;
pub mod colour;
mod content;
mod ctx;
mod digest;
mod entries;
mod error;
mod external;
mod file;
mod finite;
pub mod inside;
mod lora;
pub mod memory;
mod model;
mod node_kind;
mod origin;
mod port;
mod port_role;
mod printable;
mod refusal;
mod registry;
mod saved;
mod signature;
mod suggest;
mod syntax;
mod syntax_hints;
mod tensor;
mod ty;
mod unavailable;
mod usage;
mod value;
mod whole;

pub use args::Args;
pub use assets::{Assets, ReadAt};
pub use byte_size::ByteSize;
pub use bytes::{Bytes, Content};
pub use cache_folder::{CacheFolder, Entry};
pub use cancellable_mutex::{CancellableMutex, CancellableMutexGuard};
pub use cancellation::{CancellationGuard, CancellationToken};
pub use caught::{caught, panic_message};
pub use ctx::{Ctx, Observer};
pub use digest::{Digest, Hasher};
pub use entries::entries;
pub use error::{BoxError, Diagnostic, Error, Result};
pub use external::{external_data, stays_inside};
pub use file::{File, Files};
pub use finite::NotFinite;
pub use lora::Lora;
pub use model::{Model, ModelMemory, Models};
pub use node_kind::{Batch, KnownLength, NodeKind, NodeSpec, Unused};
pub use origin::Origin;
pub use port::Port;
pub use port_role::PortRole;
pub use printable::{is_command, printable, printable_json, printable_line};
pub use refusal::Refusal;
pub use registry::Registry;
pub use saved::Saved;
pub use signature::Signature;
pub use suggest::did_you_mean;
pub use syntax::SyntaxError;
pub use tensor::{ArcArrayD, DType, Element, Tensor};
pub use ty::{Dim, Ty};
pub use unavailable::Unavailable;
pub use usage::Usage;
pub use value::Value;
pub use whole::{effective_seed, is_whole, whole};
pub use wuerst_read::{Steady, byte_order, regular};
