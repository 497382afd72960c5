//! Devices: names with options, and the placement of models on them.

mod execution_provider;
mod name;
mod openvino;
mod operators;
mod placement;
mod plug_in;
mod quirks;
mod register;
mod settings;
mod tensorrt;

pub use execution_provider::ExecutionProvider;
pub use name::{Arena, Cuda, Device, Extents, OpenVino, Precision, TensorRt, preferred};
pub use operators::Operators;
pub(crate) use operators::{RECORD, assigned, reads_or_writes_elsewhere};
pub use placement::Placement;
pub(crate) use quirks::{reports_all, wrong};
pub(crate) use register::Request;
pub(crate) use settings::split;
