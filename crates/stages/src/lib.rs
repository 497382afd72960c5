//! The built-in nodes, with one file per stage, and a folder per namespace for texts, pictures, numbers and tensors.
//! Their shared models are in `wuerst_runtime`.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod chunks;
mod clip_image;
mod compress;
mod decode;
mod encode;
mod file_name;
mod files;
mod fit;
mod heads;
mod image;
mod lengths;
mod lists;
mod mask;
pub mod npy;
mod number;
mod plain;
mod prior;
mod sampling;
mod saving;
mod show_tokens;
mod switch;
mod tensor;
mod text;
mod tiles;
mod tokenize;
mod tokenizer;
mod vqgan;
mod vqgan_encode;
mod weighting;

use std::sync::Arc;

use wuerst_core::{Registry, Result};

pub use files::{Outputs, followed, replace, temporary};
pub use image::{PngTextsError, XMP_KEYWORD, png_file, png_texts};
pub use show_tokens::{TextToken, TokensOfText, tokens_of_text};
pub use tokenize::companions;
pub use wuerst_model::lora::check_strength;
/// Loading shared libraries.
pub use wuerst_runtime::shared_library as library;
/// ONNX Runtime and the models that nodes share.
pub use wuerst_runtime::{
    Arena, Contract, Cuda, Device, ExecutionProvider, Extents, HeaderError, HostApi, Level, LoadedModel, Log,
    MOST_THREADS, ModelCache, ModelHeader, OpenVino, Operators, Outlet, PeakThroughput, Placement, Precision,
    Runtime, RuntimeOptions, StageLora, StageOptions, TensorRt, check_threads, peak_throughput,
};

/// Renamed kinds: old names and new names.
const RENAMED: [(&str, &str); 4] = [
    ("wuerst.encode", "wuerst.text_encode"),
    ("wuerst.decode", "wuerst.decoder"),
    ("wuerst.vqgan", "wuerst.vqgan_decode"),
    ("wuerst.vqgan_batch", "wuerst.vqgan_decode_batch"),
];

/// Adds the built-in nodes to a registry: the stages in the namespace `wuerst`, and their helpers in `text`, `image`,
/// `mask`, `int`, `float`, `tensor` and `switch`; and sets the devices that graphs may prefer. Nodes that save files write
/// into the folder of `outputs`.
///
/// # Errors
/// If a kind's name is taken.
pub fn register(registry: &mut Registry, models: &Arc<ModelCache>, outputs: Outputs) -> Result<()> {
    registry.set_devices(wuerst_runtime::preferred);
    RENAMED.into_iter().for_each(|(old, new)| registry.rename(old, new));
    let outputs = Arc::new(outputs);
    text::register(registry)?;
    image::register(registry, &outputs)?;
    mask::register(registry, &outputs)?;
    tensor::register(registry, &outputs)?;
    number::register(registry)?;
    lists::register(registry)?;
    switch::register(registry)?;
    fit::register(registry, models)?;
    let shared = || Arc::clone(models);
    registry.add(tokenize::Tokenize::new(shared())?)?;
    registry.add(encode::Encode::new(shared())?)?;
    registry.add(encode::Encode::pooled(shared())?)?;
    registry.add(clip_image::ClipImage::new(shared())?)?;
    registry.add(prior::Prior::new(shared())?)?;
    registry.add(decode::Decode::new(shared())?)?;
    registry.add(vqgan::Vqgan::new(shared())?)?;
    registry.add(vqgan::Vqgan::batch(shared())?)?;
    registry.add(vqgan_encode::VqganEncode::new(shared())?)?;
    registry.add(compress::Compress::new(shared())?)
}
