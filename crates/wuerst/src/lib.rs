//! Engine, graph and job: the Rust API.
