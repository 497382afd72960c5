//! Würstchen as mathematics: networks, schedules, the ONNX writer, the checkpoint reader.
//!
//! Nothing here computes on tensors: a network is [recorded](record) once and read by others.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod cascade;
pub mod checkpoint;
pub mod compressor;
pub mod contract;
pub mod count;
pub mod decoder;
pub mod import;
pub mod layer;
pub mod lora;
pub mod metadata;
pub mod network;
pub mod noise;
pub mod onnx;
pub mod prior;
pub mod record;
pub mod scale;
pub mod schedule;
pub mod stand_in;
pub mod text;
pub mod time;
pub mod vision;
pub mod vqgan;
pub mod whole_file;

#[cfg(test)]
mod published;
