//! Runs models in ONNX Runtime: the process's library, devices, loaded models, and headers of model files.
//!
//! This crate knows neither node kinds nor graphs: nodes request a model for a stage from [`ModelCache`].
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod arena;
mod contract;
mod device;
mod library;
mod loras;
mod model;
mod model_cache;
mod model_header;
mod options;
mod peak_throughput;
mod per_stage;
mod recent;
mod session;
pub mod shared_library;
mod tensor;

pub use device::{
    Arena, Cuda, Device, ExecutionProvider, Extents, OpenVino, Operators, Placement, Precision, TensorRt,
    preferred,
};
pub use library::Runtime;
pub use library::host::HostApi;
pub use model::LoadedModel;
pub use model::invariant::InvariantOutputs;
pub use model::time::TimeInput;
pub use model_cache::ModelCache;
pub use model_header::{HeaderError, ModelHeader, Outlet};
pub use options::{Level, Log, RuntimeOptions};
pub use peak_throughput::{PeakThroughput, peak_throughput};
pub use per_stage::{MOST_THREADS, StageLora, StageOptions, check_threads};
pub use session::Session;
pub use wuerst_model::contract::Contract;
