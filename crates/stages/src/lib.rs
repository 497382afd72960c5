//! The built-in nodes, one file a stage, and the ONNX Runtime sessions they share.

mod contract;
mod decode;
mod device;
mod encode;
mod header;
mod locate;
mod preview;
mod prior;
mod runtime;
mod sample;
mod sessions;
mod stage;
mod tokenize;
mod vqgan;

use std::sync::Arc;

use wuerst_core::{Registry, Result};

pub use contract::Contract;
pub use device::{Device, Placement};
pub use header::{Header, HeaderError, Outlet};
pub use runtime::Runtime;
pub use sessions::{Level, Log, Options, Sessions};
pub use stage::Stage;

/// Adds the built-in nodes, all in the namespace `wuerst`, to a registry.
///
/// # Errors
/// When a node of one of their kinds is there already.
pub fn register(registry: &mut Registry, sessions: &Arc<Sessions>) -> Result<()> {
    let shared = || Arc::clone(sessions);
    registry.add(tokenize::Tokenize::new(shared())?)?;
    registry.add(encode::Encode::new(shared())?)?;
    registry.add(prior::Prior::new(shared())?)?;
    registry.add(decode::Decode::new(shared())?)?;
    registry.add(vqgan::Vqgan::new(shared())?)
}
