//! The built-in nodes, one file a stage, and the ONNX Runtime sessions they share.

mod contract;
mod device;
mod header;
mod locate;
mod runtime;
mod sessions;
mod stage;

pub use contract::Contract;
pub use device::{Device, Placement};
pub use header::{Header, HeaderError, Outlet};
pub use runtime::Runtime;
pub use sessions::{Level, Log, Options, Sessions};
pub use stage::Stage;
