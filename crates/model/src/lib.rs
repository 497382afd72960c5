//! Würstchen as mathematics: networks, schedules, the ONNX writer, the checkpoint reader.
//!
//! Nothing here computes on tensors: a network is [recorded](record) once and read by others.

pub mod contract;
pub mod layer;
pub mod record;
pub mod vqgan;
