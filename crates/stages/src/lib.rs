//! The built-in nodes, one file a stage, and the ONNX Runtime sessions they share; nodes for texts, pictures and tensors
//! in a folder for each namespace.

mod arena;
mod batch;
mod ceiling;
mod compress;
mod contract;
mod decode;
mod device;
mod each;
mod encode;
mod file_name;
mod files;
mod guidance;
mod header;
mod host;
mod image;
pub mod library;
mod locate;
pub mod npy;
mod once;
mod open;
mod plain;
mod prepared;
mod preview;
mod prior;
mod recent;
mod runtime;
mod sample;
mod sessions;
mod stage;
mod start;
mod switch;
mod tensor;
mod text;
mod tokenize;
mod tokenizer;
mod vqgan;
mod vqgan_encode;
mod work;

use std::sync::Arc;

use wuerst_core::{Registry, Result};

pub use ceiling::{Ceiling, ceiling};
pub use contract::Contract;
pub use device::{Arena, Cuda, Device, OpenVino, Operators, Placement, Precision, TensorRt};
pub use each::{MOST_THREADS, StageOptions, check_threads};
pub use files::{Outputs, replace, temporary};
pub use header::{Header, HeaderError, Outlet};
pub use host::HostApi;
pub use image::{PngTextsError, png_texts};
pub use runtime::Runtime;
pub use sessions::{Level, Log, Options, Sessions};
pub use stage::Stage;
pub use tokenize::companions;

/// Adds the built-in nodes to a registry: the stages in the namespace `wuerst`, and what goes with them in `text`,
/// `image`, `tensor` and `switch`; and says which execution providers graphs may prefer. Nodes that save files write into the folder of `outputs`.
///
/// # Errors
/// When a node of one of their kinds is there already.
pub fn register(registry: &mut Registry, sessions: &Arc<Sessions>, outputs: Outputs) -> Result<()> {
    registry.set_providers(device::provider);
    let outputs = Arc::new(outputs);
    text::register(registry)?;
    image::register(registry, &outputs)?;
    tensor::register(registry, &outputs)?;
    switch::register(registry)?;
    let shared = || Arc::clone(sessions);
    registry.add(tokenize::Tokenize::new(shared())?)?;
    registry.add(encode::Encode::new(shared())?)?;
    registry.add(prior::Prior::new(shared())?)?;
    registry.add(decode::Decode::new(shared())?)?;
    registry.add(vqgan::Vqgan::new(shared())?)?;
    registry.add(vqgan::Vqgan::batch(shared())?)?;
    registry.add(vqgan_encode::VqganEncode::new(shared())?)?;
    registry.add(compress::Compress::new(shared())?)
}
